//! Is one model better than another? Runs of either family, over several seeds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use adepts_core::config::nearest;
use adepts_eval::{
    Better, CompareError, RunSummary, SeedComparison, SeedGroup, SeedModel, across_seeds, difference_across_seeds,
};

use crate::baseline::{Candidate, choose, meant};
use crate::error::Error;
use crate::family::Settings;
use crate::record::Record;

/// Whether all runs are on the same data.
pub fn check_data<S: Settings>(records: &[Record<S>]) -> Result<(), Error> {
    let Some((first, rest)) = records.split_first() else { return Ok(()) };
    match rest.iter().find(|record| S::data_of(&record.manifest) != S::data_of(&first.manifest)) {
        None => Ok(()),
        Some(other) => Err(Error::Request(format!(
            "{} and {} are runs on different data or different splits of it, so what they were judged on cannot be put side by side",
            first.folder.display(),
            other.folder.display()
        ))),
    }
}

/// The records as those that others may be compared with by a metric.
pub(crate) fn candidates<'a, S: Settings>(records: &'a [Record<S>], metric: &str) -> Vec<Candidate<'a>> {
    let candidate = |record: &'a Record<S>| Candidate {
        name: &record.name,
        kind: record.experiment.kind(),
        mixes: mixes(&record.summary),
        figure: record.summary.metrics.get(metric).copied().unwrap_or(f64::NAN),
    };
    records.iter().map(candidate).collect()
}

/// Whether a run mixes experts.
fn mixes(summary: &RunSummary) -> bool {
    summary.gate.is_some() || summary.experts.is_some()
}

/// The baseline among runs and why it is that one; a run may also be named by its folder.
pub(crate) fn baseline_of<S: Settings>(
    records: &[Record<S>],
    asked: Option<&str>,
    by: (&str, Better),
) -> (String, String) {
    let runs: Vec<(&str, &Path)> =
        records.iter().map(|record| (record.name.as_str(), record.folder.as_path())).collect();
    let asked = asked.map(|name| meant(name, &runs));
    choose(asked.as_deref(), &candidates(records, by.0), by)
}

/// Whether runs are to be compared over seeds: they are on several splits, or a model was trained with several seeds. Refuses
/// runs on different data that do not differ in their seed, so that they cannot be splits of one log.
pub(crate) fn several_seeds<S: Settings>(records: &[Record<S>]) -> Result<bool, Error> {
    let pairs = || records.iter().enumerate().flat_map(|(n, b)| records[..n].iter().map(move |a| (a, b)));
    let of_other_data = |(a, b): &(&Record<S>, &Record<S>)| S::data_of(&a.manifest) != S::data_of(&b.manifest);
    let of_other_seed = |(a, b): &(&Record<S>, &Record<S>)| a.experiment.seeds().0 != b.experiment.seeds().0;
    if pairs().filter(of_other_data).any(|pair| !of_other_seed(&pair)) {
        check_data(records)?;
    }
    let of_one_model = |(a, b): &(&Record<S>, &Record<S>)| model_of(a) == model_of(b);
    Ok(pairs().any(|pair| of_other_data(&pair) || of_one_model(&pair) && of_other_seed(&pair)))
}

/// A run as those with other seeds see it.
pub(crate) struct Seeded<'a> {
    /// Its name without the seed.
    pub(crate) model: String,
    /// Its folder, for messages.
    pub(crate) folder: &'a Path,
    /// Its kind of model.
    pub(crate) kind: &'a str,
    /// Whether it mixes experts.
    pub(crate) mixes: bool,
    /// What it is paired by: its data and its seed.
    pub(crate) pair: (&'a str, u64),
    /// Its evaluation.
    pub(crate) summary: Cow<'a, RunSummary>,
}

/// Runs with these evaluations. A model has the name of its runs, and its kind beside it where that name is given to several kinds.
pub(crate) fn seeded<'a, S: Settings>(
    records: &'a [Record<S>],
    summary: impl Fn(&'a Record<S>) -> Cow<'a, RunSummary>,
) -> Vec<Seeded<'a>> {
    let models: Vec<(String, &str)> = records.iter().map(model_of).collect();
    let of = |(record, (name, kind)): (&'a Record<S>, &(String, &str))| {
        let alone = models.iter().all(|(other, of)| other != name || of == kind);
        Seeded {
            model: if alone { name.clone() } else { format!("{name} ({kind})") },
            folder: &record.folder,
            kind: record.experiment.kind(),
            mixes: mixes(&record.summary),
            pair: (S::data_of(&record.manifest), record.experiment.seeds().0),
            summary: summary(record),
        }
    };
    records.iter().zip(&models).map(of).collect()
}

/// What makes runs those of one model: their name without a seed, and the kind of the model.
fn model_of<S: Settings>(record: &Record<S>) -> (String, &str) {
    (without_seed(&record.experiment), record.experiment.kind())
}

/// The runs of one model by what they are paired by.
struct Model<'a> {
    name: &'a str,
    runs: BTreeMap<(&'a str, u64), &'a RunSummary>,
}

/// Compares models over their seeds by a metric, overall (under the name `all`) and by the groups that every run has; differences
/// are positive where a model is better than the baseline.
pub(crate) fn over_seeds(
    seeded: &[Seeded<'_>],
    baseline: Option<&str>,
    (metric, better): (&str, Better),
    all: &str,
) -> Result<SeedComparison, Error> {
    let mut models: Vec<Model<'_>> = Vec::new();
    for Seeded { model: name, folder, pair, summary, .. } in seeded {
        let at = models.iter().position(|model| model.name == name).unwrap_or_else(|| {
            models.push(Model { name, runs: BTreeMap::new() });
            models.len() - 1
        });
        if models[at].runs.insert(*pair, summary).is_some() {
            return Err(Error::Request(format!(
                "{} repeats a run of the model `{name}` with the same data and seed; leave it out, or if it has other settings train it under another name",
                folder.display()
            )));
        }
    }
    let names = || models.iter().map(|model| model.name);
    let folders: Vec<(&str, &Path)> = seeded.iter().map(|run| (run.model.as_str(), run.folder)).collect();
    let asked = baseline.map(|name| meant(name, &folders));
    let candidates = models.iter().map(|model| {
        let first = seeded.iter().find(|run| run.model == model.name);
        let sum: f64 = model.runs.values().map(|run| figure(run, "", all, metric)).sum();
        let (kind, mixes) = first.map_or(("", false), |run| (run.kind, run.mixes));
        Candidate { name: model.name, kind, mixes, figure: sum / model.runs.len() as f64 }
    });
    let candidates: Vec<Candidate<'_>> = candidates.collect();
    let (chosen, reason) = choose(asked.as_deref(), &candidates, (metric, better));
    let base = names().position(|name| name == chosen).ok_or_else(|| CompareError::UnknownBaseline {
        suggestion: nearest(&chosen, names()).map(str::to_owned),
        runs: names().map(str::to_owned).collect(),
        baseline: chosen,
    })?;
    if models.iter().all(|model| model.runs.len() < 2) {
        return Err(Error::Request(
            "these runs are on different data, and none has a second seed; compare runs on the same data, or several seeds of each model"
                .into(),
        ));
    }
    let compared = |by: &str, name: &str| -> Result<SeedGroup, Error> {
        let value = |run: &RunSummary| figure(run, by, name, metric);
        let models = models.iter().enumerate().map(|(at, model)| {
            let values: Vec<f64> = model.runs.values().map(|run| value(run)).collect();
            let both =
                model.runs.iter().filter_map(|(pair, run)| Some((value(run), value(models[base].runs.get(pair)?))));
            let (ours, theirs): (Vec<f64>, Vec<f64>) = both.unzip();
            let (above, below) = if better == Better::Lower { (&theirs, &ours) } else { (&ours, &theirs) };
            let paired = at != base && !ours.is_empty();
            let difference = paired.then(|| difference_across_seeds(above, below)).transpose()?;
            Ok(SeedModel { model: model.name.to_owned(), estimate: across_seeds(&values), difference })
        });
        let models = models.collect::<Result<Vec<_>, Error>>()?;
        Ok(SeedGroup { by: by.to_owned(), name: name.to_owned(), models })
    };
    let summaries = || seeded.iter().map(|run| &*run.summary);
    let in_every = |by: &str, name: &str| {
        summaries().all(|run| run.groups.iter().any(|group| group.by == by && group.name == name))
    };
    let mut groups = vec![compared("", all)?];
    let mut seen = BTreeSet::new();
    for group in summaries().flat_map(|run| &run.groups) {
        if seen.insert((&group.by, &group.name)) && in_every(&group.by, &group.name) {
            groups.push(compared(&group.by, &group.name)?);
        }
    }
    if let Some(model) = groups[0].models.iter().find(|model| model.estimate.mean.is_nan()) {
        return Err(Error::Request(format!("the runs of {} were not measured by {metric}", model.model)));
    }
    let (metric, baseline) = (metric.to_owned(), models[base].name.to_owned());
    let mut compared = SeedComparison { metric, baseline, baseline_reason: reason, groups };
    compared.correct();
    Ok(compared)
}

/// The figure of a group, or overall where there is no such group.
fn figure(run: &RunSummary, by: &str, name: &str, metric: &str) -> f64 {
    let found = match run.groups.iter().find(|group| group.by == by && group.name == name) {
        Some(group) => group.metrics.get(metric).map(|estimate| estimate.mean),
        None => run.metrics.get(metric).copied(),
    };
    found.unwrap_or(f64::NAN)
}

/// The name without a seed at its end: `tall-s1`, `tall-seed1`, or `tall-1` where 1 is the seed of the run or its split.
fn without_seed(experiment: &impl Settings) -> String {
    let name = experiment.name();
    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[rest.len()..].parse::<u64>().ok();
    let (seed, split) = experiment.seeds();
    let is_seed = number.is_some_and(|number| number == seed || Some(number) == split);
    let marked = ["seed", "s"].iter().find_map(|mark| {
        let rest = rest.strip_suffix(mark)?;
        rest.strip_suffix(['-', '_', '.'])
    });
    match (number, marked) {
        (Some(_), Some(rest)) if !rest.is_empty() => rest.to_owned(),
        _ if is_seed => match rest.trim_end_matches(['-', '_', '.']) {
            "" => name.to_owned(),
            rest => rest.to_owned(),
        },
        _ => name.to_owned(),
    }
}
