//! From the files of a log to [`Interactions`].
//!
//! Rows stream; what is kept of one is 8 bytes (the numbers of its user and item), 8 more with times and 1 more with a
//! split in the log. Growing columns may hold twice that for a moment; ordering them takes 4 bytes a row and one more
//! copy of the widest column. Preparing 20 million rows was measured at 27 bytes a row with times (0.54 GB) and 17
//! without, ids included; the most it can be is 50 and 30. An id takes about 26 bytes if it is a number, its length and
//! 40 bytes if it is text.

use std::ops::ControlFlow;

use crate::config::{BadRows, Column, DataConfig, SplitConfig};
use crate::dataset::StepCount;
use crate::error::DataError;
use crate::filter::{Pairs, Sieve, counts};
use crate::groups::GroupColumn;
use crate::id::Vocabulary;
use crate::interactions::{Interactions, Part};
use crate::intern::{Interner, Refused};
use crate::place::shortened;
use crate::progress::Progress;
use crate::source::{At, Cell, Flow, Role, Sink, Source, usual};
use crate::time;

/// How many of the skipped rows are listed.
const EXAMPLES: usize = 5;

/// A log that has been read and filtered.
#[derive(Clone, Debug)]
pub struct Read {
    /// What is left, ordered by user, then item.
    pub interactions: Interactions,
    /// What each step kept and dropped.
    pub steps: Vec<StepCount>,
    /// Rows that could not be read and were skipped.
    pub skipped_rows: u64,
    /// The first of them, as messages.
    pub skipped_examples: Vec<String>,
    /// The configuration with the columns that were guessed.
    pub data: DataConfig,
}

/// Reads and filters a log. `split` says whether times are needed, and which column holds the split, if one does.
///
/// # Errors
/// Everything that can be wrong with files, columns, rows and filters; see [`DataError`].
pub fn read(data: &DataConfig, split: &SplitConfig, progress: Progress) -> Result<Read, DataError> {
    let sieve = Sieve::new(&data.filter)?;
    check_needs(data, split)?;
    let source = Source::open(data)?;
    let mut resolved = data.clone();
    let wanted = Wanted::new(&source, &mut resolved, split)?;

    let mut reader = Reader::new(&wanted, sieve, data.bad_rows);
    source.read(&wanted.columns, &mut reader, progress)?;
    let Reader { users, items, pairs, groups, sieve, rows, skipped_rows, skipped_examples, .. } = reader;

    let mut steps = vec![StepCount { step: "read".into(), rows, users: None, items: None, dropped: skipped_rows }];
    steps.extend(sieve.steps(rows));
    if let Some(last) = steps.last_mut() {
        (last.users, last.items) = (Some(users.len() as u64), Some(items.len() as u64));
    }
    let mut before = rows + skipped_rows;
    for step in &steps {
        some_left(step, before)?;
        before = step.rows;
    }
    progress("order", 0, None);
    finish(users, items, pairs, groups, &data.filter, &mut steps).map(|interactions| Read {
        interactions,
        steps,
        skipped_rows,
        skipped_examples,
        data: resolved,
    })
}

/// Vocabularies in order, each pair once, the core, and only ids that are left.
fn finish(
    users: Interner,
    items: Interner,
    mut pairs: Pairs,
    groups: Vec<GroupColumn>,
    filter: &crate::config::Filter,
    steps: &mut Vec<StepCount>,
) -> Result<Interactions, DataError> {
    let (users, user_place) = users.into_sorted();
    let (items, item_place) = items.into_sorted();
    for user in &mut pairs.user {
        *user = user_place[*user as usize];
    }
    for item in &mut pairs.item {
        *item = item_place[*item as usize];
    }
    let mut count = |pairs: &Pairs, step: String, before: usize| {
        let present = |of: &[u32], len| counts(of, len).iter().filter(|&&n| n > 0).count() as u64;
        let step = StepCount {
            step,
            rows: pairs.len() as u64,
            users: Some(present(&pairs.user, users.len())),
            items: Some(present(&pairs.item, items.len())),
            dropped: (before - pairs.len()) as u64,
        };
        let left = some_left(&step, before as u64);
        steps.push(step);
        left
    };

    let before = pairs.len();
    let mut pairs = pairs.once_each(users.len());
    count(&pairs, "each pair once".into(), before)?;

    let user_core = filter.core.into_iter().chain(filter.user_core).max().unwrap_or(0);
    let item_core = filter.core.into_iter().chain(filter.item_core).max().unwrap_or(0);
    if user_core > 1 || item_core > 1 {
        let before = pairs.len();
        pairs.core(users.len(), items.len(), user_core, item_core);
        let step = match (user_core, item_core) {
            (u, i) if u == i => format!("core {u}"),
            (u, 0) => format!("user core {u}"),
            (0, i) => format!("item core {i}"),
            (u, i) => format!("user core {u}, item core {i}"),
        };
        count(&pairs, step, before)?;
    }

    let mut number_of = vec![0; user_place.len()];
    for (number, &place) in user_place.iter().enumerate() {
        number_of[place as usize] = number as u32;
    }
    let (users, kept) = compact(users, &mut pairs.user);
    let (items, _) = compact(items, &mut pairs.item);
    let numbers: Vec<u32> = kept.iter().map(|&place| number_of[place as usize]).collect();
    let Pairs { user, item, time, part } = pairs;
    let columns = groups.into_iter().map(|group| group.finish(&numbers)).collect();
    Ok(Interactions { users, items, user, item, time, part, columns })
}

/// Drops ids that no row has; also gives the old index of each that is left.
fn compact(ids: Vocabulary, rows: &mut [u32]) -> (Vocabulary, Vec<u32>) {
    let counts = counts(rows, ids.len());
    let kept: Vec<u32> = (0..ids.len() as u32).filter(|&i| counts[i as usize] > 0).collect();
    if kept.len() == ids.len() {
        return (ids, kept);
    }
    let mut place = vec![0; ids.len()];
    for (at, &i) in kept.iter().enumerate() {
        place[i as usize] = at as u32;
    }
    for row in rows {
        *row = place[*row as usize];
    }
    let mut stays = counts.iter().map(|&n| n > 0);
    let mut stays = || stays.next().unwrap_or(false);
    let ids = match ids {
        Vocabulary::Int(mut ids) => {
            ids.retain(|_| stays());
            Vocabulary::Int(ids)
        }
        Vocabulary::Text(mut ids) => {
            ids.retain(|_| stays());
            Vocabulary::Text(ids)
        }
    };
    (ids, kept)
}

fn some_left(step: &StepCount, before: u64) -> Result<(), DataError> {
    if step.rows > 0 { Ok(()) } else { Err(DataError::EmptyResult { step: step.step.clone(), before }) }
}

/// Columns that the filter or the split cannot do without.
fn check_needs(data: &DataConfig, split: &SplitConfig) -> Result<(), DataError> {
    let filter = &data.filter;
    let kind = match split {
        SplitConfig::LeaveLast { .. } => Some("leave-last"),
        SplitConfig::Temporal { .. } => Some("temporal"),
        _ => None,
    };
    let needs = [
        (filter.min_rating.map(|_| "the filter `min_rating`".to_owned()), &data.rating, Role::Rating),
        ((!filter.events.is_empty()).then(|| "the filter `events`".to_owned()), &data.event, Role::Event),
        (filter.from.as_ref().map(|_| "the filter `from`".to_owned()), &data.time, Role::Time),
        (filter.until.as_ref().map(|_| "the filter `until`".to_owned()), &data.time, Role::Time),
        (kind.map(|kind| format!("the split `{kind}`")), &data.time, Role::Time),
    ];
    for (what, column, role) in needs {
        if let (Some(what), None) = (what, column) {
            return Err(DataError::NeedsColumn { what, role: role.key() });
        }
    }
    Ok(())
}

/// The columns to read, and which of them is what; the user's and the item's come first.
struct Wanted {
    columns: Vec<usize>,
    names: Vec<String>,
    rating: Option<usize>,
    event: Option<usize>,
    time: Option<usize>,
    part: Option<usize>,
    groups: Vec<usize>,
}

impl Wanted {
    fn new(source: &Source, data: &mut DataConfig, split: &SplitConfig) -> Result<Self, DataError> {
        for (role, column) in [(Role::User, &mut data.user), (Role::Item, &mut data.item)] {
            if column.is_none() {
                let names = source.columns();
                let found = usual(role, names).ok_or_else(|| DataError::NoColumnFor {
                    path: source.files()[0].path.clone(),
                    role: role.key(),
                    columns: names.to_vec(),
                })?;
                *column = Some(Column::Name(names[found].clone()));
            }
        }
        let mut columns = Vec::new();
        let mut slot = |column: &Column| {
            columns.push(source.find(column)?);
            Ok::<_, DataError>(columns.len() - 1)
        };
        for column in data.user.iter().chain(&data.item) {
            slot(column)?;
        }
        let rating = data.rating.as_ref().map(&mut slot).transpose()?;
        let event = data.event.as_ref().map(&mut slot).transpose()?;
        let time = data.time.as_ref().map(&mut slot).transpose()?;
        let part = if let SplitConfig::Column { column } = split { Some(slot(column)?) } else { None };
        let groups = data.groups.iter().map(&mut slot).collect::<Result<_, _>>()?;
        let names = columns.iter().map(|&c| source.columns()[c].clone()).collect();
        Ok(Self { columns, names, rating, event, time, part, groups })
    }
}

/// Gathers the rows that stay.
struct Reader<'a> {
    wanted: &'a Wanted,
    bad_rows: BadRows,
    sieve: Sieve,
    users: Interner,
    items: Interner,
    pairs: Pairs,
    groups: Vec<GroupColumn>,
    /// Rows that could be read.
    rows: u64,
    skipped_rows: u64,
    skipped_examples: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(wanted: &'a Wanted, sieve: Sieve, bad_rows: BadRows) -> Self {
        Self {
            wanted,
            bad_rows,
            sieve,
            users: Interner::new(),
            items: Interner::new(),
            pairs: Pairs {
                user: Vec::new(),
                item: Vec::new(),
                time: wanted.time.map(|_| Vec::new()),
                part: wanted.part.map(|_| Vec::new()),
            },
            groups: wanted.groups.iter().map(|&slot| GroupColumn::new(wanted.names[slot].clone())).collect(),
            rows: 0,
            skipped_rows: 0,
            skipped_examples: Vec::new(),
        }
    }

    /// The value of a column as `parse` understands it; `None` if the column is not wanted.
    #[inline]
    fn value<'c, T>(
        &self,
        at: At<'_>,
        cells: &[Cell<'c>],
        slot: Option<usize>,
        expected: &'static str,
        parse: impl FnOnce(&Cell<'c>) -> Option<T>,
    ) -> Result<Option<T>, DataError> {
        let Some(slot) = slot else { return Ok(None) };
        parse(&cells[slot]).map(Some).ok_or_else(|| self.refused(at, slot, cells[slot], expected))
    }

    #[cold]
    fn refused(&self, at: At<'_>, slot: usize, cell: Cell<'_>, expected: &'static str) -> DataError {
        let (place, column) = (at.place(), self.wanted.names[slot].clone());
        match cell {
            Cell::Missing | Cell::Text("") => DataError::MissingValue { place, column, expected },
            _ => DataError::BadValue { place, column, value: shortened(&cell.spelling()), expected },
        }
    }

    #[cold]
    fn no_id(&self, at: At<'_>, slot: usize, cell: Cell<'_>, refused: &Refused) -> DataError {
        let mixed = |found, before| DataError::MixedTypes {
            place: Box::new(at.place()),
            column: self.wanted.names[slot].clone(),
            value: shortened(&cell.spelling()),
            found,
            before,
        };
        match refused {
            Refused::Missing | Refused::NoId => self.refused(at, slot, cell, "an id: a whole number or text"),
            Refused::NumberAmongText => mixed("a number", "text"),
            Refused::TextAmongNumbers => mixed("text", "numbers"),
            Refused::Full => {
                DataError::TooMany { what: if slot == 0 { "users" } else { "items" }, limit: u64::from(u32::MAX) }
            }
        }
    }

    /// Takes a row, or says what is wrong with it.
    #[inline]
    fn take(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Result<(), DataError> {
        let wanted = self.wanted;
        for (slot, &cell) in cells[..2].iter().enumerate() {
            if matches!(cell, Cell::Missing | Cell::Text("")) {
                return Err(self.no_id(at, slot, cell, &Refused::Missing));
            }
        }
        let rating = self.value(at, cells, wanted.rating, "a number", Cell::number)?;
        let time = self.value(at, cells, wanted.time, time::EXPECTED, Cell::moment)?;
        let part = self.value(at, cells, wanted.part, "`train`, `validation` or `test`", part)?;
        let kept = match wanted.event.map(|slot| cells[slot]) {
            None => self.sieve.keeps(rating, None, time),
            Some(Cell::Raw(event) | Cell::Text(event)) => self.sieve.keeps(rating, Some(event), time),
            Some(Cell::Missing) => self.sieve.keeps(rating, Some(""), time),
            Some(other) => self.sieve.keeps(rating, Some(&other.spelling()), time),
        };
        if kept {
            let user = self.users.intern(cells[0]).map_err(|e| self.no_id(at, 0, cells[0], &e))?;
            let item = self.items.intern(cells[1]).map_err(|e| self.no_id(at, 1, cells[1], &e))?;
            for (group, &slot) in self.groups.iter_mut().zip(&wanted.groups) {
                group.note(user, cells[slot], at, || self.users.spelling(user))?;
            }
            if self.pairs.len() == u32::MAX as usize {
                return Err(DataError::TooMany { what: "rows", limit: u64::from(u32::MAX) });
            }
            self.pairs.user.push(user);
            self.pairs.item.push(item);
            if let (Some(times), Some(time)) = (&mut self.pairs.time, time) {
                times.push(time);
            }
            if let (Some(parts), Some(part)) = (&mut self.pairs.part, part) {
                parts.push(part);
            }
        }
        self.rows += 1;
        Ok(())
    }
}

impl Sink for Reader<'_> {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        match self.take(at, cells) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // A row can be passed over; a column of two types or a user of two groups cannot.
            Err(e @ (DataError::MissingValue { .. } | DataError::BadValue { .. })) => self.malformed(e),
            Err(e) => Err(e),
        }
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        if self.bad_rows == BadRows::Fail {
            return Err(error);
        }
        self.skipped_rows += 1;
        if self.skipped_examples.len() < EXAMPLES {
            self.skipped_examples.push(error.to_string());
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn part(cell: &Cell<'_>) -> Option<Part> {
    let (Cell::Raw(text) | Cell::Text(text)) = cell else { return None };
    match text.to_ascii_lowercase().as_str() {
        "train" => Some(Part::Train),
        "validation" | "valid" | "val" => Some(Part::Validation),
        "test" => Some(Part::Test),
        _ => None,
    }
}
