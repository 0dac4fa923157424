//! The input seen by question: which metric, which groupings, what a run scores for whom.

use adepts_eval::about::better;
use adepts_eval::{Estimate, METRICS, Scope, about};

use crate::format::group_label;
use crate::input::{ReportInput, RunInput};

/// A grouping that at least one run was evaluated by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grouping {
    pub(crate) by: String,
    /// Full names, in order.
    pub(crate) names: Vec<String>,
}

impl Grouping {
    /// A group's name within this grouping.
    pub(crate) fn label(&self, name: &str) -> String {
        group_label(&self.by, name)
    }
}

/// What all sections look at.
pub(crate) struct View<'a> {
    pub(crate) input: &'a ReportInput,
    /// The metric of the headline and the group plots.
    pub(crate) metric: String,
    pub(crate) groupings: Vec<Grouping>,
}

impl<'a> View<'a> {
    pub(crate) fn new(input: &'a ReportInput) -> Self {
        let mut groupings: Vec<Grouping> = Vec::new();
        for group in input.runs.iter().flat_map(|run| &run.summary.groups) {
            let place = groupings.iter().position(|g| g.by == group.by).unwrap_or_else(|| {
                groupings.push(Grouping { by: group.by.clone(), names: Vec::new() });
                groupings.len() - 1
            });
            if !groupings[place].names.contains(&group.name) {
                groupings[place].names.push(group.name.clone());
            }
        }
        Self { input, metric: main_metric(&input.runs), groupings }
    }

    pub(crate) fn runs(&self) -> &'a [RunInput] {
        &self.input.runs
    }

    /// What a run scores over all users; the interval may be unknown.
    pub(crate) fn overall(&self, run: &RunInput) -> Option<Estimate> {
        let of_all = run.summary.intervals.get(&self.metric).copied();
        let bare = run.summary.metrics.get(&self.metric);
        of_all
            .or_else(|| bare.map(|&mean| Estimate { mean, lower: f64::NAN, upper: f64::NAN }))
            .filter(|e| e.mean.is_finite())
    }

    /// What a run scores for a group with users in it.
    pub(crate) fn in_group(&self, run: &RunInput, by: &str, name: &str) -> Option<Estimate> {
        let group = run.summary.groups.iter().find(|g| g.by == by && g.name == name)?;
        let estimate = group.metrics.get(&self.metric).copied()?;
        (estimate.mean.is_finite() && group.users > 0).then_some(estimate)
    }

    /// The run with the best value of a figure, and that value; the first of equals.
    pub(crate) fn best_of(
        &self,
        figure: &str,
        value: impl Fn(&RunInput) -> Option<Estimate>,
    ) -> Option<(usize, Estimate)> {
        let better = better(figure);
        let up = |run: &RunInput| value(run).map(|e| Estimate { mean: better.upwards(e.mean), ..e });
        let (best, _) = self.best_by(up)?;
        Some((best, value(&self.runs()[best])?))
    }

    /// The run for which something is largest, and its value; the first of equals.
    pub(crate) fn best_by(&self, value: impl Fn(&RunInput) -> Option<Estimate>) -> Option<(usize, Estimate)> {
        let mut best: Option<(usize, Estimate)> = None;
        for (i, run) in self.runs().iter().enumerate() {
            if let Some(estimate) = value(run)
                && best.is_none_or(|(_, b)| estimate.mean > b.mean)
            {
                best = Some((i, estimate));
            }
        }
        best
    }

    /// The name of the run at this place.
    pub(crate) fn name(&self, run: usize) -> &'a str {
        self.runs().get(run).map_or("", |r| r.summary.name.as_str())
    }
}

/// Whether the interval is known.
pub(crate) fn bounded(e: Estimate) -> bool {
    e.lower.is_finite() && e.upper.is_finite()
}

/// Whether two intervals share a value; `None` where one is unknown.
pub(crate) fn overlap(a: Estimate, b: Estimate) -> Option<bool> {
    (bounded(a) && bounded(b)).then_some(a.lower <= b.upper && b.lower <= a.upper)
}

/// The cut-off of the main metric where there are several.
const USUAL_CUTOFF: usize = 20;

fn main_metric(runs: &[RunInput]) -> String {
    let worst = runs.iter().find_map(|run| run.summary.worst.as_ref());
    if let Some(worst) = worst {
        return worst.metric.clone();
    }
    let known = |run: &'_ RunInput| -> Vec<String> {
        let s = &run.summary;
        let grouped = s.groups.iter().flat_map(|g| g.metrics.keys());
        let all = grouped.chain(s.intervals.keys()).chain(s.metrics.keys());
        all.filter(|name| !is_aggregate(name)).cloned().collect()
    };
    let names: Vec<String> = runs.iter().flat_map(known).collect();
    let usual = METRICS.first().map_or("", |metric| metric.about.name);
    let exact = format!("{usual}@{USUAL_CUTOFF}");
    let usual = names.iter().find(|n| **n == exact).or_else(|| names.iter().find(|n| in_order(n).0 == usual));
    usual.or(names.first()).cloned().unwrap_or_default()
}

/// The order of metrics in a table: by name, then by the number of places that are looked at.
pub(crate) fn in_order(name: &str) -> (&str, usize) {
    let (stem, cut) = name.split_once('@').unwrap_or((name, ""));
    (stem, cut.parse().unwrap_or(0))
}

/// Whether a metric is one of all lists together, not of a user.
pub(crate) fn is_aggregate(name: &str) -> bool {
    about(name).is_some_and(|about| about.scope == Scope::AllLists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_metric_is_ndcg_where_there_is_one() {
        let mut run = RunInput::default();
        for name in ["coverage@20", "hit_rate@20", "ndcg@10", "ndcg@20"] {
            run.summary.metrics.insert(name.into(), 0.1);
        }
        assert_eq!(main_metric(&[run]), "ndcg@20");
        assert_eq!(main_metric(&[]), "");
    }

    #[test]
    fn metrics_are_ordered_by_name_and_number() {
        let mut names = ["recall@5", "ndcg@10", "ndcg@5", "ndcg@20"];
        names.sort_by_key(|name| in_order(name));
        assert_eq!(names, ["ndcg@5", "ndcg@10", "ndcg@20", "recall@5"]);
    }

    #[test]
    fn unknown_intervals_do_not_overlap_or_part() {
        let known = Estimate { mean: 0.2, lower: 0.1, upper: 0.3 };
        let apart = Estimate { mean: 0.5, lower: 0.4, upper: 0.6 };
        let bare = Estimate { mean: 0.2, lower: f64::NAN, upper: f64::NAN };
        assert_eq!(
            (overlap(known, apart), overlap(known, known), overlap(known, bare)),
            (Some(false), Some(true), None)
        );
    }
}
