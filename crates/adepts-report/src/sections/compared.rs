//! Is one run better than another? User by user.

use adepts_eval::{ComparedGroup, Comparison, Difference};

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{UNKNOWN, count, exact, group_label, grouping_label, metric_label, probability, shortened, signed};
use crate::look::Look;
use crate::view::View;

/// The size of a shape, and of one whose difference is not established.
pub(crate) const SIZES: [f64; 2] = [4.6, 2.4];
/// What a caption says of the small ones.
pub(crate) const SMALL: &str = "Small shapes are differences that are not established.";
/// Vertical room of one run in a group's row.
pub(crate) const LANE: f64 = 14.0;
/// A plot of more groups than this is not legible; the table holds them all.
pub(crate) const MOST_GROUPS: usize = 25;
/// What is said of a plot that has not all of them.
pub(crate) const LEFT_OUT: &str = "Only the first groups are drawn; the table below has all.";

pub(super) fn section(view: &View) -> Option<Section> {
    let comparison = view.input.comparison.as_ref()?;
    let runs = others(comparison);
    if runs.is_empty() {
        return None;
    }
    let look =
        |run: &str| Look::model(view.runs().iter().position(|r| r.summary.name == run).unwrap_or(view.runs().len()));
    let mut groupings: Vec<&str> = Vec::new();
    for group in comparison.groups.iter().filter(|g| !g.by.is_empty()) {
        if !groupings.contains(&group.by.as_str()) {
            groupings.push(&group.by);
        }
    }
    if groupings.is_empty() {
        groupings.push("");
    }
    let figures: Vec<Figure> = groupings.iter().filter_map(|by| figure(comparison, &runs, by, &look)).collect();
    let legend = runs.iter().map(|run| look(run).point_entry(run)).collect();
    let baseline = &comparison.baseline;
    let mut blocks = vec![Block::Text(format!(
        "Every one of {} users was served by each model, so their differences from {baseline} can be taken user by user; what makes \
         a user easy or hard for all models falls out.{} Right of the dashed line a model is better than {baseline}, left of it worse. \
         The lines are 95 % intervals, each for itself. Many groups are many questions, of which some would seem answered by chance: a \
         difference in a group is called better or worse, and drawn large, only if it holds after a correction for their number (Holm).",
        count(comparison.users),
        why(baseline, &comparison.baseline_reason)
    ))];
    if !figures.is_empty() {
        blocks.push(Block::Plots(Plots { legend, figures }));
    }
    blocks.push(Block::More(vec![table(comparison, &runs)]));
    Some(Section { id: "compared", title: "Which differences are real", blocks })
}

/// The runs that are compared with the baseline, in order.
fn others(comparison: &Comparison) -> Vec<&str> {
    let Some(first) = comparison.groups.first() else { return Vec::new() };
    first.runs.iter().filter(|r| r.run != comparison.baseline).map(|r| r.run.as_str()).collect()
}

fn of(group: &ComparedGroup, run: &str) -> Option<Difference> {
    group.runs.iter().find(|r| r.run == run).and_then(|r| r.difference).filter(|d| d.mean.is_finite())
}

/// What a difference means, in one word or three; many groups are many questions, so theirs are corrected.
pub(crate) fn verdict(difference: Difference) -> &'static str {
    match difference.p_holm.unwrap_or(difference.p) {
        p if p < 0.05 && difference.mean > 0.0 => "better",
        p if p < 0.05 && difference.mean < 0.0 => "worse",
        _ => NOT_ESTABLISHED,
    }
}

/// The verdict on a difference that may be chance.
pub(crate) const NOT_ESTABLISHED: &str = "not established";

/// The p-value that counts, in words: corrected where it is.
pub(crate) fn p_in_words(p: f64, p_holm: Option<f64>) -> String {
    match p_holm {
        None => probability(p),
        Some(p_holm) => format!("{} after correction", probability(p_holm)),
    }
}

/// A group's name with what it is by.
pub(crate) fn full_name(group: &ComparedGroup) -> String {
    if group.by.is_empty() { "all users".into() } else { group_label(&group.by, &group.name) }
}

fn figure(comparison: &Comparison, runs: &[&str], by: &str, look: &dyn Fn(&str) -> Look) -> Option<Figure> {
    let of_grouping = || comparison.groups.iter().filter(|g| g.by.is_empty() || g.by == by);
    let groups: Vec<&ComparedGroup> = of_grouping().take(MOST_GROUPS).collect();
    let all = || groups.iter().flat_map(|g| runs.iter().filter_map(|run| of(g, run)));
    let range = Range::of(all().flat_map(|d| [d.mean, d.lower, d.upper]).chain([0.0]))?;
    let row = (runs.len() as f64 * LANE + 16.0).max(30.0);
    let names = groups.iter().map(|g| shortened(&full_name(g), 20)).collect();
    let label =
        format!("difference in {} from {}", metric_label(&comparison.metric), shortened(&comparison.baseline, 24));
    let mut chart = Chart::rows(range, &label, names, row);
    chart.mark(0.0);
    for (i, run) in runs.iter().enumerate() {
        let lane = ((runs.len() as f64 - 1.0) / 2.0 - i as f64) * LANE / row;
        let (mut established, mut open) = (Vec::new(), Vec::new());
        for (place, group) in groups.iter().enumerate() {
            let Some(d) = of(group, run) else { continue };
            let y = lane - place as f64;
            chart.bar(look(run), (d.lower, d.upper), y);
            let points = if verdict(d) == NOT_ESTABLISHED { &mut open } else { &mut established };
            points.push((d.mean, y, in_words(run, group, d)));
        }
        chart.points(look(run), SIZES[0], 1.0, established);
        chart.points(look(run), SIZES[1], 1.0, open);
    }
    let said = groups.iter().flat_map(|g| runs.iter().filter_map(move |run| Some(in_words(run, g, of(g, run)?))));
    Some(Figure {
        title: if by.is_empty() { "All users".into() } else { format!("By {}", grouping_label(by)) },
        alt: format!("Differences from {}: {}.", comparison.baseline, said.collect::<Vec<_>>().join("; ")),
        svg: chart.svg()?,
        caption: if of_grouping().count() > groups.len() { format!("{SMALL} {LEFT_OUT}") } else { SMALL.into() },
    })
}

/// A difference in words.
fn in_words(run: &str, group: &ComparedGroup, d: Difference) -> String {
    format!("{run}, {}: {} ({})", full_name(group), signed(d.mean), verdict(d))
}

/// Why the baseline is that one, as a sentence to follow another; nothing where nobody said.
pub(crate) fn why(baseline: &str, reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" The others are compared with {baseline}: {reason}.") }
}

fn table(comparison: &Comparison, runs: &[&str]) -> Table {
    let head =
        ["Group".to_owned(), comparison.baseline.clone()].into_iter().chain(runs.iter().map(|r| (*r).to_owned()));
    let rows = comparison.groups.iter().map(|group| {
        let base = group.runs.iter().find(|r| r.run == comparison.baseline);
        let mut cells = vec![Cell::of(base.map_or(UNKNOWN.into(), |r| exact(r.mean)))];
        cells.extend(runs.iter().map(|run| match of(group, run) {
            None => Cell::of(UNKNOWN.into()),
            Some(d) => Cell::of(signed(d.mean)).small(format!(
                "{} to {}, {}, {}",
                signed(d.lower),
                signed(d.upper),
                p_in_words(d.p, d.p_holm),
                verdict(d)
            )),
        }));
        let by = if group.by.is_empty() { String::new() } else { format!("{}: ", grouping_label(&group.by)) };
        (format!("{by}{}", full_name(group)), cells)
    });
    Table {
        caption: format!(
            "Mean {} of {}, and the others’ differences from it with 95 % interval, p-value (in groups corrected by Holm’s method \
             over all groups; over all users as it is) and what it means at 5 %",
            metric_label(&comparison.metric),
            comparison.baseline
        ),
        head: head.collect(),
        rows: rows.collect(),
    }
}
