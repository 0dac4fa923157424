//! From per-user values to what is reported: means, intervals, groups, the worst group and the gap, and how a gate
//! mixed its experts.

use std::collections::BTreeMap;

use adepts_data::{Grouping, Rows};
use adepts_ops::shares::relative_entropy;

use crate::about::better;
use crate::bootstrap::intervals;
use crate::evaluate::Measured;
use crate::summary::{Estimate, GateSummary, GroupShares, GroupSummary, Protocol, RunSummary, WorstGroup};
use crate::tabular::Resampled;

/// Sums up one run.
///
/// `masked` is measured with the validation items kept out of the lists, `unmasked` with them in, if it was. Groups count only
/// users that were judged; a group without any is kept, with no metrics. Intervals are of `resamples` bootstrap
/// resamples over users, each group with its own. `history_lengths` (training items of each user of the data set) and
/// `relevant` give the medians.
///
/// The caller fills in what only it knows: `gate`, `seconds`, and of the protocol all but users and bootstrap.
///
/// # Panics
/// If `history_lengths`, `relevant` or a grouping has no place for a judged user.
#[must_use]
#[expect(
    clippy::too_many_arguments,
    reason = "each is one thing that a report needs, named at the call by its variable"
)]
pub fn summarise(
    name: &str,
    model: &str,
    masked: &Measured,
    unmasked: Option<&Measured>,
    groupings: &[Grouping],
    history_lengths: &[usize],
    relevant: &Rows,
    seed: u64,
    resamples: usize,
) -> RunSummary {
    let mut groups = Vec::new();
    for grouping in groupings {
        for (index, name) in grouping.names.iter().enumerate() {
            let members = members(&masked.users, grouping, index);
            let users = || members.iter().map(|&position| masked.users[position] as usize);
            groups.push(GroupSummary {
                by: grouping.by.clone(),
                name: name.clone(),
                users: members.len(),
                history_median: median(users().map(|user| history_lengths[user]).collect()),
                test_median: median(users().map(|user| relevant.row(user).len()).collect()),
                metrics: estimates(masked, &members, &format!("{}/{name}", grouping.by), seed, resamples),
                metrics_validation_unmasked: unmasked.map(|all| means_of(all, &members)).unwrap_or_default(),
                metrics_validation_masked: BTreeMap::new(),
            });
        }
    }
    let everyone: Vec<usize> = (0..masked.users.len()).collect();
    RunSummary {
        name: name.to_owned(),
        model: model.to_owned(),
        metrics: all_means(masked),
        intervals: estimates(masked, &everyone, "all", seed, resamples),
        metrics_validation_unmasked: unmasked.map(all_means).unwrap_or_default(),
        metrics_validation_masked: BTreeMap::new(),
        worst: worst(masked, groupings, &groups),
        groups,
        gate: None,
        seconds: BTreeMap::new(),
        protocol: Protocol {
            users: masked.users.len(),
            bootstrap: (seed, resamples),
            resampled: Resampled::Users,
            ..Protocol::default()
        },
        ..RunSummary::default()
    }
}

/// Means of the per-user metrics, and the metrics of the lists.
fn all_means(measured: &Measured) -> BTreeMap<String, f64> {
    let means = measured.metrics.iter().map(ToString::to_string).zip(measured.means());
    means.chain(measured.lists.clone()).collect()
}

/// Means of the per-user metrics over some users; none over nobody.
fn means_of(measured: &Measured, members: &[usize]) -> BTreeMap<String, f64> {
    let mean = |column: usize| members.iter().map(|&at| measured.row(at)[column]).sum::<f64>() / members.len() as f64;
    let columns = measured.metrics.iter().enumerate().filter(|_| !members.is_empty());
    columns.map(|(column, metric)| (metric.to_string(), mean(column))).collect()
}

/// The positions in `users` of those in one group.
pub(crate) fn members(users: &[u32], grouping: &Grouping, group: usize) -> Vec<usize> {
    let inside = |&(_, &user): &(usize, &u32)| grouping.of_user[user as usize].is_some_and(|g| usize::from(g) == group);
    users.iter().enumerate().filter(inside).map(|(position, _)| position).collect()
}

fn estimates(
    measured: &Measured,
    members: &[usize],
    group: &str,
    seed: u64,
    resamples: usize,
) -> BTreeMap<String, Estimate> {
    if members.is_empty() {
        return BTreeMap::new();
    }
    let values: Vec<f64> = members.iter().flat_map(|&position| measured.row(position)).copied().collect();
    let of_columns = intervals(&values, measured.metrics.len(), group, seed, resamples);
    measured.metrics.iter().map(ToString::to_string).zip(of_columns).collect()
}

/// By the first metric, over the groups of the first grouping that have users; the first of equals.
fn worst(measured: &Measured, groupings: &[Grouping], groups: &[GroupSummary]) -> Option<WorstGroup> {
    let metric = measured.metrics.first()?.to_string();
    let first = &groups[..groupings.first()?.names.len()];
    let mean = |group: &&GroupSummary| group.metrics.get(&metric).map(|e| e.mean);
    let means: Vec<(&GroupSummary, f64)> = first.iter().filter_map(|g| mean(&g).map(|m| (g, m))).collect();
    let better = better(&metric);
    let by = |a: f64, b: f64| better.upwards(a).total_cmp(&better.upwards(b));
    let &(worst, mean) = means.iter().min_by(|a, b| by(a.1, b.1))?;
    let best = means.iter().map(|&(_, mean)| mean).max_by(|a, b| by(*a, *b))?;
    Some(WorstGroup { metric, group: worst.name.clone(), mean, gap: (best - mean).abs() })
}

/// The median, for an even number the mean of the two in the middle; 0 of nothing.
fn median(mut values: Vec<usize>) -> f64 {
    values.sort_unstable();
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    f64::midpoint(values[last / 2] as f64, values[values.len() / 2] as f64)
}

/// How a gate mixed its experts: `shares` is `[users, experts]`, row by row, each row summing to 1, in the order of
/// `users`.
///
/// Entropy is relative to log K, so 1 means equal shares (and a single expert counts as that). Experts that tie for a
/// user's largest share are all preferred by that user, so equal shares leave no expert unpreferred. Groups without
/// a user are left out.
///
/// # Panics
/// If `shares` is not a whole number of experts per user, or the grouping has no place for a user.
#[must_use]
pub fn gate_summary(shares: &[f32], users: &[u32], grouping: &Grouping) -> GateSummary {
    if users.is_empty() {
        assert!(shares.is_empty(), "gate_summary: {} shares of no users", shares.len());
        return GateSummary::default();
    }
    assert!(
        shares.len().is_multiple_of(users.len()),
        "gate_summary: {} shares are no rows of {} users",
        shares.len(),
        users.len()
    );
    let experts = shares.len() / users.len();
    if experts == 0 {
        return GateSummary::default();
    }
    let rows: Vec<&[f32]> = shares.chunks_exact(experts).collect();
    let everyone: Vec<usize> = (0..users.len()).collect();
    let largest = |row: &[f32]| row.iter().copied().fold(0.0, f32::max);
    let mut preferred = vec![false; experts];
    for row in &rows {
        let most = largest(row);
        preferred.iter_mut().zip(*row).for_each(|(preferred, &share)| *preferred |= share >= most);
    }
    let group = |(index, name): (usize, &String)| {
        let members = members(users, grouping, index);
        let mut sums = vec![0.0; experts];
        for &position in &members {
            sums.iter_mut().zip(rows[position]).for_each(|(sum, &share)| *sum += f64::from(share));
        }
        let relative = sums.iter().map(|sum| sum / members.len() as f64 * experts as f64).collect();
        let entropy = mean_entropy(&rows, &members);
        (!members.is_empty()).then(|| GroupShares { group: name.clone(), entropy, shares: relative })
    };
    GateSummary {
        experts,
        entropy: mean_entropy(&rows, &everyone),
        largest_share: rows.iter().map(|row| f64::from(largest(row))).sum::<f64>() / users.len() as f64,
        never_preferred: preferred.iter().filter(|&&preferred| !preferred).count(),
        relative_shares: grouping.names.iter().enumerate().filter_map(group).collect(),
    }
}

/// Mean relative entropy of some rows.
fn mean_entropy(rows: &[&[f32]], members: &[usize]) -> f64 {
    let entropies = members.iter().map(|&position| relative_entropy(rows[position]));
    // Not `sum`, which makes −0 of nothing.
    entropies.fold(0.0, |sum, entropy| sum + entropy) / members.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouping() -> Grouping {
        Grouping {
            by: "mainstream".into(),
            names: ["low", "medium", "high"].map(String::from).to_vec(),
            of_user: vec![Some(0), Some(0), None, Some(2), Some(2), Some(1)],
        }
    }

    /// Users 0, 1, 2, 3 and 4 of six are judged; nobody of `medium` is.
    fn measured() -> Measured {
        Measured {
            users: vec![0, 1, 2, 3, 4],
            metrics: ["ndcg@20", "recall@20"].map(|m| m.parse().unwrap()).to_vec(),
            values: vec![0.1, 0.5, 0.3, 0.5, 0.0, 0.0, 0.6, 1.0, 1.0, 0.0],
            lists: [("coverage@20".to_owned(), 0.75)].into(),
        }
    }

    fn summary() -> RunSummary {
        let relevant = Rows::from_lists([vec![1], vec![1, 2], vec![1], vec![1], vec![1, 2, 3], vec![]]);
        let unmasked = Measured { values: vec![0.0; 10], ..measured() };
        let history = [5, 8, 1, 9, 10, 3];
        summarise("a", "tall", &measured(), Some(&unmasked), &[grouping()], &history, &relevant, 3, 200)
    }

    #[test]
    fn means_are_over_all_judged_users() {
        let summary = summary();
        let means: Vec<(&str, f64)> = summary.metrics.iter().map(|(name, &mean)| (name.as_str(), mean)).collect();
        assert_eq!(means, [("coverage@20", 0.75), ("ndcg@20", 0.4), ("recall@20", 0.4)]);
        assert_eq!(summary.metrics_validation_unmasked["ndcg@20"], 0.0);
        let Estimate { mean, lower, upper } = summary.intervals["ndcg@20"];
        assert!(lower < mean && mean == 0.4 && mean < upper);
        assert_eq!((summary.protocol.users, summary.protocol.bootstrap), (5, (3, 200)));
    }

    #[test]
    fn groups_hold_judged_users_with_their_medians() {
        let groups = summary().groups;
        let rows: Vec<_> = groups.iter().map(|g| (&*g.name, g.users, g.history_median, g.test_median)).collect();
        assert_eq!(rows, [("low", 2, 6.5, 1.5), ("medium", 0, 0.0, 0.0), ("high", 2, 9.5, 2.0)]);
        assert_eq!(groups[2].metrics["ndcg@20"].mean, 0.8);
        assert!(groups[1].metrics.is_empty());
    }

    #[test]
    fn the_worst_group_is_by_the_first_metric_among_groups_with_users() {
        let worst = summary().worst.unwrap();
        assert_eq!((&*worst.metric, &*worst.group), ("ndcg@20", "low"));
        assert!((worst.mean - 0.2).abs() < 1e-12 && (worst.gap - 0.6).abs() < 1e-12);
        let none = summarise("a", "b", &measured(), None, &[], &[0; 6], &Rows::empty(6), 3, 10);
        assert_eq!(none.worst, None);
    }

    #[test]
    fn a_summary_survives_json() {
        let json = serde_json::to_string(&summary()).unwrap();
        assert_eq!(serde_json::from_str::<RunSummary>(&json).unwrap(), summary());
    }

    #[test]
    fn equal_shares_have_entropy_one_and_no_unpreferred_expert() {
        let gate = gate_summary(&[0.25; 20], &[0, 1, 2, 3, 4], &grouping());
        assert_eq!((gate.experts, gate.largest_share, gate.never_preferred), (4, 0.25, 0));
        assert!((gate.entropy - 1.0).abs() < 1e-12);
        assert_eq!(gate.relative_shares.iter().map(|g| &*g.group).collect::<Vec<_>>(), ["low", "high"]);
        assert_eq!(gate.relative_shares[0].shares, [1.0; 4]);
    }

    #[test]
    fn one_hot_shares_have_entropy_zero() {
        let gate = gate_summary(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0], &[0, 3], &grouping());
        assert_eq!((gate.experts, gate.entropy, gate.largest_share, gate.never_preferred), (3, 0.0, 1.0, 2));
        assert_eq!(gate.relative_shares[1].shares, [3.0, 0.0, 0.0]);
        assert_eq!(gate_summary(&[1.0], &[0], &grouping()).entropy, 1.0);
        assert_eq!(gate_summary(&[], &[], &grouping()), GateSummary::default());
    }
}
