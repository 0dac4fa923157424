//! `adepts predict`: probabilities for new examples, or the items that are found for them.

use std::io::stdin;
use std::path::PathBuf;

use adepts::data::examples::{EncodeSummary, RawFiles, Streamed};
use adepts::data::{BadRows, Format, Id, agreeing, counted};
use adepts::page::table::TextTable;
use adepts::ranker::predict::Retrieved;
use adepts::serve::FoundItem;
use adepts::{Error, RankerRun, run};
use clap::{Args, value_parser};
use serde::Serialize;

use crate::output;
use crate::progress::Terminal;

/// Score a file of examples with a run of a model of examples, or find items for its rows.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts predict runs/cesaa new.csv
  adepts predict runs/cesaa new.parquet --out scores.parquet
  adepts predict runs/cesaa 'new/*.jsonl.gz' --skip-bad-rows --json
  adepts predict runs/retrieval users.csv --top 100 --out lists.parquet
  zcat new.csv.gz | adepts predict runs/cesaa -

The file has the columns that the model was trained on; label and user may be absent. Values that the training part did
not have count as unknown; how many there were, and how many are missing, is told on stderr. `row` counts the examples
from 1; lines in messages are those of the file, its header among them. `score` is the probability of the label; of a run
that was trained for retrieval (data.item) it is the score of the item, which is no probability. With --top, for such
runs, the file needs the domain and what describes the user alone; each row gets the items of the whole catalogue with
the highest scores, those that the user has already among them.")]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The examples: a file, a glob, a folder, or - for what comes through stdin (CSV, JSON lines or Parquet)
    #[arg(value_name = "FILE")]
    file: String,
    /// Find the N items with the highest scores for each row (retrieval)
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Write the scores to this Parquet file (columns row and score; with --top also rank and item) instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace what is at --out
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Leave out rows that cannot be read or are of an unknown domain, and count them
    #[arg(long)]
    skip_bad_rows: bool,
    /// Print as JSON
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        if let Some(out) = self.out.as_ref().filter(|out| out.exists() && !self.overwrite) {
            let told = format!("{} exists; name another file with --out, or --overwrite", out.display());
            return Err(Error::Request(told).into());
        }
        self.check_family()?;
        let run = RankerRun::open(&self.run)?;
        let bad_rows = if self.skip_bad_rows { BadRows::Skip } else { BadRows::Fail };
        let data = &run.experiment.data;
        let streamed = (self.file == "-").then(|| Streamed::read(&mut stdin().lock())).transpose();
        let streamed = streamed.map_err(Error::from)?;
        let source = streamed.as_ref().map_or(self.file.as_str(), Streamed::source).to_owned();
        let files = RawFiles { source, format: Format::Auto, bad_rows, ..RawFiles::from(data) };
        let streamed = streamed.as_ref();
        if let Some(number) = self.top {
            let found = run.retrieve(&files, number as usize, &mut terminal.progress());
            let mut found = found.map_err(|error| of_stream(error, streamed))?;
            told(&mut found.met, streamed, terminal);
            return self.lists(&found);
        }
        let predicted = run.predict(&files, &mut terminal.progress());
        let mut predicted = predicted.map_err(|error| of_stream(error, streamed))?;
        told(&mut predicted.met, streamed, terminal);
        if let Some(out) = &self.out {
            predicted.write(out)?;
            return output::text(&format!("{}: {}", counted(predicted.scores.len(), "score"), out.display()));
        }
        let rows = predicted.rows.iter().zip(&predicted.scores);
        if self.json {
            return output::json(&rows.map(|(row, score)| Scored { row: *row, score: *score }).collect::<Vec<_>>());
        }
        let lines: Vec<String> = rows.map(|(row, score)| format!("{row},{score}")).collect();
        output::text(&format!("row,score\n{}", lines.join("\n")))
    }

    /// Points a run of histories to where it belongs.
    fn check_family(&self) -> Result<(), Error> {
        if run::manifest(&self.run).is_err() {
            return Ok(());
        }
        let folder = self.run.display();
        Err(Error::Request(format!(
            "{folder} is a run of a model of histories, which has no rows to score; for lists of items: `adepts recommend {folder} --user ID`, or `adepts recommend {folder} --users FILE --out lists.parquet`"
        )))
    }

    /// Prints or writes the items that were found.
    fn lists(&self, found: &Retrieved) -> anyhow::Result<()> {
        if let Some(out) = &self.out {
            found.write(out)?;
            return output::text(&format!("lists for {}: {}", counted(found.rows.len(), "row"), out.display()));
        }
        let rows = found.rows.iter().zip(&found.lists);
        if self.json {
            let item = |(item, score): &(Id, f32)| FoundItem { item: item.clone(), score: *score };
            let listed =
                |(row, list): (&u64, &Vec<(Id, f32)>)| Listed { row: *row, items: list.iter().map(item).collect() };
            return output::json(&rows.map(listed).collect::<Vec<_>>());
        }
        let mut table = TextTable::new(["row", "rank", "item", "score"]);
        for (row, list) in rows {
            for (rank, (item, score)) in list.iter().enumerate() {
                table.row([row.to_string(), (rank + 1).to_string(), item.to_string(), format!("{score:.4}")]);
            }
        }
        output::text(&table.render())
    }
}

/// A row and its score; 32-bit floats are spelled as such, as they are everywhere else.
#[derive(Serialize)]
struct Scored {
    row: u64,
    score: f32,
}

/// A row and what was found for it.
#[derive(Serialize)]
struct Listed {
    row: u64,
    items: Vec<FoundItem>,
}

/// What messages call the rows that come through stdin.
const STDIN: &str = "stdin";

/// An error about a stream, which is read as a file that nobody knows, in words about the stream.
fn of_stream(error: Error, streamed: Option<&Streamed>) -> Error {
    match (error, streamed) {
        (Error::Data(error), Some(streamed)) => Error::Data(streamed.told(error, STDIN)),
        (error, _) => error,
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
    if met.skipped_rows > 0 {
        let (rows, were) = (counted(met.skipped_rows, "row"), agreeing(met.skipped_rows, "was", "were"));
        terminal.note(&format!("{rows} {were} skipped:"));
        met.skipped_reasons.iter().for_each(|reason| terminal.note(&format!("  {reason}")));
    }
}
