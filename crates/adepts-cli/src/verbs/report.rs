//! `adepts report`: several runs on one page.

use std::path::PathBuf;

use adepts::{pages, report};
use clap::Args;

use crate::output;
use crate::runs::finished;

/// Set runs on the same data side by side on one self-contained page.
#[derive(Args)]
#[command(after_help = "\
Example:
  adepts report runs/ease runs/multvae runs/tall --out report.html --title 'Spring catalogue'

Runs that are not finished are left out, so that a glob may be given. Each run has such a page of its own, report.html in its folder.")]
pub(crate) struct Options {
    /// Run folders, in the order in which they are to appear
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// The page to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Replace what is there, also if it is no page of adepts
    #[arg(long)]
    overwrite: bool,
    /// Its heading [default: the names of the runs]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    title: String,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        report::check(&self.out, self.overwrite)?;
        pages::write(&self.out, &self.title, &finished(&self.runs)?)?;
        output::text(&self.out.display().to_string())
    }
}
