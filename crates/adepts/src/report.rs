//! Finished runs as people look at them: evaluated anew, or side by side on one page.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use adepts_core::EpochRecord;
use adepts_data::{Dataset, Grouping, Progress};
use adepts_eval::{
    Better, Comparison, Estimate, GroupSummary, Measured, MetricAt, RunSummary, SeedComparison, Summary, UserFacts,
    write_per_user,
};
use adepts_report::{DatasetFacts, Limits, ReportInput, RunInput, page, seeds_page};
use adepts_train::TrainConfig;

use crate::baseline::best;
use crate::compare;
use crate::config::{EvalConfig, Experiment};
use crate::error::{Error, RunError};
use crate::evaluate::{self, Evaluated, Request};
use crate::files::same_model;
use crate::finalize::refuse;
use crate::folder::{Settings, lock};
use crate::pages;
use crate::run::{self, Run};

/// The page in a run.
pub const PAGE: &str = "report.html";

/// Bytes at the beginning of a file in which the mark of a page must be.
const HEAD: u64 = 1024;

impl Run {
    /// Evaluates the run on its test items, as its configuration says.
    pub fn evaluate(&self, request: Request, progress: Progress<'_>) -> Result<Evaluated, Error> {
        let Self { experiment, data, model, manifest, .. } = self;
        refuse(&self.folder, manifest.final_of.as_ref())?;
        let (name, kind) = (&experiment.name, experiment.kind());
        let (eval, seed, split) = (&experiment.eval, experiment.seed, manifest.probe_split);
        let mut evaluated = evaluate::test(name, kind, &**model, data, eval, seed, split, request, progress)?;
        evaluated.summary.seconds.extend(manifest.seconds.clone());
        Ok(evaluated)
    }

    /// Keeps an evaluation as that of the run.
    pub fn keep(&self, evaluated: &Evaluated) -> Result<(), Error> {
        let _lock = lock(&self.folder)?;
        same_model(&self.folder, &run::manifest(&self.folder)?.files, &self.manifest.files)?;
        write_figures(&self.folder, &evaluated.measured, &self.data, &self.experiment.eval)?;
        run::write_json(&self.folder.join(run::REPORT), &Summary { runs: vec![evaluated.summary.clone()] })
    }
}

/// Writes every user's figures into a run, with the length of his history and his groups.
pub(crate) fn write_figures(
    folder: &Path,
    measured: &Measured,
    data: &Dataset,
    eval: &EvalConfig,
) -> Result<(), Error> {
    let groupings = evaluate::groupings(data, eval)?;
    let history_lengths: Vec<usize> = data.train.iter().map(<[u32]>::len).collect();
    let facts = UserFacts { history_lengths: &history_lengths, groupings: &groupings };
    Ok(write_per_user(&folder.join(run::PER_USER), measured, &data.users, Some(facts))?)
}

/// A finished run as its files tell, without its model.
#[derive(Clone, Debug)]
pub struct Record<S: Settings = Experiment> {
    /// The folder.
    pub folder: PathBuf,
    /// Its name, unlike those of the runs beside it.
    pub name: String,
    /// What it says of itself.
    pub manifest: S::Manifest,
    /// Its configuration.
    pub experiment: S,
    /// Its last evaluation.
    pub summary: RunSummary,
    /// Its training log.
    pub epochs: Vec<EpochRecord>,
}

impl<S: Settings> Record<S> {
    /// Reads a finished run.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = S::manifest(folder)?;
        refuse(folder, S::final_of(&manifest))?;
        let (experiment, summary) = (S::of_run(folder)?, run::evaluation(folder)?);
        let (folder, name, epochs) = (folder.to_owned(), experiment.name().to_owned(), run::epochs(folder)?);
        Ok(Self { folder, name, manifest, experiment, summary, epochs })
    }

    /// What the page shows of it.
    pub(crate) fn shown(&self) -> RunInput {
        let TrainConfig { epochs, stop, .. } = self.experiment.train();
        let limits = Limits { epochs: *epochs, patience: stop.patience };
        let limits = (!self.epochs.is_empty()).then_some(limits);
        RunInput { summary: self.summary.clone(), epochs: self.epochs.clone(), limits }
    }
}

impl Record {
    /// The data that it was trained on.
    pub fn data(&self) -> Result<Dataset, Error> {
        if !self.manifest.histories {
            return Err(RunError::WithoutHistories { path: self.folder.clone() }.into());
        }
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
pub fn open_all<S: Settings>(folders: &[PathBuf]) -> Result<Vec<Record<S>>, Error> {
    let mut records = folders.iter().map(|folder| Record::open(folder)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    let names = told_apart(&names, folders);
    for (record, name) in records.iter_mut().zip(names) {
        record.summary.name.clone_from(&name);
        record.name = name;
    }
    Ok(records)
}

/// The names of the runs in these folders, where some are equal their folders instead.
#[must_use]
pub fn told_apart(names: &[&str], folders: &[PathBuf]) -> Vec<String> {
    let alone = |name: &str| names.iter().filter(|other| **other == name).count() == 1;
    let name =
        |(name, folder): (&&str, &PathBuf)| if alone(name) { (*name).to_owned() } else { folder.display().to_string() };
    names.iter().zip(folders).map(name).collect()
}

/// What an evaluation of a run will measure and for whom, with unknown figures: for questions that are asked before the
/// work. `metrics` take the place of the run's own unless there are none.
pub fn outline(folder: &Path, metrics: &[MetricAt]) -> Result<RunSummary, Error> {
    refuse(folder, run::manifest(folder)?.final_of.as_ref())?;
    let (experiment, data) = (run::experiment(folder)?, Dataset::open(&folder.join(run::DATA))?);
    let metrics = if metrics.is_empty() { &experiment.eval.metrics } else { metrics };
    let unknown = Estimate { mean: f64::NAN, lower: f64::NAN, upper: f64::NAN };
    let per_user = || metrics.iter().filter(|metric| metric.per_user().is_some());
    let mut groups = Vec::new();
    for Grouping { by, names, of_user } in evaluate::groupings(&data, &experiment.eval)? {
        let users = |group: usize| of_user.iter().filter(|of| of.is_some_and(|of| usize::from(of) == group)).count();
        groups.extend(names.into_iter().enumerate().map(|(group, name)| GroupSummary {
            by: by.clone(),
            name,
            users: users(group),
            metrics: per_user().map(|metric| (metric.to_string(), unknown)).collect(),
            ..GroupSummary::default()
        }));
    }
    let metrics = metrics.iter().map(|metric| (metric.to_string(), f64::NAN)).collect();
    Ok(RunSummary { name: experiment.name, metrics, groups, ..RunSummary::default() })
}

/// Whether a page may be written there: what is no page of ours is replaced only where that was said.
pub fn check(path: &Path, overwrite: bool) -> Result<(), Error> {
    let mut start = Vec::new();
    let read = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.and_then(|file| file.take(HEAD).read_to_end(&mut start)),
    };
    // A folder cannot be read; that it cannot be written either is said by who tries.
    if overwrite || read.is_ok() && String::from_utf8_lossy(&start).contains(adepts_report::MARK) {
        return Ok(());
    }
    Err(Error::Request(format!(
        "{} exists and is no page of adepts; use another file, or `--overwrite` to replace it",
        path.display()
    )))
}

/// Writes the page of models that are compared over seeds.
pub fn write_seeds(path: &Path, comparison: &SeedComparison) -> Result<(), Error> {
    pages::put(path, &seeds_page("", comparison)?)
}

/// Writes the page of these runs, which must be on the same data; the comparison on it is that of [`compare::compare`].
pub fn write(
    path: &Path,
    title: &str,
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<MetricAt>,
) -> Result<(), Error> {
    pages::put(path, &page(&input(title, records, baseline, metric)?)?)
}

/// The heading of a page: the title, or else the names of the runs.
pub(crate) fn heading<S: Settings>(title: &str, records: &[Record<S>]) -> String {
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    if title.is_empty() { names.join(", ") } else { title.to_owned() }
}

fn input(
    title: &str,
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<MetricAt>,
) -> Result<ReportInput, Error> {
    let title = heading(title, records);
    let Some(first) = records.first() else { return Ok(ReportInput { title, ..ReportInput::default() }) };
    compare::check_data(records)?;
    let data = first.data()?;
    let histories: Vec<usize> = data.train.iter().map(<[u32]>::len).collect();
    let dataset = DatasetFacts::of_users(data.items.len(), &histories, &data.mainstream);
    let comparison = comparison(records, &data, baseline, metric)?;
    let against_best = match &comparison {
        Some(known) => against_best(records, &data, known)?,
        None => None,
    };
    let runs = records.iter().map(Record::shown).collect();
    Ok(ReportInput { title, dataset, runs, comparison, against_best, ..ReportInput::default() })
}

/// The runs compared user by user, where they can be.
fn comparison(
    records: &[Record],
    data: &Dataset,
    baseline: Option<&str>,
    metric: Option<MetricAt>,
) -> Result<Option<Comparison>, Error> {
    let comparable = records.len() > 1 && compare::check_masks(records).is_ok();
    let Some(first) = records.first().filter(|_| comparable) else { return Ok(None) };
    let asked = baseline.is_some() || metric.is_some();
    let Some(metric) = metric.or(first.metric()) else { return Ok(None) };
    if !asked && !records.iter().all(|r| r.experiment.eval.metrics.contains(&metric)) {
        return Ok(None);
    }
    Ok(Some(compare::by_users(records, data, baseline, metric)?))
}

/// The same against the run that is best over all users, of which the page says most, where that is not the baseline.
fn against_best(records: &[Record], data: &Dataset, known: &Comparison) -> Result<Option<Comparison>, Error> {
    let best = best(&compare::candidates(records, &known.metric), Better::Higher);
    let Some(best) = best.filter(|best| best.name != known.baseline) else { return Ok(None) };
    let metric: MetricAt = known.metric.parse()?;
    Ok(Some(compare::by_users(records, data, Some(best.name), metric)?))
}
