//! Finished runs as people look at them: evaluated anew, or side by side on one page.

use std::path::Path;

use adepts_data::{Grouping, HistoryDataset, Progress};
use adepts_eval::about::better;
use adepts_eval::{
    Comparison, Estimate, GroupSummary, Measured, MetricAt, RunSummary, Summary, UserFacts, write_per_user,
};
use adepts_report::{DatasetFacts, ReportInput, page};

use super::compare::{by_users, check_masks};
use super::config::EvalConfig;
use super::evaluate::{self, Evaluated};
use super::record::Record;
use super::request::Request;
use super::run::{self, HistoryRun};
use crate::baseline::best;
use crate::compare::{candidates, check_data};
use crate::error::Error;
use crate::family::refuse;
use crate::files::{DATA, PER_USER, REPORT, same_model, write_json};
use crate::folder::lock;
use crate::pages;
use crate::record::heading;

impl HistoryRun {
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
        write_json(&self.folder.join(REPORT), &Summary { runs: vec![evaluated.summary.clone()] })
    }
}

/// Writes every user's figures into a run, with the length of his history and his groups.
pub(crate) fn write_figures(
    folder: &Path,
    measured: &Measured,
    data: &HistoryDataset,
    eval: &EvalConfig,
) -> Result<(), Error> {
    let groupings = evaluate::groupings(data, eval)?;
    let history_lengths: Vec<usize> = data.train.iter().map(<[u32]>::len).collect();
    let facts = UserFacts { history_lengths: &history_lengths, groupings: &groupings };
    Ok(write_per_user(&folder.join(PER_USER), measured, &data.users, Some(facts))?)
}

/// What an evaluation of a run will measure and for whom, with unknown figures: for questions that are asked before the
/// work. `metrics` take the place of the run's own unless there are none.
pub fn outline(folder: &Path, metrics: &[MetricAt]) -> Result<RunSummary, Error> {
    refuse(folder, run::manifest(folder)?.final_of.as_ref())?;
    let (experiment, data) = (run::experiment(folder)?, HistoryDataset::open(&folder.join(DATA))?);
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

/// Writes the page of these runs, which must be on the same data; the comparison on it is that of [`super::compare::compare`].
pub fn write(
    path: &Path,
    title: &str,
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<MetricAt>,
) -> Result<(), Error> {
    pages::put(path, &page(&input(title, records, baseline, metric)?)?)
}

fn input(
    title: &str,
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<MetricAt>,
) -> Result<ReportInput, Error> {
    let title = heading(title, records);
    let Some(first) = records.first() else { return Ok(ReportInput { title, ..ReportInput::default() }) };
    check_data(records)?;
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
    data: &HistoryDataset,
    baseline: Option<&str>,
    metric: Option<MetricAt>,
) -> Result<Option<Comparison>, Error> {
    let comparable = records.len() > 1 && check_masks(records).is_ok();
    let Some(first) = records.first().filter(|_| comparable) else { return Ok(None) };
    let asked = baseline.is_some() || metric.is_some();
    let Some(metric) = metric.or(first.metric()) else { return Ok(None) };
    if !asked && !records.iter().all(|r| r.experiment.eval.metrics.contains(&metric)) {
        return Ok(None);
    }
    Ok(Some(by_users(records, data, baseline, metric)?))
}

/// The same against the run that is best over all users, of which the page says most, where that is not the baseline.
fn against_best(records: &[Record], data: &HistoryDataset, known: &Comparison) -> Result<Option<Comparison>, Error> {
    let best = best(&candidates(records, &known.metric), better(&known.metric));
    let Some(best) = best.filter(|best| best.name != known.baseline) else { return Ok(None) };
    let metric: MetricAt = known.metric.parse()?;
    Ok(Some(by_users(records, data, Some(best.name), metric)?))
}
