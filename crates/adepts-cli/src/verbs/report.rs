//! `adepts report`: several runs on one page.

use std::path::PathBuf;

use clap::Args;

use crate::output;
use crate::runs::finished;

/// Write one self-contained HTML report that compares runs on the same data.
#[derive(Args)]
#[command(after_help = "\
Example:
  adepts report runs/ease runs/multvae runs/tall --out report.html --title 'Spring catalogue'

Unfinished runs are left out, so a glob works. Each run also has a report of its own, report.html in its folder. The
report of a final model (adepts finalize) repeats the figures of its evaluated run; next to other runs it is left out.")]
pub(crate) struct Options {
    /// Run folders, in the order of the report
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// The HTML file to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Overwrite the file even if adepts did not write it
    #[arg(long)]
    overwrite: bool,
    /// Title of the report [default: the names of the runs]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    title: String,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        adepts::pages::check(&self.out, self.overwrite)?;
        let runs = finished(&self.runs)?;
        adepts::any::write_page(&self.out, &self.title, &runs)?;
        output::text(&self.out.display().to_string())
    }
}
