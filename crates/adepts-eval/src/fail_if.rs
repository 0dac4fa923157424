//! Conditions on which a pipeline stops: `low.ndcg@20 < 0.25`.

use std::fmt;
use std::str::FromStr;

use crate::about::better;
use crate::metrics::{MetricAt, MetricError};
use crate::nearest::{hint, nearest};
use crate::summary::{GroupSummary, RunSummary};
use crate::tabular::{ROW_METRICS, find};

/// A condition on a run: `[group.]metric comparison number`.
///
/// Without a group the metric is that of all users; `gap` is the best group's mean less the worst's and `worst` the
/// worst group's mean, over the first grouping; any other word is the name of a group, such as `low` or
/// `activity:low`. For tabular runs the groups are the domains, and metrics are those of
/// [`ROW_METRICS`], of all rows also as means over domains, as in `auc_macro`.
///
/// ```
/// use adepts_eval::{FailIf, RunSummary};
///
/// let condition: FailIf = "ndcg@20 < 0.25".parse()?;
/// let run = RunSummary { metrics: [("ndcg@20".to_owned(), 0.2)].into(), ..RunSummary::default() };
/// let verdict = condition.judge(&run)?;
/// assert!(verdict.fails);
/// assert_eq!(verdict.value, 0.2);
/// # Ok::<(), adepts_eval::FailIfError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FailIf {
    of: Of,
    metric: String,
    comparison: Comparison,
    limit: f64,
}

/// Whose figure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    All,
    Gap,
    Worst,
    Group(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// What a condition says of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The figure that was compared.
    pub value: f64,
    /// Whether the condition holds, so that the pipeline should stop.
    pub fails: bool,
}

/// What can be wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailIfError {
    /// Nothing is compared.
    #[error("`{text}` compares nothing: write a condition such as `low.ndcg@20 < 0.25`, with <, <=, > or >=")]
    NoComparison {
        /// The condition.
        text: String,
    },
    /// The right side is no number.
    #[error("`{limit}` in `{text}` is no number; write a condition such as `low.ndcg@20 < 0.25`")]
    NoNumber {
        /// The condition.
        text: String,
        /// Its right side.
        limit: String,
    },
    /// There is no such metric.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The run has no such group.
    #[error("run `{run}` has no group `{group}`{}; it has {}", hint(suggestion.as_deref()), list(known))]
    UnknownGroup {
        /// The run.
        run: String,
        /// What was asked for.
        group: String,
        /// The nearest that there is.
        suggestion: Option<String>,
        /// The groups of the run.
        known: Vec<String>,
    },
    /// The metric exists, but is not among those of the run.
    #[error(
        "`{metric}` is not measured for {of} of run `{run}`: measured are {}; have it measured with \
         `adepts evaluate --metrics {metric},…`, or in training with `--set eval.metrics=[\"{metric}\", …]`",
        list(known)
    )]
    NotMeasured {
        /// The run.
        run: String,
        /// What was asked for.
        metric: String,
        /// `all users`, `the groups` or the group.
        of: String,
        /// The metrics that are measured.
        known: Vec<String>,
    },
    /// No row metric has this name.
    #[error("`{text}` is no metric (did you mean `{suggestion}`?)")]
    UnknownTabular {
        /// What was asked for.
        text: String,
        /// The nearest that there is.
        suggestion: String,
    },
    /// The domain has too few rows for the metric.
    #[error("`{metric}` is not defined for the domain `{domain}` of run `{run}`, which has {}", adepts_data::counted(*rows, "row"))]
    NotDefined {
        /// The run.
        run: String,
        /// The domain.
        domain: String,
        /// What was asked for.
        metric: String,
        /// Its judged rows.
        rows: usize,
    },
    /// The group has nobody to judge by.
    #[error("no user of group `{group}` of run `{run}` has an item to be found, so there is no {metric} of it")]
    NobodyJudged {
        /// The run.
        run: String,
        /// The group.
        group: String,
        /// What was asked for.
        metric: String,
    },
}

fn list(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

impl FailIf {
    /// Compares the figure of a run with the limit.
    ///
    /// A run whose figures are not known yet, NaN, tells whether the condition can be judged at all.
    ///
    /// # Errors
    /// If the run has no such group or nobody in it, or is not measured by this metric.
    pub fn judge(&self, run: &RunSummary) -> Result<Verdict, FailIfError> {
        let value = self.value(run)?;
        let fails = match self.comparison {
            Comparison::Less => value < self.limit,
            Comparison::AtMost => value <= self.limit,
            Comparison::More => value > self.limit,
            Comparison::AtLeast => value >= self.limit,
        };
        Ok(Verdict { value, fails })
    }

    fn value(&self, run: &RunSummary) -> Result<f64, FailIfError> {
        let metric = self.metric.clone();
        if !run.domains.is_empty() && self.of != Of::All {
            return self.of_domains(run);
        }
        match &self.of {
            Of::All => {
                let all = if run.domains.is_empty() { "all users" } else { "all rows" };
                run.metrics.get(&metric).copied().ok_or_else(|| self.not_measured(run, all, run.metrics.keys()))
            }
            Of::Group(name) => {
                let group = run.groups.iter().find(|group| group.name == *name);
                let group = group.ok_or_else(|| unknown_group(run, name))?;
                if group.users == 0 && group.metrics.is_empty() {
                    let (run, group) = (run.name.clone(), name.clone());
                    return Err(FailIfError::NobodyJudged { run, group, metric });
                }
                let estimate = group.metrics.get(&metric);
                let missing = || self.not_measured(run, &format!("group `{name}`"), group.metrics.keys());
                estimate.map(|estimate| estimate.mean).ok_or_else(missing)
            }
            Of::Gap | Of::Worst => {
                let first = first_grouping(run);
                let means = || first.clone().filter_map(|group| group.metrics.get(&metric)).map(|e| e.mean);
                let better = better(&metric);
                let by = |a: &f64, b: &f64| better.upwards(*a).total_cmp(&better.upwards(*b));
                let range = means().min_by(by).zip(means().max_by(by));
                let known = first.clone().find(|group| !group.metrics.is_empty()).into_iter();
                let missing = || self.not_measured(run, "the groups", known.flat_map(|group| group.metrics.keys()));
                let (worst, best) = range.ok_or_else(missing)?;
                Ok(if self.of == Of::Gap { (best - worst).abs() } else { worst })
            }
        }
    }

    /// As [`FailIf::value`], of a domain, or over the domains that have enough rows to say something.
    fn of_domains(&self, run: &RunSummary) -> Result<f64, FailIfError> {
        let metric = self.metric.as_str();
        let measured = run.domains.iter().flat_map(|domain| domain.metrics.keys());
        if !run.domains.iter().any(|domain| domain.metrics.contains_key(metric)) {
            let mut known: Vec<&String> = measured.collect();
            known.sort_unstable();
            known.dedup();
            return Err(self.not_measured(run, "the domains", known.into_iter()));
        }
        if let Of::Group(name) = &self.of {
            let names = || run.domains.iter().map(|domain| domain.name.as_str());
            let domain = run.domains.iter().find(|domain| domain.name == *name);
            let domain = domain.ok_or_else(|| FailIfError::UnknownGroup {
                run: run.name.clone(),
                group: name.clone(),
                suggestion: nearest(name, names().chain(["gap", "worst"])).map(str::to_owned),
                known: names().map(str::to_owned).collect(),
            })?;
            return domain.metrics.get(metric).map(|estimate| estimate.mean).ok_or_else(|| FailIfError::NotDefined {
                run: run.name.clone(),
                domain: name.clone(),
                metric: metric.to_owned(),
                rows: domain.rows,
            });
        }
        let of = |only: bool| -> Vec<f64> {
            let counted = run.domains.iter().filter(|domain| !only || domain.is_established());
            counted.filter_map(|domain| Some(domain.metrics.get(metric)?.mean)).collect()
        };
        let means = Some(of(true)).filter(|means| !means.is_empty()).unwrap_or_else(|| of(false));
        let better = better(metric);
        let by = |a: &f64, b: &f64| better.upwards(*b).total_cmp(&better.upwards(*a));
        let range = means.iter().copied().max_by(by).zip(means.iter().copied().min_by(by));
        let (worst, best) = range.ok_or_else(|| self.not_measured(run, "the domains", std::iter::empty()))?;
        Ok(if self.of == Of::Gap { (best - worst).abs() } else { worst })
    }

    fn not_measured<'a>(&self, run: &RunSummary, of: &str, known: impl Iterator<Item = &'a String>) -> FailIfError {
        let (metric, known) = (self.metric.clone(), known.cloned().collect());
        FailIfError::NotMeasured { run: run.name.clone(), metric, of: of.to_owned(), known }
    }
}

/// The groups of the first grouping.
fn first_grouping(run: &RunSummary) -> impl Iterator<Item = &GroupSummary> + Clone {
    let by = run.groups.first().map(|group| group.by.as_str());
    run.groups.iter().filter(move |group| Some(group.by.as_str()) == by)
}

fn unknown_group(run: &RunSummary, group: &str) -> FailIfError {
    let known: Vec<String> = run.groups.iter().map(|group| group.name.clone()).collect();
    let suggestion = nearest(group, known.iter().map(String::as_str).chain(["gap", "worst"])).map(str::to_owned);
    FailIfError::UnknownGroup { run: run.name.clone(), group: group.to_owned(), suggestion, known }
}

impl FromStr for FailIf {
    type Err = FailIfError;

    fn from_str(text: &str) -> Result<Self, FailIfError> {
        // From the right, as the name of a group may hold any character.
        let at = text.rfind(['<', '>']).ok_or_else(|| FailIfError::NoComparison { text: text.to_owned() })?;
        let (figure, right) = (text[..at].trim(), &text[at + 1..]);
        let (limit, or_equal) = right.strip_prefix('=').map_or((right, false), |rest| (rest, true));
        let comparison = match (text[at..].starts_with('<'), or_equal) {
            (true, false) => Comparison::Less,
            (true, true) => Comparison::AtMost,
            (false, false) => Comparison::More,
            (false, true) => Comparison::AtLeast,
        };
        let number = limit.trim().parse().ok().filter(|limit: &f64| limit.is_finite());
        let no_number = || FailIfError::NoNumber { text: text.to_owned(), limit: limit.trim().to_owned() };
        let limit = number.ok_or_else(no_number)?;
        let (of, metric) = match figure.rsplit_once('.') {
            None => (Of::All, figure),
            Some(("gap", metric)) => (Of::Gap, metric),
            Some(("worst", metric)) => (Of::Worst, metric),
            Some((group, metric)) => (Of::Group(group.to_owned()), metric),
        };
        Ok(Self { of, metric: metric_name(metric)?, comparison, limit })
    }
}

/// The name of a metric of either family, as it stands in an evaluation.
fn metric_name(text: &str) -> Result<String, FailIfError> {
    let bare = ["_macro", "_weighted"].iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text);
    if find(bare).is_some() {
        return Ok(text.to_owned());
    }
    let of_lists = text.parse::<MetricAt>();
    if text.ends_with("_macro") && bare.parse::<MetricAt>().is_ok() {
        return Ok(text.to_owned());
    }
    if of_lists.is_err()
        && !text.contains('@')
        && let Some(near) = nearest(text, ROW_METRICS.iter().map(|metric| metric.about.name))
    {
        return Err(FailIfError::UnknownTabular { text: text.to_owned(), suggestion: near.to_owned() });
    }
    Ok(of_lists?.to_string())
}

impl fmt::Display for FailIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Of::All => (),
            Of::Gap => f.write_str("gap.")?,
            Of::Worst => f.write_str("worst.")?,
            Of::Group(name) => write!(f, "{name}.")?,
        }
        let comparison = match self.comparison {
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::More => ">",
            Comparison::AtLeast => ">=",
        };
        write!(f, "{} {comparison} {}", self.metric, self.limit)
    }
}

#[cfg(test)]
mod tests;
