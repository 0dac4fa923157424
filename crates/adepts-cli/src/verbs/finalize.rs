//! `adepts finalize`: a model for use, of a run that was evaluated.

use std::path::{Path, PathBuf};

use adepts::answers::forget_histories;
use adepts::data::{agreeing, counted};
use adepts::eval::Summary;
use adepts::family::is_tabular;
use adepts::files::CONFIG;
use adepts::finalize::Finalized;
use adepts::{Error, finalize};
use clap::Args;

use crate::options::{WorkOptions, with_work};
use crate::output::{self, tables};
use crate::progress::Terminal;
use crate::signals::{Again, typed};

/// Train the model to use: with the settings of an evaluated run, on all of its data.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts finalize runs/tall --out runs/tall-final
  adepts train experiments/own-csv.toml --out runs/own --final runs/own-final     evaluates, then does the same
  adepts serve runs/tall-final --state state

The final model has the settings of the run and is trained on its training, validation and test part together, for the
number of epochs that was best on the validation part. Nothing is held out, so it has no figures of its own: its report
repeats those of the run, and says so. A gate or weights that look at held-out items look at a part of the history
instead; the repeated figures are then those of `adepts evaluate --probe history`.

For a tabular model the log is read again, so that values which only held-out rows have are known as well.")]
pub(crate) struct Options {
    /// The folder of the evaluated run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The folder of the final model
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// For tabular models: the log, if it was moved or came through a pipe
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// For history models: keep no ids and no histories of users in the final model. It then only answers for histories
    /// that are sent
    #[arg(long)]
    without_histories: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    work: WorkOptions,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let Self { run, out, data, work, .. } = self;
        if self.without_histories && is_tabular(run) {
            return Err(Error::Request("--without-histories is for history models".into()).into());
        }
        terminal.go_on_with(again(out, self.without_histories));
        let finished = work.resume && finalize::is_final(out);
        let made = with_work(terminal, *work, |work| finalize::run(run, data.as_deref(), out, work))?;
        if self.without_histories {
            forget_histories(out)?;
        }
        terminal.clear();
        if self.json {
            return output::json(&made);
        }
        let figures = tables(&Summary { runs: vec![made.figures.clone()] });
        let whose =
            format!("Figures of the evaluated run {}, which were not measured with the final model:", run.display());
        output::text(&format!("{}\n\n{whose}\n\n{figures}\n{}", described(&made, run), places(out, finished)))
    }
}

/// What continues a final model if it is interrupted: its folder says what it is made of.
fn again(out: &Path, without_histories: bool) -> Again {
    let mut words = ["adepts", "train", "--resume"].map(str::to_owned).to_vec();
    words.push(out.display().to_string());
    words.extend(without_histories.then(|| "--without-histories".to_owned()));
    Again { once: out.join(CONFIG), verb: "continue with", command: typed(words) }
}

/// What was made, in words.
pub(crate) fn described(made: &Finalized, run: &Path) -> String {
    let what = if is_tabular(run) { "row" } else { "interaction" };
    let epochs = made.epochs.map_or_else(String::new, |epochs| format!(", for {}", counted(epochs, "epoch")));
    let all = agreeing(made.rows, "the one", "all");
    format!("the final form of {} was trained on {all} {}{epochs}", run.display(), counted(made.rows, what))
}

/// Where a final model and its page are, and whether there was anything left to do.
pub(crate) fn places(out: &Path, finished: bool) -> String {
    let state = if finished { FINISHED } else { "" };
    format!("final:  {}{state}\nreport: {}", out.display(), out.join(adepts::files::PAGE).display())
}

/// The note on a folder whose training was finished before.
pub(crate) const FINISHED: &str = " (it was finished already; nothing was trained)";

/// Says of an evaluated run that is to answer that there is more to learn from.
pub(crate) fn hint(run: &Path, terminal: &Terminal) {
    if let Some(hint) = finalize::hint(run) {
        terminal.note(&hint);
    }
}
