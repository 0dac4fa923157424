//! `adepts predict`: probabilities for new examples.

use std::path::PathBuf;

use adepts::data::examples::RawFiles;
use adepts::data::{BadRows, Format};
use adepts::{Error, RankerRun};
use clap::Args;
use serde_json::json;

use crate::output;
use crate::progress::Terminal;

/// Score a file of examples with a run of a model of examples.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts predict runs/cesaa new.csv
  adepts predict runs/cesaa new.parquet --out scores.parquet
  adepts predict runs/cesaa 'new/*.jsonl.gz' --skip-bad-rows --json

The file has the columns that the model was trained on; the label may be absent. Values that the training part did not
have count as unknown, and how many there were is told on stderr.")]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The examples: a file, a glob or a folder
    #[arg(value_name = "FILE")]
    file: String,
    /// Write the scores to this Parquet file (columns row and score) instead of stdout
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
        let run = RankerRun::open(&self.run)?;
        let bad_rows = if self.skip_bad_rows { BadRows::Skip } else { BadRows::Fail };
        let data = &run.experiment.data;
        let files = RawFiles { source: self.file.clone(), format: Format::Auto, bad_rows, ..RawFiles::from(data) };
        let predicted = run.predict(&files, &mut terminal.progress())?;
        terminal.clear();
        for (field, values) in &predicted.met.unknown {
            terminal.note(&format!("{values} values of {field} are unknown to the model"));
        }
        if predicted.met.skipped_rows > 0 {
            terminal.note(&format!("{} rows were skipped, such as", predicted.met.skipped_rows));
            predicted.met.skipped_examples.iter().for_each(|example| terminal.note(&format!("  {example}")));
        }
        if let Some(out) = &self.out {
            predicted.write(out)?;
            return output::text(&format!("{} scores: {}", predicted.scores.len(), out.display()));
        }
        let rows = predicted.rows.iter().zip(&predicted.scores);
        if self.json {
            return output::json(&rows.map(|(row, score)| json!({"row": row, "score": score})).collect::<Vec<_>>());
        }
        let lines: Vec<String> = rows.map(|(row, score)| format!("{row},{score}")).collect();
        output::text(&format!("row,score\n{}", lines.join("\n")))
    }
}
