//! `adepts quickstart`: the whole path on simulated data.

use std::path::{Path, PathBuf};

use adepts::contract::Stopwatch;
use adepts::history::quickstart;
use adepts::tabular;
use clap::Args;

use crate::options::{WorkOptions, with_work};
use crate::output::{self, duration, tables};
use crate::progress::Terminal;
use crate::signals::{Again, typed};

/// Run the whole path on simulated data in under three minutes: user histories, or with --tabular rows of five domains.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts quickstart
  adepts quickstart --out /tmp/try --epochs 3      a short one, to see that everything works
  adepts quickstart --tabular                      tabular models
  adepts quickstart --tabular --out /tmp/domains --epochs 3

History models: a simulated community with niche and mainstream users. The folder then has
interactions.csv, data/ (prepared), runs/popularity, runs/ease, runs/multvae, runs/tall, and
report.html, which compares the four models for niche and mainstream users. Settings are the
published ones, except that TALL has 8 experts of width 50 and a gap of 20, MultVAE has width 50
and sums its divergence as TALL does, and training stops after 150 epochs.

Tabular models (--tabular): rows of fields with a domain and a label of 0 or 1, in five simulated
domains of very different size and share of positive rows. The folder then has rows.csv, data/
(prepared), runs/single (one network per domain), runs/mlp, runs/mmoe, runs/cesaa (one model for
all domains), and report.html, which compares the last three with the first by domain. Batches
have 1,024 rows; the learning rate (3e-3, single 2e-3) and l2 (3e-4, single 1e-3) were chosen on
validation rows. The same rows: adepts simulate --tabular --out rows.csv --users 1000 --items 300
--set lowest_rate=0.05 --set shared=1.5 --set own=0.3

config.toml in each run has all settings.")]
pub(crate) struct Options {
    /// The folder [default: adepts-quickstart, with --tabular adepts-quickstart-tabular]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Train each model for at most this many epochs
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    epochs: Option<usize>,
    /// Overwrite an earlier quickstart in the folder
    #[arg(long)]
    overwrite: bool,
    /// Tabular models: simulate five domains and train four models on them
    #[arg(long, alias = "multi-domain")]
    tabular: bool,
    /// Print the evaluation as JSON
    #[arg(long)]
    json: bool,
}

/// A number of epochs.
fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|epochs| *epochs > 0).ok_or_else(|| "expected a whole number of at least 1".to_owned())
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let usual = if self.tabular { "adepts-quickstart-tabular" } else { "adepts-quickstart" };
        let out = &self.out.clone().unwrap_or_else(|| usual.into());
        terminal.go_on_with(self.again(out));
        if self.tabular {
            return self.domains(out, terminal);
        }
        let watch = Stopwatch::start();
        let options = WorkOptions { overwrite: self.overwrite, resume: false, checkpoint_every: 120.0 };
        let done = with_work(terminal, options, |work| quickstart::quickstart(out, self.epochs, work))?;
        terminal.clear();
        if self.json {
            return output::json(&done.summary);
        }
        let (log, data, page) = (done.log.display(), done.data.display(), done.page.display());
        let (simulated, prepared) = (&done.simulated, &done.prepared);
        let niche: u64 = simulated.communities.iter().skip(1).map(|community| community.users).sum();
        let tall = out.join("runs").join("tall").display().to_string();
        let told = format!(
            "Simulated {} interactions of {} users ({niche} of them in {} niches) with {} items: {log}\n\
             Prepared {} training, {} validation and {} test interactions: {data}\n\
             Trained four models in {}; their settings are in config.toml of each run.\n\n{}\nReport: {page}\n\n",
            simulated.rows,
            simulated.users,
            simulated.communities.len() - 1,
            simulated.items,
            prepared.train,
            prepared.validation,
            prepared.test,
            duration(watch.seconds()),
            tables(&done.summary),
        );
        let next = format!(
            "Next:\n  adepts recommend {tall} --user u00042\n  adepts compare {runs}/*\n\
             \nThe same on a log of your own:\n  adepts inspect log.csv\n  \
             adepts prepare --input log.csv --user customer --item sku --out prepared\n  \
             adepts train --model ease --data prepared --out runs/ease\n  \
             adepts train --model tall --data prepared --out runs/tall --set model.experts=20\n  \
             adepts report runs/* --out report.html",
            runs = out.join("runs").display()
        );
        output::text(&(told + &next))
    }

    /// What begins anew if it is interrupted.
    fn again(&self, out: &Path) -> Again {
        let mut words = ["adepts", "quickstart", "--overwrite"].map(str::to_owned).to_vec();
        words.extend(self.tabular.then(|| "--tabular".to_owned()));
        words.extend(self.out.iter().flat_map(|_| ["--out".to_owned(), out.display().to_string()]));
        words.extend(self.epochs.iter().flat_map(|epochs| ["--epochs".to_owned(), epochs.to_string()]));
        Again { once: out.to_owned(), verb: "start again with", command: typed(words) }
    }

    fn domains(&self, out: &Path, terminal: &Terminal) -> anyhow::Result<()> {
        let watch = Stopwatch::start();
        let options = WorkOptions { overwrite: self.overwrite, resume: false, checkpoint_every: 120.0 };
        let done = with_work(terminal, options, |work| tabular::quickstart::quickstart(out, self.epochs, work))?;
        terminal.clear();
        if self.json {
            return output::json(&done.summary);
        }
        let cesaa = out.join("runs").join("cesaa").display().to_string();
        output::text(&format!(
            "Simulated {} rows of {} domains: {log}\n{}\nTrained four models in {}; their settings are in config.toml of \
             each run.\n\n{}\nReport: {}\n\n\
             Next:\n  adepts compare {runs}/* --baseline single            which domains gain from a common model\n  \
             adepts predict {cesaa} {log} --out scores.parquet\n\
             \nThe same on a log of your own:\n  adepts inspect log.csv --tabular > own.toml\n  \
             adepts train own.toml --set model.kind=single --out runs/single\n  \
             adepts train own.toml --set model.kind=cesaa --out runs/cesaa\n  \
             adepts report runs/* --out report.html",
            done.simulated.rows,
            done.simulated.domains.len(),
            output::tabular_data(&done.prepared),
            duration(watch.seconds()),
            tables(&done.summary),
            done.page.display(),
            runs = out.join("runs").display(),
            log = done.log.display(),
        ))
    }
}
