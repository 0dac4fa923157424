//! `adepts titles`: what are the items called?

use std::path::PathBuf;

use adepts::titles::{TitleFile, attach};
use clap::Args;

use crate::output;
use crate::progress::Terminal;

/// Give the items of a finished run titles, which then come with its answers.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts titles runs/tall movies.csv
  adepts titles runs/tall books.parquet --item book_id --title original_title

The file has a row per item. The titles are kept in the run, and replace those that it had.")]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// A table of items: CSV, JSON lines or Parquet
    #[arg(value_name = "FILE")]
    file: String,
    /// The column of the item's id [default: as it is usually called]
    #[arg(long, value_name = "COLUMN")]
    item: Option<String>,
    /// The column of the title [default: title or name]
    #[arg(long, value_name = "COLUMN")]
    title: Option<String>,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let file = TitleFile { source: self.file.clone(), item: self.item.clone(), title: self.title.clone() };
        let attached = attach(&self.run, &file, &mut terminal.progress())?;
        terminal.clear();
        let run = self.run.display();
        output::text(&format!("{} of {} items have a title now: {run}", attached.titled, attached.items))
    }
}
