//! `adepts compare`: is one run better than another, and for whom?

use std::path::PathBuf;

use adepts::history::compare::{Compared, compare};
use adepts::history::report;
use adepts::page::{comparison_table, gains_table, seeds_table};
use adepts::{Error, tabular};
use clap::Args;

use crate::output;
use crate::runs::finished;

/// Compare runs: by user on the same data, or over seeds if each model has several runs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts compare runs/ease runs/multvae runs/tall
  adepts compare runs/* --baseline ease --metric recall@20 --html comparison.html
  adepts compare runs/multvae-s1 runs/multvae-s2 runs/multvae-s3 runs/tall-s1 runs/tall-s2 runs/tall-s3

Runs on the same data are paired by user: differences with 95 % bootstrap intervals, and p-values of the paired t-test.
Tabular runs are paired by row and compared by domain; if a column of users is named, intervals and p-values resample
users with all their rows, otherwise rows. Runs on different splits or with several seeds are paired by split and seed:
means with 95 % t-intervals. Their names without the seed (tall-s1, tall-seed1, tall-2024) say which runs belong to one
model. p (Holm) is corrected over all groups or domains and decides the verdict for each of them; the verdict over all
users, rows or domains uses p.")]
pub(crate) struct Options {
    /// Run folders
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Metric to compare [default: the first metric of the first run; auc for tabular models]
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,
    /// Run (name or folder), or over seeds the model, that the others are compared with [default: `single` if it is
    /// among them, else the best one without experts]
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// Also write an HTML report of the runs
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Overwrite the file of --html even if adepts did not write it
    #[arg(long, requires = "html")]
    overwrite: bool,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let runs = &finished(&self.runs)?;
        if adepts::family::is_tabular(&runs[0]) {
            return self.domains(runs);
        }
        let metric = self.metric.as_ref().map(|name| name.parse()).transpose().map_err(Error::from)?;
        self.html.iter().try_for_each(|page| adepts::pages::check(page, self.overwrite))?;
        let records = adepts::record::open_all(runs)?;
        let compared = compare(&records, self.baseline.as_deref(), metric)?;
        match (&self.html, &compared) {
            (Some(page), Compared::Users(_)) => report::write(page, "", &records, self.baseline.as_deref(), metric)?,
            (Some(page), Compared::Seeds(comparison)) => adepts::pages::write_seeds(page, comparison)?,
            (None, _) => {}
        }
        match &compared {
            compared if self.json => output::json(compared),
            Compared::Users(comparison) => output::text(&comparison_table(comparison)),
            Compared::Seeds(comparison) => output::text(&seeds_table(comparison)),
        }
    }

    /// Compares tabular models, domain by domain.
    fn domains(&self, runs: &[PathBuf]) -> anyhow::Result<()> {
        self.html.iter().try_for_each(|page| adepts::pages::check(page, self.overwrite))?;
        let records = adepts::record::open_all(runs)?;
        if let Some(comparison) =
            tabular::report::compare_seeds(&records, self.baseline.as_deref(), self.metric.as_deref())?
        {
            self.html.iter().try_for_each(|page| adepts::pages::write_seeds(page, &comparison))?;
            return if self.json {
                output::json(&Compared::Seeds(comparison))
            } else {
                output::text(&seeds_table(&comparison))
            };
        }
        let metric = self.metric.as_deref();
        let compared = tabular::report::compare(&records, self.baseline.as_deref(), metric)?;
        if let Some(page) = &self.html {
            tabular::report::write(page, "", &records, self.baseline.as_deref(), metric)?;
        }
        if self.json { output::json(&compared) } else { output::text(&gains_table(&compared)) }
    }
}
