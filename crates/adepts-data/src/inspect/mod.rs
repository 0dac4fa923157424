//! A first look at a log: what it seems to be, what is in it, and what looks wrong.

mod advice;
mod evidence;
mod guess;
mod notes;
mod pairs;
mod roles;
mod show;
mod summary;
mod warn;

use std::ops::ControlFlow;

use serde::Serialize;

pub use advice::{EventCount, LengthCount, RatingCount};
pub use summary::ColumnSummary;

use crate::config::{BadRows, Column, DataConfig, Encoding, SplitConfig};
use crate::error::DataError;
use crate::progress::silent;
use crate::read::readable;
use crate::source::{At, Cell, FileFormat, Flow, Role, Sink, Source, usual};
use pairs::Pairs;
use summary::Tally;

/// How many rows are shown.
const SHOWN: usize = 5;

/// What a log seems to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// The files, in the order in which they are read.
    pub files: Vec<String>,
    /// `csv`, `jsonl` or `parquet`.
    pub format: &'static str,
    /// What stands between the values of a text file.
    pub delimiter: Option<String>,
    /// Whether a text file begins with the names of the columns.
    pub header: Option<bool>,
    /// Rows that were looked at: all of them.
    pub looked_at: u64,
    /// Rows that `prepare` can read.
    pub rows: u64,
    /// Rows that it cannot.
    pub bad_rows: u64,
    /// The first row that cannot be read, as a message.
    pub bad_example: Option<String>,
    /// Distinct users, if a column seems to hold them.
    pub users: Option<u64>,
    /// Distinct items, if a column seems to hold them.
    pub items: Option<u64>,
    /// Share of the rows whose pair of user and item stands in an earlier row, in 0..=1.
    pub repeated_pairs: Option<f64>,
    /// Users with a single row.
    pub users_with_one_row: Option<u64>,
    /// How many rows have each rating, ascending; empty without ratings, or where there are more than 101 different ones.
    pub ratings: Vec<RatingCount>,
    /// How many rows have each kind of event, the commonest first; empty without events, or where there are more than 100 kinds.
    pub events: Vec<EventCount>,
    /// How many users have how many items, each counted once; of rows with at least the proposed rating. Empty where the log
    /// cannot be prepared as it is.
    pub history_lengths: Vec<LengthCount>,
    /// The least rating that is proposed.
    pub min_rating: Option<f64>,
    /// The split that is proposed, where the log has times.
    pub split: Option<SplitConfig>,
    /// The columns.
    pub columns: Vec<ColumnSummary>,
    /// The first rows.
    pub sample: Vec<Vec<String>>,
    /// What was decided, and what could be.
    pub notes: Vec<String>,
    /// What looks wrong.
    pub warnings: Vec<String>,
    /// A `[data]` table that reads the log, and where the log has times a `[split]` table.
    pub toml: String,
    /// The command that prepares the log, ready for a shell.
    pub prepare: String,
}

/// Looks at a whole log. What `options` leaves open is guessed: the format and the delimiter by the content where the
/// name does not say, the header by whether the first row looks like names, the columns by their usual names, or where
/// there are no names by their content: times, kinds of events and ratings show, and of the other columns that can hold
/// ids the first is taken for the user and the second for the item.
///
/// # Errors
/// If there is no file or it cannot be read at all; single bad rows are counted.
pub fn inspect(path: &str, options: &DataConfig) -> Result<Inspection, DataError> {
    let (mut data, looks) = guess::layout(path, options)?;
    let source = Source::open(&data)?.with_all_keys()?;
    let ids_by_content = guess::is_unnamed(&data, &source) && (data.user.is_none() || data.item.is_none());
    guess::columns(&mut data, &source)?;
    let role = |column: &Option<Column>| column.as_ref().map(|c| source.find(c)).transpose();
    let (user, item) = (role(&data.user)?, role(&data.item)?);

    let width = source.columns().len();
    let mut look = Look {
        tallies: (0..width).map(|_| Tally::default()).collect(),
        pairs: user.zip(item).map(|_| Pairs::default()),
        user,
        item,
        sample: Vec::new(),
        rows: 0,
        bad_rows: 0,
        bad_example: None,
    };
    let wanted: Vec<usize> = (0..width).collect();
    source.read_with_lists(&wanted, &mut look, &mut silent)?;

    let mut columns: Vec<ColumnSummary> =
        source.columns().iter().zip(&look.tallies).map(|(name, tally)| tally.summary(name)).collect();
    assign_roles(&mut columns, &mut data, &source)?;
    let format = source.files()[0].format;
    let repeated_pairs = look.pairs.as_ref().map(|p| p.repeated as f64 / look.rows.max(1) as f64);
    let looked_at = look.rows + look.bad_rows;
    let rating = columns.iter().find(|column| column.role == Some(Role::Rating));
    if data.filter.min_rating.is_none() {
        // Such numbers in a log without names and times are as often counts.
        let doubtful = data.header == Some(false) && data.time.is_none();
        let clear = rating.filter(|column| !(doubtful && column.is_hardly_a_rating()));
        data.filter.min_rating = clear.and_then(advice::least_rating);
    }
    let ratings = rating.map_or(&[][..], |column| &column.numbers);
    let ratings = ratings.iter().map(|(rating, rows)| RatingCount { rating: *rating, rows: *rows }).collect();
    let event = columns.iter().find(|column| column.role == Some(Role::Event));
    let events = event.map_or_else(Vec::new, ColumnSummary::kinds);
    let events = events.into_iter().map(|(event, rows)| EventCount { event, rows }).collect();
    let mut unreadable = None;
    let mut left = None;
    if user.is_some() && item.is_some() {
        match readable(&source, &data) {
            Ok(read) => {
                (look.rows, look.bad_rows, look.bad_example) = (read.rows, read.skipped, read.example);
                left = read.left;
            }
            Err(error) => unreadable = Some(error),
        }
    }
    let split = left.as_ref().and_then(advice::by_time);
    // The warning says which rows these are; what is proposed is to work as it is proposed.
    if look.rows > 0 && look.bad_rows > 0 {
        data.bad_rows = BadRows::Skip;
    }
    // Text of another encoding: the command that is proposed reads it.
    let other = look.bad_example.as_ref().is_some_and(|example| example.contains("--encoding latin1"));
    if look.rows == 0 && other && data.encoding.is_auto() {
        data.encoding = Encoding::Latin1;
    }
    let mut inspection = Inspection {
        files: source.files().iter().map(|f| f.path.display().to_string()).collect(),
        format: match format {
            FileFormat::Csv => "csv",
            FileFormat::Jsonl => "jsonl",
            FileFormat::Parquet => "parquet",
        },
        delimiter: source.delimiter().map(str::to_owned),
        header: data.header.filter(|_| format == FileFormat::Csv),
        looked_at,
        rows: look.rows,
        bad_rows: look.bad_rows,
        bad_example: look.bad_example,
        users: user.map(|u| columns[u].distinct),
        items: item.map(|i| columns[i].distinct),
        repeated_pairs,
        users_with_one_row: look.pairs.as_ref().map(Pairs::users_with_one_row),
        ratings,
        events,
        history_lengths: left.as_ref().map(advice::lengths).unwrap_or_default(),
        min_rating: data.filter.min_rating,
        columns,
        sample: look.sample,
        notes: Vec::new(),
        warnings: Vec::new(),
        toml: show::toml(&data, &source, split.as_ref()),
        prepare: show::prepare(&data, &source, split.as_ref()),
        split,
    };
    inspection.notes = notes::notes(&inspection, left.as_ref(), ids_by_content);
    inspection.warnings = warn::warnings(&inspection, &looks, unreadable.as_ref(), look.pairs.as_ref());
    Ok(inspection)
}

/// Gives each column its role: as it was found, or by usual names whose content fits.
fn assign_roles(columns: &mut [ColumnSummary], data: &mut DataConfig, source: &Source) -> Result<(), DataError> {
    let names = source.columns();
    let unnamed = guess::is_unnamed(data, source);
    for (role, column) in [(Role::User, &data.user), (Role::Item, &data.item)] {
        if let Some(column) = column {
            columns[source.find(column)?].role = Some(role);
        }
    }
    for (role, column) in
        [(Role::Event, &mut data.event), (Role::Rating, &mut data.rating), (Role::Time, &mut data.time)]
    {
        let found = match column {
            Some(column) => Some(source.find(column)?),
            None if unnamed => None,
            None => usual(role, names)
                .filter(|&at| columns[at].role.is_none() && columns[at].can_be(role))
                .or_else(|| (role == Role::Time).then(|| only_time(columns)).flatten()),
        };
        if let Some(at) = found {
            columns[at].role = Some(role);
            column.get_or_insert_with(|| Column::Name(names[at].clone()));
        }
    }
    for column in columns.iter_mut().filter(|column| column.role != Some(Role::Time)) {
        column.time_unit = None;
    }
    Ok(())
}

/// The only column of dates, if there is one that does not say by its name when something else was.
fn only_time(columns: &[ColumnSummary]) -> Option<usize> {
    const OTHERS: [&str; 8] = ["birth", "release", "publi", "expir", "start", "end", "join", "sign"];
    let when = |c: &ColumnSummary| {
        let name = c.name.to_lowercase();
        c.role.is_none() && c.kind == "time" && c.missing == 0 && !OTHERS.iter().any(|other| name.contains(other))
    };
    let mut found = (0..columns.len()).filter(|at| when(&columns[*at]));
    found.next().filter(|_| found.next().is_none())
}

/// Counts while the rows stream by.
struct Look {
    tallies: Vec<Tally>,
    pairs: Option<Pairs>,
    user: Option<usize>,
    item: Option<usize>,
    sample: Vec<Vec<String>>,
    rows: u64,
    bad_rows: u64,
    bad_example: Option<String>,
}

impl Sink for Look {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        self.rows += 1;
        for (tally, cell) in self.tallies.iter_mut().zip(cells) {
            tally.take(at, *cell);
        }
        if let (Some(pairs), Some(user), Some(item)) = (&mut self.pairs, self.user, self.item) {
            pairs.take(cells[user], cells[item]);
        }
        if self.sample.len() < SHOWN {
            self.sample.push(cells.iter().map(Cell::spelling).collect());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        self.bad_rows += 1;
        self.bad_example.get_or_insert_with(|| error.to_string());
        Ok(ControlFlow::Continue(()))
    }
}
