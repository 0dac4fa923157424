//! `adepts titles`: what are the items called?

use std::path::{Path, PathBuf};

use adepts::data::{Id, agreeing, counted};
use adepts::history::titles::{Attached, TitleFile, attach};
use clap::Args;

use crate::options::{BadRows, Encoding};
use crate::output;
use crate::progress::Terminal;

/// Add titles to the items of a finished run; answers then include them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts titles runs/tall movies.csv
  adepts titles runs/tall books.parquet --item book_id --title original_title

The file has a row per item. The titles are stored in the run and replace earlier ones.")]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// A table of items: CSV, JSON lines or Parquet, or - for stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// The column of the item's id [default: detected from its name]
    #[arg(long, value_name = "COLUMN")]
    item: Option<String>,
    /// The column of the title [default: title or name]
    #[arg(long, value_name = "COLUMN")]
    title: Option<String>,
    /// Encoding of a text file
    #[arg(long, value_enum, value_name = "ENCODING", default_value = "auto")]
    encoding: Encoding,
    /// What to do with rows that cannot be read: stop with an error, or count and skip them
    #[arg(long, value_enum, value_name = "WHAT", default_value = "fail")]
    bad_rows: BadRows,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let file = TitleFile {
            item: self.item.clone(),
            title: self.title.clone(),
            encoding: self.encoding.of_data(),
            bad_rows: self.bad_rows.of_data(),
            ..TitleFile::new(self.file.as_str())
        };
        let attached = attach(&self.run, &file, &mut terminal.progress())?;
        terminal.clear();
        output::text(&told(attached, &self.run))
    }
}

/// Which items have a title now, which have none, and which titles are of no item.
pub(crate) fn told(attached: Attached, run: &Path) -> String {
    let Attached { items, titled, untitled, others, other, skipped, first_skipped } = attached;
    let example = |id: Option<Id>| id.map(|id| format!(", such as `{id}`")).unwrap_or_default();
    let have = |items: usize| agreeing(items, "has", "have");
    let mut lines =
        vec![format!("{titled} of {} {} a title now: {}", counted(items, "item"), have(titled), run.display())];
    if titled < items {
        let left = items - titled;
        let (these, such) = (counted(left, "item"), example(untitled));
        lines.push(format!("{these} of the run {} no title in the file{such}", have(left)));
    }
    if others > 0 {
        let (rows, are, such) = (counted(others, "row"), agreeing(others, "is", "are"), example(other));
        lines.push(format!("{rows} of the file {are} about items that the run does not have{such}"));
    }
    if let (1.., Some(first)) = (skipped, first_skipped) {
        let (rows, were) = (counted(skipped, "row"), agreeing(skipped, "was", "were"));
        lines.push(format!("{rows} of the file could not be read and {were} skipped, such as\n  {first}"));
    }
    lines.join("\n")
}
