//! Is one run better than another? Paired differences over the same users, and over seeds.

use std::collections::BTreeMap;

use adepts_data::Grouping;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::bootstrap::intervals;
use crate::evaluate::Measured;
use crate::metrics::MetricAt;
use crate::nearest::{hint, nearest};
use crate::summarise::members;

/// Several runs, user by user, against one of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared, such as `ndcg@20`.
    pub metric: String,
    /// The run that the others are compared with.
    pub baseline: String,
    /// Why it is that one; empty where nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub baseline_reason: String,
    /// Users that every run was judged on; only they are compared.
    pub users: usize,
    /// Seed and number of the bootstrap resamples.
    pub bootstrap: (u64, usize),
    /// All users first (named `all`, with an empty `by`), then the groups of all groupings that have such users.
    pub groups: Vec<ComparedGroup>,
}

/// The runs in one group of users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedGroup {
    /// What the grouping is by.
    pub by: String,
    /// The group.
    pub name: String,
    /// The compared users in it.
    pub users: usize,
    /// Every run, in the order given.
    pub runs: Vec<ComparedRun>,
}

/// One run in one group of users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedRun {
    /// Its name.
    pub run: String,
    /// Its mean.
    pub mean: f64,
    /// Against the baseline; `None` for the baseline itself.
    pub difference: Option<Difference>,
}

/// A paired difference from the baseline, positive where the run is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The mean of the users' differences.
    pub mean: f64,
    /// The lower end of its 95 % percentile bootstrap interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// Two-sided p-value of the paired t-test over users; 1 for fewer than two users.
    pub p: f64,
    /// The same, corrected by Holm's procedure over all groups of all groupings in which this run is compared;
    /// `None` for all users together, which is one question and not many.
    pub p_holm: Option<f64>,
}

/// What can be wrong with a comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// One run alone is no comparison.
    #[error("a comparison needs at least two runs, not {runs}")]
    TooFewRuns {
        /// How many there are.
        runs: usize,
    },
    /// Two runs could not be told apart.
    #[error("two of the runs are called `{run}`")]
    DuplicateRun {
        /// The name.
        run: String,
    },
    /// No run has the baseline's name.
    #[error("no run is called `{baseline}`{}; there are {}", hint(suggestion.as_deref()), runs.join(", "))]
    UnknownBaseline {
        /// What was asked for.
        baseline: String,
        /// The nearest that there is.
        suggestion: Option<String>,
        /// All runs.
        runs: Vec<String>,
    },
    /// A run has no values of the metric.
    #[error("run `{run}` has no per-user values of `{metric}`; it has {}", known.join(", "))]
    MissingMetric {
        /// The run.
        run: String,
        /// The metric.
        metric: String,
        /// What it has.
        known: Vec<String>,
    },
    /// No user was judged in every run.
    #[error("no user was judged in all of the runs, so there is nothing to compare")]
    NoCommonUsers,
    /// A grouping is of other users.
    #[error("the grouping by {by} has {users} users, user {user} is not among them")]
    Grouping {
        /// What it is by.
        by: String,
        /// Number of its users.
        users: usize,
        /// A judged user.
        user: u32,
    },
    /// Seeds cannot be paired.
    #[error("{ours} seeds cannot be paired with {theirs}")]
    Seeds {
        /// Values of one model.
        ours: usize,
        /// Values of the other.
        theirs: usize,
    },
}

/// Compares every run with the first, as [`compare_with`].
///
/// # Errors
/// As [`compare_with`].
pub fn compare(
    runs: &[(String, Measured)],
    groupings: &[Grouping],
    metric: MetricAt,
    seed: u64,
    resamples: usize,
) -> Result<Comparison, CompareError> {
    let Some((baseline, _)) = runs.first() else { return Err(CompareError::TooFewRuns { runs: 0 }) };
    compare_with(runs, baseline, groupings, metric, seed, resamples)
}

/// Compares every run with `baseline` on the users that all of them were judged on, overall and by group.
///
/// Users are indices, so all runs must be of the same prepared data. The p-value is that of the paired t-test:
/// for differences of ranking metrics it agrees with bootstrap and permutation tests (Smucker, Allan and Carterette 2007; Urbano, Lima
/// and Hanjalic 2019), and unlike theirs its resolution is not limited by a number of resamples, which matters once
/// it is multiplied by the number of groups.
///
/// # Errors
/// If there are fewer than two runs, no such baseline, no such metric, or no user in common, or a grouping is of other
/// users.
pub fn compare_with(
    runs: &[(String, Measured)],
    baseline: &str,
    groupings: &[Grouping],
    metric: MetricAt,
    seed: u64,
    resamples: usize,
) -> Result<Comparison, CompareError> {
    let base = check(runs, baseline)?;
    let (users, values) = &common(runs, metric)?;
    for grouping in groupings {
        if let Some(&user) = users.iter().find(|&&user| user as usize >= grouping.of_user.len()) {
            return Err(CompareError::Grouping { by: grouping.by.clone(), users: grouping.of_user.len(), user });
        }
    }
    let compared = |by: &str, name: &str, positions: &[usize]| {
        let of = |run: usize| positions.iter().map(move |&position| values[position][run]);
        let one = |run: usize| {
            let differences: Vec<f64> = of(run).zip(of(base)).map(|(ours, theirs)| ours - theirs).collect();
            let difference = (run != base).then(|| {
                let key = format!("difference {by}/{name}");
                let estimate = intervals(&differences, 1, &key, seed, resamples)[0];
                let p = paired_t(&differences);
                Difference { mean: estimate.mean, lower: estimate.lower, upper: estimate.upper, p, p_holm: None }
            });
            let mean = of(run).sum::<f64>() / positions.len() as f64;
            ComparedRun { run: runs[run].0.clone(), mean, difference }
        };
        let (by, name) = (by.to_owned(), name.to_owned());
        ComparedGroup { by, name, users: positions.len(), runs: (0..runs.len()).map(one).collect() }
    };
    let everyone: Vec<usize> = (0..users.len()).collect();
    let mut groups = vec![compared("", "all", &everyone)];
    for grouping in groupings {
        for (index, name) in grouping.names.iter().enumerate() {
            let positions = members(users, grouping, index);
            if !positions.is_empty() {
                groups.push(compared(&grouping.by, name, &positions));
            }
        }
    }
    for run in 0..runs.len() {
        let mut of_groups: Vec<&mut Difference> =
            groups[1..].iter_mut().filter_map(|group| group.runs[run].difference.as_mut()).collect();
        let corrected = holm(&of_groups.iter().map(|difference| difference.p).collect::<Vec<_>>());
        of_groups.iter_mut().zip(corrected).for_each(|(difference, p)| difference.p_holm = Some(p));
    }
    Ok(Comparison {
        metric: metric.to_string(),
        baseline: baseline.to_owned(),
        baseline_reason: String::new(),
        users: users.len(),
        bootstrap: (seed, resamples),
        groups,
    })
}

/// The position of the baseline among runs of either family.
pub(crate) fn check<T>(runs: &[(String, T)], baseline: &str) -> Result<usize, CompareError> {
    let names = || runs.iter().map(|(name, _)| name.as_str());
    if runs.len() < 2 {
        return Err(CompareError::TooFewRuns { runs: runs.len() });
    }
    if let Some(run) = names().enumerate().find_map(|(i, name)| names().take(i).any(|n| n == name).then_some(name)) {
        return Err(CompareError::DuplicateRun { run: run.to_owned() });
    }
    names().position(|name| name == baseline).ok_or_else(|| CompareError::UnknownBaseline {
        baseline: baseline.to_owned(),
        suggestion: nearest(baseline, names()).map(str::to_owned),
        runs: names().map(str::to_owned).collect(),
    })
}

/// The users that every run was judged on, ascending, and for each the value in every run.
fn common(runs: &[(String, Measured)], metric: MetricAt) -> Result<(Vec<u32>, Vec<Vec<f64>>), CompareError> {
    let mut of_user: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (index, (run, measured)) in runs.iter().enumerate() {
        let column = measured.column(metric).ok_or_else(|| CompareError::MissingMetric {
            run: run.clone(),
            metric: metric.to_string(),
            known: measured.metrics.iter().map(ToString::to_string).collect(),
        })?;
        for (position, &user) in measured.users.iter().enumerate() {
            let values = of_user.entry(user).or_default();
            if values.len() == index {
                values.push(measured.row(position)[column]);
            }
        }
    }
    of_user.retain(|_, values| values.len() == runs.len());
    if of_user.is_empty() {
        return Err(CompareError::NoCommonUsers);
    }
    Ok(of_user.into_iter().unzip())
}

/// Mean, standard error and degrees of freedom; `None` for fewer than two values.
fn moments(values: &[f64]) -> Option<(f64, f64, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, (variance / n).sqrt(), n - 1.0))
}

/// Two-sided p-value of the t-test that the mean of paired differences is 0.
fn paired_t(differences: &[f64]) -> f64 {
    let Some((mean, error, freedom)) = moments(differences) else { return 1.0 };
    if mean == 0.0 {
        return 1.0;
    }
    if error == 0.0 {
        return 0.0;
    }
    // Both tails at once, as the lower one: 1 − cdf would lose every digit of a small p.
    StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |t| (2.0 * t.cdf(-(mean / error).abs())).min(1.0))
}

/// Holm's step-down correction (1979): the i-th smallest of m p-values times m − i, never falling, at most 1.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    let mut corrected = vec![0.0; p.len()];
    let mut highest = 0.0_f64;
    for (i, &index) in order.iter().enumerate() {
        highest = highest.max((p[index] * (p.len() - i) as f64).min(1.0));
        corrected[index] = highest;
    }
    corrected
}

/// A mean over seeds with its 95 % t-interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedEstimate {
    /// The mean.
    pub mean: f64,
    /// The lower end of the interval: −∞ (`null` in JSON) for a single seed, which says nothing about others.
    pub lower: f64,
    /// The upper end: +∞ for a single seed.
    pub upper: f64,
    /// Number of seeds.
    pub n: usize,
}

/// A paired difference over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedDifference {
    /// The mean difference with its 95 % t-interval.
    pub difference: SeedEstimate,
    /// Two-sided p-value of the paired t-test over seeds; 1 for fewer than two seeds.
    pub p: f64,
    /// The same, corrected by Holm's procedure over all groups in which this model is compared over several seeds; `None` for
    /// what is no group but one question, such as all users together, and for a single seed.
    pub p_holm: Option<f64>,
}

/// Several models over several seeds, against one of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedComparison {
    /// What is compared, such as `ndcg@20`.
    pub metric: String,
    /// The model that the others are compared with.
    pub baseline: String,
    /// Why it is that one; empty where nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub baseline_reason: String,
    /// All users first (named `all`, with an empty `by`), then the groups that every run has.
    pub groups: Vec<SeedGroup>,
}

impl SeedComparison {
    /// Corrects the p-values of each model over its groups, those with something that they are by.
    pub fn correct(&mut self) {
        let models = self.groups.first().map_or(0, |group| group.models.len());
        for model in 0..models {
            let mut of_groups: Vec<&mut SeedDifference> = self
                .groups
                .iter_mut()
                .filter(|group| !group.by.is_empty())
                .filter_map(|group| group.models[model].difference.as_mut().filter(|found| found.difference.n > 1))
                .collect();
            let corrected = holm(&of_groups.iter().map(|difference| difference.p).collect::<Vec<_>>());
            of_groups.iter_mut().zip(corrected).for_each(|(difference, p)| difference.p_holm = Some(p));
        }
    }
}

/// The models in one group of users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedGroup {
    /// What the grouping is by.
    pub by: String,
    /// The group.
    pub name: String,
    /// Every model, in the order given.
    pub models: Vec<SeedModel>,
}

/// One model over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedModel {
    /// Its name: that of its runs without the seed.
    pub model: String,
    /// Its mean over seeds.
    pub estimate: SeedEstimate,
    /// Against the baseline over the seeds that both have; `None` for the baseline itself and where there are none.
    pub difference: Option<SeedDifference>,
}

/// The mean of one figure over several seeds with Student's 95 % interval, mean ± t₀.₉₇₅(n − 1) s/√n. The mean of
/// nothing is NaN.
#[must_use]
pub fn across_seeds(values: &[f64]) -> SeedEstimate {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let half = moments(values).map_or(f64::INFINITY, |(_, error, freedom)| {
        StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975) * error)
    });
    SeedEstimate { mean, lower: mean - half, upper: mean + half, n }
}

/// The difference of two models over the same seeds, in the same order: paired, so that what a split or a start does
/// to both falls out.
///
/// # Errors
/// If the numbers of seeds differ.
pub fn difference_across_seeds(ours: &[f64], theirs: &[f64]) -> Result<SeedDifference, CompareError> {
    if ours.len() != theirs.len() {
        return Err(CompareError::Seeds { ours: ours.len(), theirs: theirs.len() });
    }
    let differences: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect();
    Ok(SeedDifference { difference: across_seeds(&differences), p: paired_t(&differences), p_holm: None })
}

#[cfg(test)]
mod tests;
