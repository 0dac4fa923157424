//! `adepts inspect`: what is in a log?

use adepts::data;
use clap::Args;

use crate::options::{LayoutOptions, experiment};
use crate::output;

/// Look at a log: the guessed columns, counts, ranges, a few rows, and what looks wrong.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts inspect log.csv
  adepts inspect 'logs/2024-*.jsonl.gz'
  adepts inspect ratings.dat --delimiter '::' --no-header --json")]
pub(crate) struct Options {
    /// A file, a glob or a folder: CSV, TSV, JSON lines or Parquet, plain, .gz or .zst
    #[arg(value_name = "FILE")]
    file: String,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layout: LayoutOptions,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut sets = self.layout.sets();
        sets.push("model.kind=popularity".into());
        let found = data::inspect(&self.file, &experiment(None, &sets)?.data)?;
        if self.json { output::json(&found) } else { output::text(&found.to_string()) }
    }
}
