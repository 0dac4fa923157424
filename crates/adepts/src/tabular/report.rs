//! Finished runs of rankers as people look at them: evaluated anew, side by side on one page, compared by domain.

use std::borrow::Cow;
use std::path::Path;

use adepts_core::config::nearest;
use adepts_data::tabular::{Counts, TabularDataset, TabularManifest};
use adepts_data::{Part, Progress};
use adepts_eval::{
    Better, DomainComparison, Estimate, GroupSummary, MetricError, ROW_METRICS, RunSummary, SeedComparison, Summary,
    gains_against, row_metric,
};
use adepts_report::{FieldFacts, LeftOut, ReportInput, TabularFacts, page};

use super::config::{RetrievalEval, TabularExperiment};
use super::evaluate::judge;
use super::retrieval;
use super::run::TabularRun;
use super::scored::{BLOCK, Scored, read_scores};
use crate::baseline::best;
use crate::compare::{baseline_of, candidates, check_data, over_seeds, seeded, several_seeds};
use crate::error::{Error, RunError};
use crate::family::refuse;
use crate::files::{DATA, PREDICTIONS, REPORT, same_model, write_json};
use crate::folder::lock;
use crate::pages;
use crate::part;
use crate::record::{self, heading};

impl TabularRun {
    /// Evaluates the run on the rows of a part anew. `metrics`, such as `auc`, take the place of all that are measured unless
    /// there are none. The evaluation of the test rows by all metrics is kept as that of the run.
    pub fn evaluate(&self, part: part::Part, metrics: &[String], progress: Progress<'_>) -> Result<RunSummary, Error> {
        refuse(&self.folder, self.manifest.final_of.as_ref())?;
        check_metrics(&self.experiment, metrics)?;
        let Self { experiment, data, model, folder, manifest } = self;
        let keep = metrics.is_empty() && part == part::Part::Test;
        let folder = keep.then_some(folder.as_path());
        let _lock = folder.map(lock).transpose()?;
        if let Some(folder) = folder {
            same_model(folder, &super::run::manifest(folder)?.files, &manifest.files)?;
        }
        let eval = experiment.retrieval_eval().map(|eval| asked_for(eval, metrics)).transpose()?;
        let mut summary = judge(experiment, eval.as_ref(), &**model, data, part.of_data(), folder, progress)?;
        summary.seconds.extend(manifest.seconds.clone());
        if let Some(folder) = folder {
            write_json(&folder.join(REPORT), &Summary { runs: vec![summary.clone()] })?;
        }
        keep_metrics(&mut summary, metrics);
        Ok(summary)
    }
}

/// An evaluation of retrieval by other metrics, if there are some.
fn asked_for(eval: RetrievalEval, metrics: &[String]) -> Result<RetrievalEval, Error> {
    if metrics.is_empty() {
        return Ok(eval);
    }
    let metrics = metrics.iter().map(|metric| metric.parse()).collect::<Result<_, MetricError>>()?;
    Ok(RetrievalEval { metrics, ..eval })
}

/// Refuses names that are no metrics of such an experiment.
fn check_metrics(experiment: &TabularExperiment, metrics: &[String]) -> Result<(), Error> {
    if let Some(eval) = experiment.retrieval_eval() {
        return asked_for(eval, metrics).map(drop);
    }
    let Some(metric) = metrics.iter().find(|name| row_metric(name).is_none()) else { return Ok(()) };
    let names = || ROW_METRICS.iter().map(|metric| metric.about.name);
    let hint = nearest(metric, names()).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
    let names: Vec<&str> = names().collect();
    Err(Error::Request(format!("`{metric}` is no row metric{hint}; there are {}", names.join(", "))))
}

/// Leaves out what was not asked for; without a question all stays.
fn keep_metrics(summary: &mut RunSummary, metrics: &[String]) {
    if metrics.is_empty() {
        return;
    }
    let asked = |name: &String| {
        let bare = ["_macro", "_weighted"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        metrics.iter().any(|metric| metric == bare)
    };
    summary.metrics.retain(|name, _| asked(name));
    summary.intervals.retain(|name, _| asked(name));
    summary.domains.iter_mut().for_each(|domain| domain.metrics.retain(|name, _| asked(name)));
    summary.worst = summary.worst.take().filter(|worst| asked(&worst.metric));
}

/// What an evaluation of a run will measure and for whom, for questions that are asked before the work.
pub fn outline(folder: &Path, metrics: &[String]) -> Result<RunSummary, Error> {
    refuse(folder, super::run::manifest(folder)?.final_of.as_ref())?;
    check_metrics(&super::run::experiment(folder)?, metrics)?;
    let mut outline = crate::manifest::evaluation(folder)?;
    keep_metrics(&mut outline, metrics);
    Ok(outline)
}

/// A finished run of a ranker as its files tell, without its model.
pub type Record = record::Record<TabularExperiment>;

/// Writes the page of these runs, which must be on the same data; the comparison on it is that of [`compare`].
pub fn write(
    path: &Path,
    title: &str,
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<&str>,
) -> Result<(), Error> {
    let title = heading(title, records);
    let (domains, domains_against_best) = if records.len() > 1 {
        let (asked, best) = compare_all(records, baseline, metric, true)?;
        (Some(asked), best)
    } else {
        (None, Vec::new())
    };
    let runs = records.iter().map(Record::shown).collect();
    let tabular = records.first().and_then(facts);
    pages::put(
        path,
        &page(&ReportInput { title, tabular, runs, domains, domains_against_best, ..ReportInput::default() })?,
    )
}

/// What a run says of its data; `None` where that is no longer what it was trained on.
fn facts(record: &Record) -> Option<TabularFacts> {
    let data = TabularDataset::manifest_of(&record.folder.join(DATA)).ok()?;
    (data.content_hash == record.manifest.data).then(|| facts_of(&data))
}

fn facts_of(data: &TabularManifest) -> TabularFacts {
    let parts = |counts: Counts| [counts.train, counts.validation, counts.test].map(|n| n as usize);
    let left = |what: &str, rows: u64| LeftOut { what: what.to_owned(), rows: rows as usize, why: Vec::new() };
    let why = data.skipped_reasons.iter().map(|reason| format!("{} × {}", reason.rows, reason.reason)).collect();
    let left_out = vec![
        LeftOut { why, ..left("Rows that could not be read and were skipped", data.skipped_rows) },
        left("Rows of domains that data.domains does not list, which were left out", data.other_domains),
        left("Validation and test rows of domains without training rows, which were left out", data.left_out.total()),
        left(
            "Rows that are not positive: nothing is learned from them",
            data.catalogue.map_or(0, |note| note.negative_rows),
        ),
        left("Rows without a user, which do not count for measures by user", data.without_user.total()),
    ];
    let clipped = data.dense.iter().filter(|of| of.clipped.total() > 0);
    let clipped = clipped.map(|of| {
        left(
            &format!("Numbers of {} far outside of what training rows have, which were clipped", of.name),
            of.clipped.total(),
        )
    });
    let left_out: Vec<LeftOut> = left_out.into_iter().chain(clipped).collect();
    let field = |name: &str, missing, unknown| FieldFacts {
        name: name.to_owned(),
        missing: parts(missing),
        unknown: parts(unknown),
    };
    let categorical = data.fields.iter().map(|of| field(&of.name, of.missing, of.unknown));
    let dense = data.dense.iter().map(|of| field(&of.name, of.missing, Counts::default()));
    let (users, items) = (data.users, data.catalogue.map_or(0, |note| note.items));
    TabularFacts { rows: parts(data.rows), users, items, left_out, fields: categorical.chain(dense).collect() }
}

/// Compares models over several seeds, where that is what these runs are: each model's mean over its seeds, and the differences from
/// the baseline (by default that of `single`, or else the best model that mixes no experts) paired by data and seed; over all rows, over domains and in each domain that every run
/// has. `None` where the runs are to be compared row by row.
pub fn compare_seeds(
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<&str>,
) -> Result<Option<SeedComparison>, Error> {
    let Some(first) = records.first().map(|record| &record.experiment) else { return Ok(None) };
    let usual = first.main_metric();
    let metric = metric.unwrap_or(&usual);
    check_metrics(first, &[metric.to_owned()])?;
    if records.len() < 2 || !several_seeds(records)? {
        return Ok(None);
    }
    let better = row_metric(metric).map_or(Better::Higher, |metric| metric.about.better);
    if better == Better::One {
        return Err(Error::Request(format!("{metric} is better near 1, so that no difference of it is a gain")));
    }
    let over_domains = format!("{metric}_macro");
    let measured = |record: &Record| record.summary.intervals.contains_key(&over_domains);
    let first_of_domains = first.retrieval.is_none() && records.iter().all(measured);
    let all = match &first.retrieval {
        Some(_) => "all lists",
        None if first_of_domains => MEAN,
        None => POOLED,
    };
    let summary = |record: &Record| by_domain(&record.summary, metric, first_of_domains);
    over_seeds(&seeded(records, |record| Cow::Owned(summary(record))), baseline, (metric, better), all).map(Some)
}

/// The mean over domains, as a comparison calls it.
const MEAN: &str = "mean of domains";
/// All rows, as a comparison calls them.
const POOLED: &str = "all rows, pooled";

/// An evaluation with its domains as groups. What it is judged by is the figure of all rows, or the mean over the domains; the other
/// of the two is a group.
fn by_domain(run: &RunSummary, metric: &str, over_domains: bool) -> RunSummary {
    let group = |by: &str, name: &str, users: usize, estimate: Option<&Estimate>| {
        let metrics = estimate.map(|estimate| (metric.to_owned(), *estimate)).into_iter().collect();
        GroupSummary { by: by.to_owned(), name: name.to_owned(), users, metrics, ..GroupSummary::default() }
    };
    let rows = run.domains.iter().map(|domain| domain.rows).sum();
    let (mean, pooled) = (run.intervals.get(&format!("{metric}_macro")), run.intervals.get(metric));
    let (main, name, other) = if over_domains { (mean, POOLED, pooled) } else { (pooled, MEAN, mean) };
    let main = main.map(|estimate| estimate.mean).or_else(|| run.metrics.get(metric).copied());
    let metrics = main.map(|mean| (metric.to_owned(), mean)).into_iter().collect();
    let mut groups = vec![group("", name, rows, other)];
    let measured = run.domains.iter().filter(|domain| domain.metrics.contains_key(metric));
    groups.extend(measured.map(|domain| group("domain", &domain.name, domain.rows, domain.metrics.get(metric))));
    RunSummary { name: run.name.clone(), metrics, groups, ..RunSummary::default() }
}

/// Compares runs on the same test rows, domain by domain, with `baseline`: by default a run of the model `single`, which has a
/// model of its own for each domain, and else the best of those that mix no experts.
pub fn compare(records: &[Record], baseline: Option<&str>, metric: Option<&str>) -> Result<DomainComparison, Error> {
    Ok(compare_all(records, baseline, metric, false)?.0)
}

/// As [`compare`], and where that is wanted also with the runs that are best, over all rows and over domains, in place of the baseline.
fn compare_all(
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<&str>,
    also_best: bool,
) -> Result<(DomainComparison, Vec<DomainComparison>), Error> {
    let Some(first) = records.first() else { return Err(Error::Request("name the runs to compare".into())) };
    check_data(records)?;
    let data = TabularDataset::open(&first.folder.join(DATA))?;
    if data.manifest().content_hash != first.manifest.data {
        let (found, expected) = (data.manifest().content_hash.clone(), first.manifest.data.clone());
        return Err(RunError::Changed { path: first.folder.join(DATA), found, expected }.into());
    }
    let usual = first.experiment.main_metric();
    let metric = metric.unwrap_or(&usual);
    let better = row_metric(metric).map_or(Better::Higher, |metric| metric.about.better);
    let (baseline, reason) = baseline_of(records, baseline, (metric, better));
    let mut baselines = vec![baseline];
    for figure in [metric.to_owned(), format!("{metric}_macro")].into_iter().filter(|_| also_best) {
        let best = best(&candidates(records, &figure), better).filter(|best| !best.figure.is_nan());
        if let Some(best) = best.filter(|best| baselines.iter().all(|name| name != best.name)) {
            baselines.push(best.name.to_owned());
        }
    }
    let baselines: Vec<&str> = baselines.iter().map(String::as_str).collect();
    let mut found = if let Some(eval) = first.experiment.retrieval_eval() {
        retrieval::compare(records, &data, &eval, &baselines, metric.parse()?)?
    } else {
        let mut truth = Scored::default();
        for block in data.blocks(Part::Test, BLOCK)? {
            let block = block?;
            truth.label.extend_from_slice(&block.label);
            truth.domain.extend_from_slice(&block.domain);
            truth.user.extend_from_slice(&block.user);
        }
        let rows = truth.label.len();
        let scores = |record: &Record| Ok((record.name.clone(), read_scores(&record.folder.join(PREDICTIONS), rows)?));
        let runs = records.iter().map(scores).collect::<Result<Vec<_>, Error>>()?;
        let (seed, resamples) = (first.experiment.seed, first.experiment.eval.resamples);
        gains_against(&truth.truth(&data.schema().domains), &runs, &baselines, metric, seed, resamples)?
    }
    .into_iter();
    let Some(asked) = found.next() else { return Err(Error::Request("name the runs to compare".into())) };
    Ok((DomainComparison { baseline_reason: reason, ..asked }, found.collect()))
}
