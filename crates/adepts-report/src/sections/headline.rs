//! What was found, in plain words.

use adepts_eval::Estimate;

use crate::blocks::{Block, Section};
use crate::format::{counted, exact, metric_label, quantity, score, signed};
use crate::input::RunInput;
use crate::view::{Grouping, View, bounded, overlap};

pub(super) fn section(view: &View) -> Option<Section> {
    let (best, top) = view.best_of(&view.metric, |run| view.overall(run))?;
    let mut points = vec![overall(view, best, top)];
    points.extend(view.runs().iter().filter_map(|run| served(view, run)));
    if let Some(grouping) = view.groupings.first() {
        points.extend(by_group(view, grouping, best));
    }
    let mut blocks = vec![Block::Points(points)];
    if different_protocols(view.runs()) {
        blocks.push(Block::Note(
            "These runs were not evaluated in the same way (see “How it was measured”): their numbers must not be compared."
                .into(),
        ));
    }
    Some(Section { id: "found", title: "What was found", blocks })
}

fn overall(view: &View, best: usize, top: Estimate) -> String {
    let metric = metric_label(&view.metric);
    let users = view.runs()[best].summary.protocol.users;
    let over = if users > 0 { format!(" over {}", counted(users, "user")) } else { String::new() };
    let name = view.name(best);
    let second = view.best_of(&view.metric, |run| {
        if std::ptr::eq(run, &raw const view.runs()[best]) { None } else { view.overall(run) }
    });
    let Some((second, next)) = second else {
        return format!("On average{over}, {name} reaches {metric} {}.", with_interval(top));
    };
    let verdict = paired(view, ("", "all"), name, view.name(second)).unwrap_or_else(|| {
        let said = match overlap(top, next) {
            Some(true) => {
                "The two intervals overlap, so these numbers alone do not show that one is better; a comparison user by user \
                 (adepts compare) is sharper and may."
            }
            Some(false) => "The two intervals do not overlap.",
            None => "Without intervals it is not known whether that difference means anything.",
        };
        said.into()
    });
    format!(
        "On average{over}, {name} is best: {metric} {}. Next is {} with {}. {verdict}",
        with_interval(top),
        view.name(second),
        with_interval(next)
    )
}

/// What a run is worth whose gate was shown validation items, when it has to do without them.
fn served(view: &View, run: &RunInput) -> Option<String> {
    let finite = |value: &&f64| value.is_finite();
    let with = run.summary.metrics.get(&view.metric).filter(finite)?;
    let without = run.summary.metrics_history_probe.get(&view.metric).filter(finite)?;
    Some(format!(
        "The gate of {} was shown the validation items of each user, which it does not have when it is served. With a fifth of \
         the history in their place, as then, it reaches {} {} instead of {}.",
        run.summary.name,
        metric_label(&view.metric),
        exact(*without),
        exact(*with)
    ))
}

/// What the comparison user by user says of two runs in a group (`""` and `all` for everyone), where one of them is a
/// baseline: how far `ours` is ahead of `theirs`.
fn paired(view: &View, (by, group): (&str, &str), ours: &str, theirs: &str) -> Option<String> {
    let comparisons = view.input.comparison.iter().chain(&view.input.against_best);
    let (d, sign) = comparisons.filter(|c| c.metric == view.metric).find_map(|comparison| {
        let group = comparison.groups.iter().find(|g| g.by == by && (by.is_empty() || g.name == group))?;
        let of = |run: &str| group.runs.iter().find(|r| r.run == run).and_then(|r| r.difference);
        match comparison.baseline.as_str() {
            base if base == theirs => Some((of(ours)?, 1.0)),
            base if base == ours => Some((of(theirs)?, -1.0)),
            _ => None,
        }
    })?;
    let (low, high) = if sign > 0.0 { (d.lower, d.upper) } else { (-d.upper, -d.lower) };
    let chance =
        if d.p_holm.unwrap_or(d.p) < 0.05 { "unlikely to be chance" } else { "so small that it may be chance" };
    Some(format!(
        "Compared user by user the difference is {} ({} to {}): {chance}.",
        signed(sign * d.mean),
        signed(low),
        signed(high)
    ))
}

fn by_group(view: &View, grouping: &Grouping, best: usize) -> Vec<String> {
    let of = |run: &RunInput, name: &str| view.in_group(run, &grouping.by, name);
    let run = &view.runs()[best];
    let served: Vec<(&str, Estimate)> =
        grouping.names.iter().filter_map(|name| of(run, name).map(|e| (name.as_str(), e))).collect();
    let low = served.iter().min_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let high = served.iter().max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let (Some(&(worst, low)), Some(&(favoured, high))) = (low, high) else { return Vec::new() };
    if served.len() < 2 {
        return Vec::new();
    }
    let mut points = vec![unequal(view, grouping, best, (worst, low), (favoured, high))];
    if let Some((winner, reached)) = view.best_of(&view.metric, |run| of(run, worst)).filter(|_| view.runs().len() > 1)
    {
        points.push(for_the_worst(view, grouping, worst, (best, low), (winner, reached)));
        points.extend(small_gap(view, grouping, winner, worst));
    }
    points
}

fn unequal(
    view: &View,
    grouping: &Grouping,
    best: usize,
    worst: (&str, Estimate),
    favoured: (&str, Estimate),
) -> String {
    let who = |name: &str| {
        let group = view.runs()[best].summary.groups.iter().find(|g| g.by == grouping.by && g.name == name);
        let facts = group
            .map(|g| format!(" ({}, median history {} items)", counted(g.users, "user"), quantity(g.history_median)));
        format!("“{}”{}", grouping.label(name), facts.unwrap_or_default())
    };
    let times = favoured.1.mean / worst.1.mean;
    let factor = if times.is_finite() && times >= 1.05 { format!(", {times:.1} times as much") } else { String::new() };
    let verdict = match overlap(worst.1, favoured.1) {
        Some(true) => " The intervals of the two overlap: the difference may be chance.",
        _ => "",
    };
    format!(
        "Not everyone is served alike. With {}, the group {} is served worst with {}; the group {} is served best with \
         {}{factor}.{verdict}",
        view.name(best),
        who(worst.0),
        score(worst.1.mean),
        who(favoured.0),
        score(favoured.1.mean)
    )
}

fn for_the_worst(
    view: &View,
    grouping: &Grouping,
    worst: &str,
    (best, theirs): (usize, Estimate),
    (winner, reached): (usize, Estimate),
) -> String {
    let group = grouping.label(worst);
    if winner == best {
        return format!("{} is also the best for the group “{group}”.", view.name(best));
    }
    let verdict = paired(view, (&grouping.by, worst), view.name(winner), view.name(best)).unwrap_or_else(|| {
        let said = match overlap(reached, theirs) {
            Some(true) => "The intervals overlap, so this advantage is not established.",
            Some(false) => "The intervals do not overlap.",
            None => "Without intervals this advantage is not established.",
        };
        said.into()
    });
    format!(
        "For the group “{group}” the best is {} with {}, against {} of {}. {verdict}",
        view.name(winner),
        with_interval(reached),
        with_interval(theirs),
        view.name(best)
    )
}

/// The run with the smallest gap, where it got there by serving everyone badly.
fn small_gap(view: &View, grouping: &Grouping, winner: usize, worst: &str) -> Option<String> {
    let gap = |run: &RunInput| {
        let means: Vec<f64> =
            grouping.names.iter().filter_map(|n| view.in_group(run, &grouping.by, n)).map(|e| e.mean).collect();
        let range = means.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            - means.iter().copied().fold(f64::INFINITY, f64::min);
        range.is_finite().then_some(Estimate { mean: -range, lower: f64::NAN, upper: f64::NAN })
    };
    let (even, smallest) = view.best_by(gap)?;
    let here = view.in_group(&view.runs()[even], &grouping.by, worst)?;
    let there = view.in_group(&view.runs()[winner], &grouping.by, worst)?;
    (even != winner && overlap(here, there) == Some(false)).then(|| {
        format!(
            "{} has the smallest gap between groups ({}), but not by serving the worst-served better: the group “{}” gets {} \
             from it, less than the {} of {}. A small gap alone is no merit.",
            view.name(even),
            score(-smallest.mean),
            grouping.label(worst),
            score(here.mean),
            score(there.mean),
            view.name(winner)
        )
    })
}

fn different_protocols(runs: &[RunInput]) -> bool {
    let of = |run: &RunInput| {
        let p = &run.summary.protocol;
        (p.part.clone(), p.users, p.items, p.mask_validation, (p.seen > 0).then_some(p.mask_seen))
    };
    runs.windows(2).any(|pair| of(&pair[0]) != of(&pair[1]))
}

fn with_interval(e: Estimate) -> String {
    if bounded(e) { format!("{} ({}–{})", score(e.mean), score(e.lower), score(e.upper)) } else { score(e.mean) }
}
