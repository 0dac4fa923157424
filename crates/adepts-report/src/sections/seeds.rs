//! Is one model better than another? Over several splits and seeds.

use adepts_eval::{SeedComparison, SeedDifference, SeedEstimate, SeedGroup, SeedModel};

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{exact, group_label, grouping_label, metric_label, shortened, signed};
use crate::look::Look;

use super::compared::{LANE, LEFT_OUT, MOST_GROUPS, NOT_ESTABLISHED, SIZES, SMALL, p_in_words, why};

/// What stands in the place of an interval that one value cannot have.
const ONE_SEED: &str = "only one seed";

pub(crate) fn section(comparison: &SeedComparison) -> Section {
    let mut groupings: Vec<&str> = Vec::new();
    for group in comparison.groups.iter().filter(|group| !group.by.is_empty()) {
        if !groupings.contains(&group.by.as_str()) {
            groupings.push(&group.by);
        }
    }
    if groupings.is_empty() {
        groupings.push("");
    }
    let baseline = &comparison.baseline;
    let mut blocks = vec![Block::Text(format!(
        "Each model was trained several times. Its runs are paired with those of {baseline} on the same split with the same seed, so \
         that what makes a split easy for all models falls out.{} Right of the dashed line a model is better than {baseline}, left \
         of it worse. The lines are 95 % t-intervals over seeds, each for itself: they say how much depends on the split and the \
         start, and are wide where there are few seeds. Many groups are many questions: a difference in a group is called better or \
         worse, and drawn large, only if it holds after a correction for their number (Holm).",
        why(baseline, &comparison.baseline_reason)
    ))];
    let figures: Vec<Figure> = groupings.iter().filter_map(|by| figure(comparison, by)).collect();
    if !figures.is_empty() {
        let models = comparison.groups.iter().take(1).flat_map(|group| group.models.iter().enumerate());
        let others = models.filter(|(_, model)| model.model != *baseline);
        let legend = others.map(|(i, model)| Look::model(i).point_entry(&model.model)).collect();
        blocks.push(Block::Plots(Plots { legend, figures }));
    }
    blocks.extend([differences(comparison), means(comparison)].map(Block::Table));
    Section { id: "seeds", title: "Which differences hold over seeds", blocks }
}

/// The interval of a mean, or why there is none.
pub(crate) fn interval(estimate: SeedEstimate, show: fn(f64) -> String) -> String {
    if estimate.n < 2 { ONE_SEED.into() } else { format!("{} to {}", show(estimate.lower), show(estimate.upper)) }
}

/// The difference of a model from the baseline and its interval, or why there is none.
pub(crate) fn difference(comparison: &SeedComparison, model: &SeedModel) -> [String; 2] {
    match model.difference {
        None if model.model == comparison.baseline => ["baseline".into(), String::new()],
        None => ["no common seed".into(), String::new()],
        Some(d) if d.difference.n < 2 => [signed(d.difference.mean), ONE_SEED.into()],
        Some(d) => [signed(d.difference.mean), interval(d.difference, signed)],
    }
}

/// What a difference over several seeds means, corrected where there are many groups; nothing over a single one.
pub(crate) fn verdict(d: SeedDifference) -> &'static str {
    match d.p_holm.unwrap_or(d.p) {
        _ if d.difference.n < 2 => "",
        p if p < 0.05 && d.difference.mean > 0.0 => "better",
        p if p < 0.05 && d.difference.mean < 0.0 => "worse",
        _ => NOT_ESTABLISHED,
    }
}

/// A group's name with what it is by.
pub(crate) fn full_name(group: &SeedGroup) -> String {
    match (group.by.as_str(), group.name.as_str()) {
        ("", "all") => "all users".into(),
        (by, name) => group_label(by, name),
    }
}

fn figure(comparison: &SeedComparison, by: &str) -> Option<Figure> {
    let of_grouping = || comparison.groups.iter().filter(|group| group.by.is_empty() || group.by == by);
    let groups: Vec<&SeedGroup> = of_grouping().take(MOST_GROUPS).collect();
    let found = |group: &SeedGroup, i: usize| group.models[i].difference;
    let models = &comparison.groups.first()?.models;
    let others: Vec<usize> = (0..models.len()).filter(|&i| models[i].model != comparison.baseline).collect();
    let all = groups.iter().flat_map(|group| others.iter().filter_map(|&i| found(group, i)));
    let ends = |d: SeedDifference| [d.difference.mean, d.difference.lower, d.difference.upper];
    let range = Range::of(all.flat_map(ends).chain([0.0]))?;
    let row = (others.len() as f64 * LANE + 16.0).max(30.0);
    let names = groups.iter().map(|group| shortened(&full_name(group), 20)).collect();
    let metric = metric_label(&comparison.metric);
    let label = format!("difference in {metric} from {}", shortened(&comparison.baseline, 24));
    let mut chart = Chart::rows(range, &label, names, row);
    chart.mark(0.0);
    let mut said = Vec::new();
    for (lane, &i) in others.iter().enumerate() {
        let lane = ((others.len() as f64 - 1.0) / 2.0 - lane as f64) * LANE / row;
        let (mut established, mut open) = (Vec::new(), Vec::new());
        for (place, group) in groups.iter().enumerate() {
            let Some(found) = found(group, i) else { continue };
            let (d, verdict) = (found.difference, verdict(found));
            let verdict = if verdict.is_empty() { ONE_SEED } else { verdict };
            let words = format!("{}, {}: {} ({verdict})", models[i].model, full_name(group), signed(d.mean));
            chart.bar(Look::model(i), (d.lower, d.upper), lane - place as f64);
            let points = if ["better", "worse"].contains(&verdict) { &mut established } else { &mut open };
            points.push((d.mean, lane - place as f64, words.clone()));
            said.push(words);
        }
        chart.points(Look::model(i), SIZES[0], 1.0, established);
        chart.points(Look::model(i), SIZES[1], 1.0, open);
    }
    Some(Figure {
        title: if by.is_empty() { "All users".into() } else { format!("By {}", grouping_label(by)) },
        svg: chart.svg()?,
        alt: format!("Differences from {}: {}.", comparison.baseline, said.join("; ")),
        caption: if of_grouping().count() > groups.len() { format!("{SMALL} {LEFT_OUT}") } else { SMALL.into() },
    })
}

fn means(comparison: &SeedComparison) -> Table {
    let models = comparison.groups.iter().take(1).flat_map(|group| &group.models);
    let head = models.map(|model| match model.estimate.n {
        1 => format!("{} (1 seed)", model.model),
        n => format!("{} ({n} seeds)", model.model),
    });
    let cell = |model: &SeedModel| Cell::of(exact(model.estimate.mean)).small(interval(model.estimate, exact));
    Table {
        caption: format!("Mean {} over seeds, with its 95 % interval", metric_label(&comparison.metric)),
        head: std::iter::once("Group".to_owned()).chain(head).collect(),
        rows: comparison.groups.iter().map(|g| (row_name(g), g.models.iter().map(cell).collect())).collect(),
    }
}

fn differences(comparison: &SeedComparison) -> Table {
    let others = |group: &SeedGroup| {
        group.models.iter().filter(|model| model.model != comparison.baseline).cloned().collect::<Vec<_>>()
    };
    let cell = |model: &SeedModel| {
        let [mean, range] = difference(comparison, model);
        let tested = model.difference.filter(|d| d.difference.n > 1);
        let tested = tested.map(|d| [p_in_words(d.p, d.p_holm), verdict(d).to_owned()]);
        let small = std::iter::once(range).chain(tested.into_iter().flatten()).filter(|part| !part.is_empty());
        Cell::of(mean).small(small.collect::<Vec<_>>().join(", "))
    };
    let head = comparison.groups.iter().take(1).flat_map(others).map(|model| model.model);
    Table {
        caption: format!(
            "Differences from {}, with 95 % interval, p-value (in groups corrected by Holm’s method over all groups; over all as it \
             is) and what it means at 5 %",
            comparison.baseline
        ),
        head: std::iter::once("Group".to_owned()).chain(head).collect(),
        rows: comparison.groups.iter().map(|g| (row_name(g), others(g).iter().map(cell).collect())).collect(),
    }
}

fn row_name(group: &SeedGroup) -> String {
    let by = if group.by.is_empty() { String::new() } else { format!("{}: ", grouping_label(&group.by)) };
    by + &full_name(group)
}
