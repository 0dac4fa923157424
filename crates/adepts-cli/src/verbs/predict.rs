//! `adepts predict`: probabilities for new rows, or the items that are found for them.

use std::io::{BufWriter, IsTerminal as _, Write as _, stdin, stdout};
use std::path::PathBuf;

use adepts::data::table::{RecordBatch, objects, spelled};
use adepts::data::tabular::{EncodeSummary, RawFiles, Streamed};
use adepts::data::{BadRows, Column, DataError, Format, agreeing, counted};
use adepts::history::run;
use adepts::page::table::{LongTable, TextTable};
use adepts::serve::{Exclude, FoundItem};
use adepts::tabular::Form;
use adepts::tabular::predict::{LISTS, Predicted, Retrieved, check_kept};
use adepts::{Error, TabularRun};
use clap::{Args, ValueEnum, value_parser};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::options::Encoding;
use crate::output;
use crate::output::rows::{Elements, Table};
use crate::progress::Terminal;
use crate::verbs::finalize::hint;

/// Score the rows of a file with a tabular run, or retrieve items for them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts predict runs/cesaa new.csv
  adepts predict runs/cesaa new.parquet --out scores.parquet --keep user_id,movie_id
  adepts predict runs/cesaa 'new/*.jsonl.gz' --skip-bad-rows --json
  adepts predict runs/retrieval users.csv --top 100 --out lists.parquet
  zcat new.csv.gz | adepts predict runs/cesaa -

The file needs the columns that the model was trained on, except label and user. Values that training did not see map to
the unknown (OOV) code; stderr says how many there were, and how many are missing. `row` counts rows from 1; messages
count lines of the file, with its header. `score` is the probability of the label. For a run trained for retrieval
(data.item) it is the score of the item, which is not a probability.

--top needs such a run, and only the domain and the fields of the user. Each row gets the items of the whole catalogue
with the highest scores. If the column of users (data.user) is a field of the model, items that the user has in any row
of the log are left out, low ratings included. `--exclude learned` leaves out items of training rows only, and
`--exclude none` nothing.

Scores are printed while the file is read: if an error ends the command, what was printed is incomplete. With --out no
file is written then.")]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The rows: a file, a glob, a folder, or - for stdin (CSV, JSON lines or Parquet)
    #[arg(value_name = "FILE")]
    file: String,
    /// Retrieval: find the N items with the highest scores for each row
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// With --top: which items of the user to leave out, if the column of users is a field of the model [default: seen]
    #[arg(long, value_enum, value_name = "WHAT", requires = "top")]
    exclude: Option<RowsName>,
    /// Write to this .parquet or .csv file instead of stdout (columns row and score; with --top also rank and item)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Columns of the file to copy to the output, separated by commas; may be repeated
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    keep: Vec<String>,
    /// Overwrite the file of --out
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Count and skip rows that cannot be read or have an unknown domain
    #[arg(long)]
    skip_bad_rows: bool,
    /// Encoding of a text file [default: that of the training rows]
    #[arg(long, value_enum, value_name = "ENCODING")]
    encoding: Option<Encoding>,
    /// Print as JSON
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

/// What is left out of the lists of retrieval.
#[derive(Clone, Copy, ValueEnum)]
enum RowsName {
    /// Items of all rows of the log that count as seen
    Seen,
    /// Items of the training rows
    Learned,
    /// Nothing
    None,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        self.check_out()?;
        self.check_family()?;
        let run = TabularRun::open(&self.run)?;
        hint(&self.run, terminal);
        let bad_rows = if self.skip_bad_rows { BadRows::Skip } else { BadRows::Fail };
        let data = &run.experiment.data;
        let streamed = (self.file == "-").then(|| Streamed::read(&mut stdin().lock())).transpose();
        let streamed = streamed.map_err(Error::from)?;
        let source = streamed.as_ref().map_or(self.file.as_str(), Streamed::source).to_owned();
        let keep = self.keep.iter().cloned().map(Column::Name).collect();
        let encoding = self.encoding.map_or(data.encoding, Encoding::of_data);
        let files = RawFiles { source, format: Format::Auto, encoding, bad_rows, keep, ..RawFiles::from(data) };
        let streamed = streamed.as_ref();
        let met = match self.top {
            Some(number) => self.lists(&run, &files, number as usize, terminal),
            None => self.scores(&run, &files, terminal),
        };
        let mut met = met.map_err(|error| of_stream(error, streamed))?;
        told(&mut met, streamed, terminal);
        let Some(out) = &self.out else { return Ok(()) };
        let what = match self.top {
            Some(_) => format!("lists for {}", counted(met.rows, "row")),
            None => counted(met.rows, "score"),
        };
        output::text(&format!("{what}: {}", out.display()))
    }

    /// Refuses to replace a file unasked, and a name that promises another format.
    fn check_out(&self) -> Result<(), Error> {
        let Some(out) = &self.out else { return Ok(()) };
        if out.exists() && !self.overwrite {
            let told = format!("{} exists; name another file with --out, or --overwrite", out.display());
            return Err(Error::Request(told));
        }
        Form::of(out).map(drop)
    }

    /// Writes or prints the scores of the rows.
    fn scores(&self, run: &TabularRun, files: &RawFiles, terminal: &Terminal) -> anyhow::Result<EncodeSummary> {
        let progress = &mut terminal.progress();
        if let Some(out) = &self.out {
            return Ok(run.predict_to(files, out, progress)?);
        }
        let shown = stdout().is_terminal();
        let out = BufWriter::new(stdout().lock());
        if self.json {
            let mut elements = Elements::new(out);
            let each = |mut block: Predicted| {
                make_room(shown, terminal);
                let kept = kept(&mut block.kept)?;
                let mut rows = block.rows.into_iter().zip(kept).zip(block.scores);
                Ok(rows.try_for_each(|((row, kept), score)| elements.element(&Scored { row, kept, score }))?)
            };
            let met = run.predict::<anyhow::Error>(files, each, progress)?;
            elements.end()?;
            return Ok(met);
        }
        let mut table = Table::new(out);
        let each = |block: Predicted| {
            make_room(shown, terminal);
            Ok(table.rows(&block.table())?)
        };
        let met = run.predict::<anyhow::Error>(files, each, progress)?;
        table.end()?;
        Ok(met)
    }

    /// Points a history run to where it belongs.
    fn check_family(&self) -> Result<(), Error> {
        if run::manifest(&self.run).is_err() {
            return Ok(());
        }
        let folder = self.run.display();
        Err(Error::Request(format!(
            "{folder} is a run of a history model, which has no rows to score; for lists of items: `adepts recommend {folder} --user ID`, or `adepts recommend {folder} --users FILE --out lists.parquet`"
        )))
    }

    /// Writes or prints the items that are found.
    fn lists(
        &self,
        run: &TabularRun,
        files: &RawFiles,
        number: usize,
        terminal: &Terminal,
    ) -> anyhow::Result<EncodeSummary> {
        let exclude = match self.exclude {
            None | Some(RowsName::Seen) => Exclude::Seen,
            Some(RowsName::Learned) => Exclude::Learned,
            Some(RowsName::None) => Exclude::None,
        };
        let progress = &mut terminal.progress();
        if let Some(out) = &self.out {
            return Ok(run.retrieve_to(files, number, exclude, out, progress)?);
        }
        let shown = stdout().is_terminal();
        if self.json {
            let mut elements = Elements::new(BufWriter::new(stdout().lock()));
            let each = |mut block: Retrieved| {
                make_room(shown, terminal);
                check_kept(block.kept.as_ref(), &Listed::KEYS)?;
                let item = |(item, score)| FoundItem { item, score };
                let kept = kept(&mut block.kept)?;
                block.rows.into_iter().zip(kept).zip(block.lists).try_for_each(|((row, kept), list)| {
                    elements.element(&Listed { row, kept, items: list.into_iter().map(item).collect() })
                })?;
                Ok(())
            };
            let met = run.retrieve::<anyhow::Error>(files, number, exclude, each, progress)?;
            elements.end()?;
            return Ok(met);
        }
        let numbers = run.numbered()?;
        if !shown {
            let mut table = Table::new(BufWriter::new(stdout().lock()));
            let each = |block: Retrieved| {
                check_kept(block.kept.as_ref(), &LISTS)?;
                Ok(table.rows(&block.table(numbers))?)
            };
            let met = run.retrieve::<anyhow::Error>(files, number, exclude, each, progress)?;
            table.end()?;
            return Ok(met);
        }
        let head = ["row"].into_iter().chain(self.keep.iter().map(String::as_str)).chain(["rank", "item", "score"]);
        let mut table = LongTable::new(TextTable::new(head), tempfile::tempfile()?)?;
        let each = |block: Retrieved| {
            check_kept(block.kept.as_ref(), &LISTS)?;
            for mut row in spelled(&block.table(numbers))? {
                if let Some(score) = row.last_mut() {
                    // Four digits tell enough to someone who looks.
                    *score = score.parse().map_or_else(|_| score.clone(), |score: f32| format!("{score:.4}"));
                }
                table.row(row)?;
            }
            Ok(())
        };
        let met = run.retrieve::<anyhow::Error>(files, number, exclude, each, progress)?;
        make_room(shown, terminal);
        let mut out = BufWriter::new(stdout().lock());
        table.render(&mut out)?;
        out.flush()?;
        Ok(met)
    }
}

/// The columns of rows that are passed through, as JSON; nothing for each where there are none.
fn kept(table: &mut Option<RecordBatch>) -> anyhow::Result<Box<dyn Iterator<Item = Map<String, Value>>>> {
    Ok(match table.take() {
        Some(table) => Box::new(objects(&table)?.into_iter()),
        None => Box::new(std::iter::repeat_with(Map::new)),
    })
}

/// A row and its score; 32-bit floats are spelled as such, as they are everywhere else.
#[derive(Serialize)]
struct Scored {
    row: u64,
    #[serde(flatten)]
    kept: Map<String, Value>,
    score: f32,
}

/// A row and what was found for it.
#[derive(Serialize)]
struct Listed {
    row: u64,
    #[serde(flatten)]
    kept: Map<String, Value>,
    items: Vec<FoundItem>,
}

impl Listed {
    /// The keys that each object has.
    const KEYS: [&str; 2] = ["row", "items"];
}

/// What messages call the rows that come through stdin.
const STDIN: &str = "stdin";

/// Takes the moving line away where rows would be shown among its states.
fn make_room(shown: bool, terminal: &Terminal) {
    if shown {
        terminal.clear();
    }
}

/// An error about a stream, which is read as a file that nobody knows, in words about the stream.
fn of_stream(error: anyhow::Error, streamed: Option<&Streamed>) -> anyhow::Error {
    let Some(streamed) = streamed else { return error };
    let error = match error.downcast::<DataError>() {
        Ok(error) => Error::Data(error).into(),
        Err(error) => error,
    };
    match error.downcast::<Error>() {
        Ok(Error::Data(error)) => Error::Data(streamed.told(error, STDIN)).into(),
        Ok(error) => error.into(),
        Err(error) => error,
    }
}

/// Tells what was met in the files.
fn told(met: &mut EncodeSummary, streamed: Option<&Streamed>, terminal: &Terminal) {
    if let Some(streamed) = streamed {
        streamed.name_in(met, STDIN);
    }
    terminal.clear();
    for (field, values) in &met.unknown {
        let (values, are) = (counted(*values, "value"), agreeing(*values, "is", "are"));
        terminal.note(&format!("{values} of {field} {are} unknown to the model"));
    }
    for (field, rows) in &met.missing {
        let (rows, have) = (counted(*rows, "row"), agreeing(*rows, "has", "have"));
        terminal.note(&format!("{rows} {have} no value of {field}"));
    }
    for (field, rows) in &met.clipped {
        let (lie, were) = (agreeing(*rows, "lies", "lie"), agreeing(*rows, "was", "were"));
        let rows = counted(*rows, "number");
        terminal.note(&format!("{rows} of {field} {lie} far outside of what training saw and {were} clipped"));
    }
    if met.skipped_rows > 0 {
        let (rows, were) = (counted(met.skipped_rows, "row"), agreeing(met.skipped_rows, "was", "were"));
        terminal.note(&format!("{rows} {were} skipped:"));
        met.skipped_reasons.iter().for_each(|reason| terminal.note(&format!("  {reason}")));
    }
}
