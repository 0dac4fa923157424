//! Conditions on which a pipeline stops: `low.ndcg@20 < 0.25`.

use std::fmt;
use std::str::FromStr;

use crate::metrics::{MetricAt, MetricError};
use crate::nearest::{hint, nearest};
use crate::summary::{GroupSummary, RunSummary};

/// A condition on a run: `[group.]metric comparison number`.
///
/// Without a group the metric is that of all users; `gap` is the best group's mean less the worst's and `worst` the
/// worst group's mean, over the first grouping; any other word is the name of a group, such as `low` or
/// `activity:low`.
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
    metric: MetricAt,
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
        let metric = self.metric.to_string();
        match &self.of {
            Of::All => {
                run.metrics.get(&metric).copied().ok_or_else(|| self.not_measured(run, "all users", run.metrics.keys()))
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
                let range = means().min_by(f64::total_cmp).zip(means().max_by(f64::total_cmp));
                let known = first.clone().find(|group| !group.metrics.is_empty()).into_iter();
                let missing = || self.not_measured(run, "the groups", known.flat_map(|group| group.metrics.keys()));
                let (worst, best) = range.ok_or_else(missing)?;
                Ok(if self.of == Of::Gap { best - worst } else { worst })
            }
        }
    }

    fn not_measured<'a>(&self, run: &RunSummary, of: &str, known: impl Iterator<Item = &'a String>) -> FailIfError {
        let (metric, known) = (self.metric.to_string(), known.cloned().collect());
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
        Ok(Self { of, metric: metric.parse()?, comparison, limit })
    }
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
mod tests {
    use super::*;
    use crate::summary::Estimate;

    fn run() -> RunSummary {
        let group = |by: &str, name: &str, mean: f64| GroupSummary {
            by: by.into(),
            name: name.into(),
            metrics: [("ndcg@20".to_owned(), Estimate { mean, ..Estimate::default() })].into(),
            ..GroupSummary::default()
        };
        let empty = GroupSummary { by: "mainstream".into(), name: "medium".into(), ..GroupSummary::default() };
        RunSummary {
            name: "tall".into(),
            metrics: [("ndcg@20".to_owned(), 0.3), ("coverage@20".to_owned(), 0.5)].into(),
            groups: vec![
                group("mainstream", "low", 0.25),
                empty,
                group("mainstream", "high", 0.5),
                group("genre", "genre:a.b<c", 0.1),
            ],
            ..RunSummary::default()
        }
    }

    fn judge(condition: &str) -> Result<Verdict, FailIfError> {
        condition.parse::<FailIf>()?.judge(&run())
    }

    #[test]
    fn a_condition_compares_the_figure_that_it_names() {
        for (condition, value, fails) in [
            ("low.ndcg@20 < 0.25", 0.25, false),
            ("low.ndcg@20 <= 0.25", 0.25, true),
            ("ndcg@20<.3", 0.3, false),
            ("ndcg@20 >= 3e-1", 0.3, true),
            ("  coverage@20   >0.4 ", 0.5, true),
            ("gap.ndcg@20 > 0.2", 0.25, true),
            ("gap.ndcg@20 > 0.25", 0.25, false),
            ("worst.ndcg@20 < 0.2", 0.25, false),
            ("genre:a.b<c.ndcg@20 < -1", 0.1, false),
        ] {
            assert_eq!(judge(condition).unwrap(), Verdict { value, fails }, "{condition}");
        }
    }

    #[test]
    fn a_condition_goes_out_as_it_is_read() {
        for text in ["low.ndcg@20 < 0.25", "gap.recall@5 >= 0.5", "worst.map@3 <= 1", "hit@1 > 0"] {
            assert_eq!(text.parse::<FailIf>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_unknown_is_named_with_the_nearest() {
        let message = |condition: &str| judge(condition).unwrap_err().to_string();
        assert_eq!(
            message("lwo.ndcg@20 < 1"),
            "run `tall` has no group `lwo` (did you mean `low`?); it has low, medium, high, genre:a.b<c"
        );
        assert_eq!(
            message("ndcg@10 < 1"),
            "`ndcg@10` is not measured for all users of run `tall`: measured are coverage@20, ndcg@20; have it measured \
             with `adepts evaluate --metrics ndcg@10,…`, or in training with `--set eval.metrics=[\"ndcg@10\", …]`"
        );
        assert_eq!(
            message("medium.ndcg@20 < 1"),
            "no user of group `medium` of run `tall` has an item to be found, so there is no ndcg@20 of it"
        );
        assert!(
            message("gap.recall@20 < 1").starts_with(
                "`recall@20` is not measured for the groups of run `tall`: measured are ndcg@20; have it measured with"
            ),
            "{}",
            message("gap.recall@20 < 1")
        );
        assert!(message("low.ndgc@20 < 1").starts_with("`ndgc@20` is no metric (did you mean `ndcg@20`?)"));
        assert!(message("< 1").starts_with("`` is no metric"));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        assert!(matches!(judge("ndcg@20"), Err(FailIfError::NoComparison { .. })));
        for text in ["ndcg@20 <", "ndcg@20 < low", "ndcg@20 < NaN", "ndcg@20 < inf", "ndcg@20 <== 1", "ndcg@20 = < é"]
        {
            assert!(matches!(judge(text), Err(FailIfError::NoNumber { .. })), "{text}");
        }
    }
}
