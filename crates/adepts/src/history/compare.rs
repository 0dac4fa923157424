//! Is one run better than another, and for whom? Over the same users, or over several seeds.

use std::borrow::Cow;

use adepts_data::HistoryDataset;
use adepts_eval::about::better;
use adepts_eval::{CompareError, Comparison, MetricAt, SeedComparison, compare_with, read_per_user};
use serde::Serialize;

use super::evaluate::groupings;
use super::record::Record;
use crate::compare::{baseline_of, over_seeds, seeded, several_seeds};
use crate::error::Error;
use crate::files::PER_USER;

/// What a comparison is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "over", rename_all = "lowercase")]
pub enum Compared {
    /// The users of one data set, each judged by every run.
    Users(Comparison),
    /// Seeds: several runs of each model, paired by data and seed.
    Seeds(SeedComparison),
}

/// Whether all runs were evaluated under the same masks, and users without a history on the same data by the same rule.
pub fn check_masks(records: &[Record]) -> Result<(), Error> {
    let Some((first, rest)) = records.split_first() else { return Ok(()) };
    for other in rest {
        let (a, b) = (&first.summary.protocol, &other.summary.protocol);
        let same_data = first.manifest.data == other.manifest.data;
        let what = if a.mask_validation != b.mask_validation {
            "under different masks (eval.mask_validation)"
        } else if (a.seen > 0 || b.seen > 0) && a.mask_seen != b.mask_seen {
            "under different masks (eval.mask_seen)"
        } else if same_data && a.without_history != b.without_history {
            "by different rules for users without training items (eval.without_history)"
        } else {
            continue;
        };
        let (first, other) = (first.folder.display(), other.folder.display());
        let told = format!("{first} and {other} were evaluated {what}, so their figures cannot be compared");
        return Err(Error::Request(told));
    }
    Ok(())
}

/// Compares runs: user by user where all are on the same data, and over seeds where they are on several splits or where a
/// model was trained with several seeds.
pub fn compare(records: &[Record], baseline: Option<&str>, metric: Option<MetricAt>) -> Result<Compared, Error> {
    let Some(first) = records.first().filter(|_| records.len() > 1) else {
        return Err(CompareError::TooFewRuns { runs: records.len() }.into());
    };
    let metric = metric.or(first.metric()).ok_or_else(|| Error::Request("name a metric".into()))?;
    check_masks(records)?;
    if several_seeds(records)? {
        let runs = seeded(records, |record| Cow::Borrowed(&record.summary));
        return Ok(Compared::Seeds(over_seeds(
            &runs,
            baseline,
            (&metric.to_string(), better(&metric.to_string())),
            "all",
        )?));
    }
    Ok(Compared::Users(by_users(records, &first.data()?, baseline, metric)?))
}

/// Compares runs on the same data with one of them: the one called `baseline`, or by default the best of those that mix no experts.
pub fn by_users(
    records: &[Record],
    data: &HistoryDataset,
    baseline: Option<&str>,
    metric: MetricAt,
) -> Result<Comparison, Error> {
    let (baseline, reason) = baseline_of(records, baseline, (&metric.to_string(), better(&metric.to_string())));
    let measured =
        |record: &Record| Ok((record.name.clone(), read_per_user(&record.folder.join(PER_USER), &data.users)?));
    let runs = records.iter().map(measured).collect::<Result<Vec<_>, Error>>()?;
    let Some(first) = records.first() else { return Err(CompareError::TooFewRuns { runs: 0 }.into()) };
    let groups = groupings(data, &first.experiment.eval)?;
    let (seed, resamples) = (first.experiment.seed, first.experiment.eval.resamples);
    let compared = compare_with(&runs, &baseline, &groups, metric, seed, resamples)?;
    Ok(Comparison { baseline_reason: reason, ..compared })
}
