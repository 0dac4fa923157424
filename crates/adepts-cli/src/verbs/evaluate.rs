//! `adepts evaluate`: how good is a run, and for whom?

use std::path::PathBuf;

use adepts::data::{Lock, counted};
use adepts::eval::{FailIf, MetricAt, RunSummary, Summary};
use adepts::family::is_tabular;
use adepts::folder::lock_run;
use adepts::history::average::Scale;
use adepts::history::report::outline;
use adepts::history::request::{ProbeChoice, Request};
use adepts::part::Part;
use adepts::record::told_apart;
use adepts::{Error, HistoryRun, TabularRun, tabular};
use clap::{Args, ValueEnum};

use crate::failure::judge;
use crate::options::{ProbeName, parsed};
use crate::output;
use crate::progress::Terminal;
use crate::runs::finished;

/// Evaluate finished runs on their test items, overall and by group of users.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts evaluate runs/tall runs/ease
  adepts evaluate runs/tall --json > tall.json
  adepts evaluate runs/tall --fail-if 'low.ndcg@20 < 0.25' --fail-if 'gap.ndcg@20 > 0.2'
  adepts evaluate runs/tall --probe none          the same experts, mixed equally
  adepts evaluate runs/ease --part validation     to choose settings without looking at test items
  adepts evaluate --average runs/a runs/b runs/c  the plain average of their scores, as one model
  adepts evaluate runs/cesaa --fail-if 'worst.auc < 0.7' --fail-if 'germany.log_loss > 0.6'    of domains

With default settings the run's report.json and per_user.parquet (for tabular runs predictions.parquet) are overwritten.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Options {
    /// Run folders
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Exit with 1 if this holds for a run, such as 'low.ndcg@20 < 0.25' or 'auc < 0.7'; a group, a domain, gap. or worst. may precede the metric
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<String>,
    /// What a gate looks at [default: as in training]
    #[arg(long, value_enum, value_name = "WHAT")]
    probe: Option<ProbeName>,
    /// Let the models see the validation items as part of the histories
    #[arg(long)]
    validation_as_input: bool,
    /// Which part to evaluate on; use validation to choose settings [default: test]
    #[arg(long, value_enum, value_name = "PART")]
    part: Option<PartName>,
    /// Evaluate the average of the runs' scores as one model; scores are first standardised per model and user (mean 0, deviation 1 over items not in the history)
    #[arg(long)]
    average: bool,
    /// With --average: do not standardise, so models with a wider spread of scores weigh more
    #[arg(long, requires = "average")]
    raw: bool,
    /// Metrics to compute instead of the run's own, separated by commas
    #[arg(long, value_name = "METRIC,…", value_delimiter = ',')]
    metrics: Vec<String>,
}

/// A run, and the right to write into it where its evaluation is kept.
type Opened = Result<(HistoryRun, Option<Lock>), Error>;

#[derive(Clone, Copy, ValueEnum)]
enum PartName {
    Test,
    Validation,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let folders = &finished(&self.runs)?;
        if folders.first().is_some_and(|folder| is_tabular(folder)) {
            return self.tabular(folders, terminal);
        }
        let conditions: Vec<FailIf> = parsed(&self.fail_if)?;
        let metrics: Vec<MetricAt> = parsed(&self.metrics)?;
        let probe = self.probe.map_or(ProbeChoice::AsTrained, ProbeName::choice);
        let part = self.part();
        let request = Request { probe, validation_as_input: self.validation_as_input, part };
        if !conditions.is_empty() {
            self.check(folders, &conditions, &metrics)?;
        }
        let mut summary = Summary::default();
        let keeps = request == Request::default() && metrics.is_empty() && !self.average;
        // What is kept is of the model that was opened: nobody may train another in between.
        let open = |folder: &PathBuf| {
            let lock = if keeps { lock_run(folder)? } else { None };
            Ok((HistoryRun::open(folder)?, lock))
        };
        let mut runs: Box<dyn Iterator<Item = Opened>> = Box::new(folders.iter().map(open));
        if self.average {
            let scale = if self.raw { Scale::Raw } else { Scale::Standardised };
            let average = HistoryRun::average(runs.map(|run| Ok(run?.0)).collect::<Result<_, Error>>()?, scale);
            runs = Box::new(std::iter::once(average.map(|run| (run, None))));
        }
        for run in runs {
            let (mut run, _lock) = run?;
            if !metrics.is_empty() {
                run.experiment.eval.metrics.clone_from(&metrics);
            }
            let evaluated = run.evaluate(request, &mut terminal.progress())?;
            if keeps {
                run.keep(&evaluated)?;
            }
            summary.runs.push(evaluated.summary);
        }
        if !self.average {
            tell_apart(folders, &mut summary);
        }
        terminal.clear();
        if part == Part::Validation && !self.json {
            output::text("on validation items; test items were not looked at")?;
        }
        for run in &summary.runs {
            if let Some(told) = gate_told(run) {
                terminal.note(&told);
            }
        }
        output::summary(&summary, self.json)?;
        judge(&conditions, &summary)
    }

    /// Whether all conditions can be judged, before hours are spent on what they are about.
    fn check(&self, folders: &[PathBuf], conditions: &[FailIf], metrics: &[MetricAt]) -> Result<(), Error> {
        // An average is of runs on the same data, and measured as the first one is.
        let judged = if self.average { &folders[..1] } else { folders };
        for folder in judged {
            let outline = outline(folder, metrics)?;
            conditions.iter().try_for_each(|condition| condition.judge(&outline).map(drop))?;
        }
        Ok(())
    }

    /// Evaluates tabular models, which have neither lists nor probes.
    fn tabular(&self, folders: &[PathBuf], terminal: &Terminal) -> anyhow::Result<()> {
        let asked = [
            ("--probe", self.probe.is_some()),
            ("--validation-as-input", self.validation_as_input),
            ("--average", self.average),
        ];
        if let Some((option, _)) = asked.iter().find(|(_, asked)| *asked) {
            let wrong = format!("{option} is for history models; {} is of tabular data", folders[0].display());
            return Err(Error::Request(wrong).into());
        }
        let conditions: Vec<FailIf> = parsed(&self.fail_if)?;
        for folder in folders {
            let outline = tabular::report::outline(folder, &self.metrics)?;
            conditions.iter().try_for_each(|condition| condition.judge(&outline).map(drop).map_err(Error::from))?;
        }
        let mut summary = Summary::default();
        for folder in folders {
            let keeps = self.part() == Part::Test && self.metrics.is_empty();
            let _lock = if keeps { lock_run(folder)? } else { None };
            let run = TabularRun::open(folder)?;
            summary.runs.push(run.evaluate(self.part(), &self.metrics, &mut terminal.progress())?);
        }
        tell_apart(folders, &mut summary);
        terminal.clear();
        if self.part() == Part::Validation && !self.json {
            output::text("on validation rows; test rows were not looked at")?;
        }
        output::summary(&summary, self.json)?;
        judge(&conditions, &summary)
    }

    fn part(&self) -> Part {
        match self.part {
            None | Some(PartName::Test) => Part::Test,
            Some(PartName::Validation) => Part::Validation,
        }
    }
}

/// What is to be known of the gate beside the figures.
fn gate_told(run: &RunSummary) -> Option<String> {
    let p = &run.protocol;
    let mut told = Vec::new();
    if p.part == "validation" && p.probe == "history" && p.learned_probe == "validation" {
        let held =
            "the gate looks at a fifth of each history, not at the validation items, since these are to be found";
        told.push(held.to_owned());
    }
    if p.part == "validation" && p.probe == "validation" {
        let shown = "the published gate looks at the validation items that are to be found, as when they stopped its training; \
                     `--probe history` judges it without them";
        told.push(shown.to_owned());
    }
    if let Some(found) = p.unprobed.filter(|found| found.users > 0) {
        let users = counted(found.users as u64, "user");
        told.push(format!("the gate has nothing to look at for {users} of {}: equal shares for them", found.of));
    }
    (!told.is_empty()).then(|| format!("{}: {}", run.name, told.join("; ")))
}

/// Gives runs of equal names those of their folders.
fn tell_apart(folders: &[PathBuf], summary: &mut Summary) {
    let names: Vec<&str> = summary.runs.iter().map(|run| run.name.as_str()).collect();
    let names = told_apart(&names, folders);
    summary.runs.iter_mut().zip(names).for_each(|(run, name)| run.name = name);
}
