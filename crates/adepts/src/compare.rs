//! Is one run better than another, and for whom? Over the same users, or over several seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use adepts_core::config::nearest;
use adepts_data::{Dataset, SplitConfig};
use adepts_eval::{
    CompareError, Comparison, MetricAt, RunSummary, SeedComparison, SeedGroup, SeedModel, across_seeds, compare_with,
    difference_across_seeds, read_per_user,
};
use serde::Serialize;

use crate::error::Error;
use crate::evaluate::groupings;
use crate::folder::Settings;
use crate::report::Record;
use crate::run;

/// What a comparison is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "over", rename_all = "lowercase")]
pub enum Compared {
    /// The users of one data set, each judged by every run.
    Users(Comparison),
    /// Seeds: several runs of each model, paired by data and seed.
    Seeds(SeedComparison),
}

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

/// Whether all runs were evaluated under the same mask.
pub fn check_masks(records: &[Record]) -> Result<(), Error> {
    let masked = |record: &Record| record.summary.protocol.mask_validation;
    let Some((first, rest)) = records.split_first() else { return Ok(()) };
    match rest.iter().find(|record| masked(record) != masked(first)) {
        None => Ok(()),
        Some(other) => Err(Error::Request(format!(
            "{} and {} were evaluated under different masks (eval.mask_validation), so their figures cannot be compared",
            first.folder.display(),
            other.folder.display()
        ))),
    }
}

/// Compares runs: user by user where all are on the same data, and over seeds where they are on several splits or where a
/// model was trained with several seeds.
pub fn compare(records: &[Record], baseline: Option<&str>, metric: Option<MetricAt>) -> Result<Compared, Error> {
    let Some(first) = records.first().filter(|_| records.len() > 1) else {
        return Err(CompareError::TooFewRuns { runs: records.len() }.into());
    };
    let metric = metric.or(first.metric()).ok_or_else(|| Error::Request("name a metric".into()))?;
    check_masks(records)?;
    let same = check_data(records).is_ok();
    if !same && !split_by_seed(records) {
        check_data(records)?;
    }
    if !same || repeated(records) {
        return Ok(Compared::Seeds(over_seeds(records, baseline, metric)?));
    }
    let baseline = baseline.map_or_else(|| first.name.clone(), |name| as_folder(records, name));
    Ok(Compared::Users(by_users(records, &first.data()?, &baseline, metric)?))
}

/// Whether runs on different data differ in their seed, so that they may be splits of one log.
fn split_by_seed(records: &[Record]) -> bool {
    let told_apart =
        |a: &Record, b: &Record| a.manifest.data == b.manifest.data || a.experiment.seed != b.experiment.seed;
    records.iter().enumerate().all(|(n, b)| records[..n].iter().all(|a| told_apart(a, b)))
}

/// Whether a model was trained with several seeds on the same data.
fn repeated(records: &[Record]) -> bool {
    let names: Vec<String> = records.iter().map(without_seed).collect();
    let differ = |a: usize, b: usize| records[a].experiment.seed != records[b].experiment.seed;
    (0..names.len()).any(|b| (0..b).any(|a| names[a] == names[b] && differ(a, b)))
}

/// A baseline may also be named by its folder.
fn as_folder(records: &[Record], name: &str) -> String {
    let folder = PathBuf::from(name);
    records.iter().find(|record| record.folder == folder).map_or_else(|| name.to_owned(), |record| record.name.clone())
}

/// Compares runs on the same data with the one called `baseline`.
pub fn by_users(records: &[Record], data: &Dataset, baseline: &str, metric: MetricAt) -> Result<Comparison, Error> {
    let measured =
        |record: &Record| Ok((record.name.clone(), read_per_user(&record.folder.join(run::PER_USER), &data.users)?));
    let runs = records.iter().map(measured).collect::<Result<Vec<_>, Error>>()?;
    let Some(first) = records.first() else { return Err(CompareError::TooFewRuns { runs: 0 }.into()) };
    let groups = groupings(data, &first.experiment.eval)?;
    let (seed, resamples) = (first.experiment.seed, first.experiment.eval.resamples);
    Ok(compare_with(&runs, baseline, &groups, metric, seed, resamples)?)
}

/// The runs of one model: the place in the list of each by what it is paired by.
struct Model<'a> {
    name: String,
    runs: BTreeMap<(&'a str, u64), &'a RunSummary>,
}

fn over_seeds(records: &[Record], baseline: Option<&str>, metric: MetricAt) -> Result<SeedComparison, Error> {
    let mut models: Vec<Model<'_>> = Vec::new();
    for record in records {
        let name = without_seed(record);
        let at = models.iter().position(|model| model.name == name).unwrap_or_else(|| {
            models.push(Model { name, runs: BTreeMap::new() });
            models.len() - 1
        });
        let pair = (record.manifest.data.as_str(), record.experiment.seed);
        if models[at].runs.insert(pair, &record.summary).is_some() {
            return Err(Error::Request(format!(
                "{} repeats a run of the same model, data and seed; leave it out",
                record.folder.display()
            )));
        }
    }
    let names = || models.iter().map(|model| model.name.as_str());
    let base = match baseline {
        None => 0,
        Some(name) => names().position(|n| n == name).ok_or_else(|| CompareError::UnknownBaseline {
            baseline: name.to_owned(),
            suggestion: nearest(name, names()).map(str::to_owned),
            runs: names().map(str::to_owned).collect(),
        })?,
    };
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
            let paired = at != base && !ours.is_empty();
            let difference = paired.then(|| difference_across_seeds(&ours, &theirs)).transpose()?;
            Ok(SeedModel { model: model.name.clone(), estimate: across_seeds(&values), difference })
        });
        let models = models.collect::<Result<Vec<_>, Error>>()?;
        Ok(SeedGroup { by: by.to_owned(), name: name.to_owned(), models })
    };
    let in_every = |by: &str, name: &str| {
        records.iter().all(|record| record.summary.groups.iter().any(|group| group.by == by && group.name == name))
    };
    let mut groups = vec![compared("", "all")?];
    let mut seen = BTreeSet::new();
    for group in records.iter().flat_map(|record| &record.summary.groups) {
        if seen.insert((&group.by, &group.name)) && in_every(&group.by, &group.name) {
            groups.push(compared(&group.by, &group.name)?);
        }
    }
    if let Some(model) = groups[0].models.iter().find(|model| model.estimate.mean.is_nan()) {
        return Err(Error::Request(format!("the runs of {} were not measured by {metric}", model.model)));
    }
    Ok(SeedComparison { metric: metric.to_string(), baseline: models[base].name.clone(), groups })
}

fn figure(run: &RunSummary, by: &str, name: &str, metric: MetricAt) -> f64 {
    let metric = metric.to_string();
    let group = run.groups.iter().find(|group| group.by == by && group.name == name);
    let found = if by.is_empty() {
        run.metrics.get(&metric).copied()
    } else {
        group.and_then(|g| Some(g.metrics.get(&metric)?.mean))
    };
    found.unwrap_or(f64::NAN)
}

/// The name without a seed at its end: `tall-s1`, `tall-seed1`, or `tall-1` where 1 is the seed of the run or its split.
fn without_seed(record: &Record) -> String {
    let name = record.experiment.name.as_str();
    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[rest.len()..].parse::<u64>().ok();
    let split = match record.experiment.split {
        SplitConfig::Random { seed, .. } | SplitConfig::Users { seed, .. } => seed,
        _ => None,
    };
    let is_seed = number.is_some_and(|number| number == record.experiment.seed || Some(number) == split);
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
