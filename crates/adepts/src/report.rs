//! Finished runs as people look at them: evaluated anew, or side by side on one page.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adepts_core::EpochRecord;
use adepts_data::{Dataset, Progress, Rows, atomic::write_atomically};
use adepts_eval::{Comparison, MetricAt, RunSummary, Summary, write_per_user};
use adepts_report::{DatasetFacts, ReportInput, RunInput, page};

use crate::compare;
use crate::config::{EvalConfig, Experiment};
use crate::error::{Error, RunError};
use crate::evaluate::{self, Evaluated, Request};
use crate::run::{self, Run, RunManifest};

/// The page in a run.
pub const PAGE: &str = "report.html";

impl Run {
    /// Evaluates the run on its test items, as its configuration says.
    pub fn evaluate(&self, request: Request, progress: Progress<'_>) -> Result<Evaluated, Error> {
        let Self { experiment, data, model, manifest, .. } = self;
        let (name, kind) = (&experiment.name, experiment.kind());
        let mut evaluated =
            evaluate::test(name, kind, &**model, data, &experiment.eval, experiment.seed, request, progress)?;
        evaluated.summary.seconds.extend(manifest.seconds.clone());
        Ok(evaluated)
    }

    /// Keeps an evaluation as that of the run.
    pub fn keep(&self, evaluated: &Evaluated) -> Result<(), Error> {
        write_per_user(&self.folder.join(run::PER_USER), &evaluated.measured, &self.data.users)?;
        run::write_json(&self.folder.join(run::REPORT), &Summary { runs: vec![evaluated.summary.clone()] })
    }
}

/// A finished run as its files tell, without its model.
#[derive(Clone, Debug)]
pub struct Record {
    /// The folder.
    pub folder: PathBuf,
    /// Its name, unlike those of the runs beside it.
    pub name: String,
    /// What it says of itself.
    pub manifest: RunManifest,
    /// Its configuration.
    pub experiment: Experiment,
    /// Its last evaluation.
    pub summary: RunSummary,
    /// Its training log.
    pub epochs: Vec<EpochRecord>,
}

impl Record {
    /// Reads a finished run.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let (manifest, experiment) = (run::manifest(folder)?, run::experiment(folder)?);
        let path = folder.join(run::REPORT);
        let missing = || RunError::Damaged { path: path.clone(), reason: "it holds no evaluation".into() };
        let summary = run::summary(folder)?.and_then(|summary| summary.runs.into_iter().next()).ok_or_else(missing)?;
        let (folder, name, epochs) = (folder.to_owned(), experiment.name.clone(), run::epochs(folder)?);
        Ok(Self { folder, name, manifest, experiment, summary, epochs })
    }

    /// The data that it was trained on.
    pub fn data(&self) -> Result<Dataset, Error> {
        Ok(Dataset::open(&self.folder.join(run::DATA))?)
    }

    /// The first per-user metric of its evaluation.
    #[must_use]
    pub fn metric(&self) -> Option<MetricAt> {
        first_metric(&self.experiment.eval)
    }
}

/// The metric that decides who is served worst.
#[must_use]
pub fn first_metric(eval: &EvalConfig) -> Option<MetricAt> {
    eval.metrics.iter().copied().find(|metric| metric.per_user().is_some())
}

/// Reads finished runs and tells them apart: by name, or where names are equal by folder.
pub fn open_all(folders: &[PathBuf]) -> Result<Vec<Record>, Error> {
    let mut records = folders.iter().map(|folder| Record::open(folder)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = records.iter().map(|record| record.name.clone()).collect();
    for (record, name) in records.iter_mut().zip(&names) {
        if names.iter().filter(|other| *other == name).count() > 1 {
            record.name = record.folder.display().to_string();
            record.summary.name.clone_from(&record.name);
        }
    }
    Ok(records)
}

/// Writes the page of these runs, which must be on the same data.
pub fn write(path: &Path, title: &str, records: &[Record]) -> Result<(), Error> {
    let html = page(&input(title, records)?)?;
    Ok(write_atomically(path, |out| out.write_all(html.as_bytes()))?)
}

fn input(title: &str, records: &[Record]) -> Result<ReportInput, Error> {
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    let title = if title.is_empty() { names.join(", ") } else { title.to_owned() };
    let Some(first) = records.first() else { return Ok(ReportInput { title, ..ReportInput::default() }) };
    compare::check_data(records)?;
    let data = first.data()?;
    let histories: Vec<usize> = data.train.iter().map(<[u32]>::len).collect();
    let dataset = DatasetFacts::of_users(data.items.len(), &histories, &data.mainstream);
    let comparison = comparison(records, &data)?;
    let runs = records.iter().map(|r| RunInput { summary: r.summary.clone(), epochs: r.epochs.clone() }).collect();
    Ok(ReportInput { title, dataset, runs, comparison })
}

/// The runs against the best of those that mix no experts: the bar that a mixture has to clear.
fn comparison(records: &[Record], data: &Dataset) -> Result<Option<Comparison>, Error> {
    let comparable = records.len() > 1 && compare::check_masks(records).is_ok();
    let Some(metric) = records.first().and_then(Record::metric).filter(|_| comparable) else { return Ok(None) };
    let score = |record: &&Record| record.summary.metrics.get(&metric.to_string()).copied().unwrap_or(f64::NAN);
    let simple = records.iter().filter(|record| record.summary.gate.is_none());
    let best = simple.max_by(|a, b| score(a).total_cmp(&score(b))).or(records.first());
    let Some(best) = best.filter(|_| records.iter().all(|r| r.experiment.eval.metrics.contains(&metric))) else {
        return Ok(None);
    };
    Ok(Some(compare::by_users(records, data, &best.name, metric)?))
}

/// What is known of each user beside the test items: training and validation together.
#[must_use]
pub fn known_items(data: &Dataset) -> Rows {
    let of_user = |user: usize| [data.train.row(user), data.validation.row(user)].concat();
    Rows::from_lists((0..data.train.len()).map(of_user))
}
