//! Who is served how well: the metric by group, with intervals, for every grouping.

use adepts_eval::GroupSummary;

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{UNKNOWN, count, exact, grouping_label, metric_label, quantity, score, shortened};
use crate::look::Look;
use crate::view::{Grouping, View, bounded};

use super::compared::LEFT_OUT;

/// A plot of more groups than this is not legible; the table holds them all.
const MOST_GROUPS: usize = 24;
/// Vertical room of one model in a group's row.
const LANE: f64 = 13.0;

pub(super) fn section(view: &View) -> Option<Section> {
    let shown: Vec<(Figure, &Grouping)> = view.groupings.iter().filter_map(|g| Some((figure(view, g)?, g))).collect();
    if shown.is_empty() {
        return None;
    }
    let runs = view.runs().iter().enumerate();
    let legend = runs.map(|(i, run)| Look::model(i).point_entry(&run.summary.name)).collect();
    let (figures, groupings): (Vec<Figure>, Vec<&Grouping>) = shown.into_iter().unzip();
    let metric = metric_label(&view.metric);
    let mut blocks = vec![
        Block::Text(format!(
            "Each point is a model’s mean {metric} over the users of a group; the line through it is its 95 % interval: if the users were drawn again, the mean would be expected to stay within it. Further right is better."
        )),
        Block::Plots(Plots { legend, figures }),
    ];
    blocks.extend(short_history(view).map(Block::Note));
    let mut tables: Vec<Table> = groupings.iter().map(|g| means(view, g)).collect();
    tables.extend(groupings.iter().filter_map(|g| sizes(view, g)));
    blocks.push(Block::More(tables));
    Some(Section { id: "groups", title: "Who is served how well", blocks })
}

fn figure(view: &View, grouping: &Grouping) -> Option<Figure> {
    let names = &grouping.names[..grouping.names.len().min(MOST_GROUPS)];
    let estimates = |name: &String| {
        let runs = view.runs().iter().enumerate();
        runs.filter_map(|(i, run)| Some((i, view.in_group(run, &grouping.by, name)?))).collect::<Vec<_>>()
    };
    let all: Vec<_> = names.iter().map(|name| (name, estimates(name))).collect();
    let values = all.iter().flat_map(|(_, es)| es).flat_map(|(_, e)| [e.mean, e.lower, e.upper]);
    let range = Range::of(values)?;
    let metric = metric_label(&view.metric);
    let runs = view.runs().len() as f64;
    let row = (runs * LANE + 16.0).max(30.0);
    let labels = names.iter().map(|n| shortened(&grouping.label(n), 20)).collect();
    let mut chart = Chart::rows(range, &metric, labels, row);
    for (i, run) in view.runs().iter().enumerate() {
        let (look, lane) = (Look::model(i), ((runs - 1.0) / 2.0 - i as f64) * LANE / row);
        let mut points = Vec::new();
        for (place, (name, estimates)) in all.iter().enumerate() {
            let Some((_, e)) = estimates.iter().find(|(run, _)| *run == i) else { continue };
            let y = lane - place as f64;
            chart.bar(look, (e.lower, e.upper), y);
            let interval =
                if bounded(*e) { format!(" ({}–{})", score(e.lower), score(e.upper)) } else { String::new() };
            points.push((
                e.mean,
                y,
                format!("{}, {}: {}{interval}", run.summary.name, grouping.label(name), score(e.mean)),
            ));
        }
        chart.points(look, 4.2, 1.0, points);
    }
    let mut caption = match grouping.by.as_str() {
        "mainstream" => "From the niche (users unlike everyone else) to the mainstream.".to_owned(),
        "activity" => "From the shortest histories to the longest.".into(),
        "mainstream_within_activity" => {
            "Niche and mainstream compared only among users with about equally long histories.".into()
        }
        "newness" => "Users in the training data next to new users, where the history is the only input.".into(),
        _ => String::new(),
    };
    if !range.has_zero() {
        caption += " The axis does not start at zero.";
    }
    if names.len() < grouping.names.len() {
        caption.extend([" ", LEFT_OUT]);
    }
    let best = all.iter().filter_map(|(name, es)| {
        let (i, e) = es.iter().max_by(|a, b| a.1.mean.total_cmp(&b.1.mean))?;
        Some(format!("{}: {} with {}", grouping.label(name), view.name(*i), score(e.mean)))
    });
    let alt = format!(
        "{metric} by {}, the best model of each group: {}.",
        grouping_label(&grouping.by),
        best.collect::<Vec<_>>().join("; ")
    );
    Some(Figure {
        title: format!("By {}", grouping_label(&grouping.by)),
        svg: chart.svg()?,
        alt,
        caption: caption.trim().into(),
    })
}

fn means(view: &View, grouping: &Grouping) -> Table {
    let head = std::iter::once("Group".to_owned()).chain(view.runs().iter().map(|run| run.summary.name.clone()));
    let rows = grouping.names.iter().map(|name| {
        let best = view.best_by(|run| view.in_group(run, &grouping.by, name)).map(|(i, _)| i);
        let cells = view.runs().iter().enumerate().map(|(i, run)| match view.in_group(run, &grouping.by, name) {
            None => Cell::of(UNKNOWN.into()),
            Some(e) => {
                let small = if bounded(e) { format!("{}–{}", exact(e.lower), exact(e.upper)) } else { String::new() };
                Cell::of(exact(e.mean)).small(small).best(best == Some(i) && view.runs().len() > 1)
            }
        });
        (grouping.label(name), cells.collect())
    });
    Table {
        caption: format!(
            "{} by {}: mean and 95 % interval{}",
            metric_label(&view.metric),
            grouping_label(&grouping.by),
            if view.runs().len() > 1 { "; the best of each row is marked ★" } else { "" }
        ),
        head: head.collect(),
        rows: rows.collect(),
    }
}

/// The groups themselves, as the first run that has them counted them.
fn sizes(view: &View, grouping: &Grouping) -> Option<Table> {
    let groups = groups_of(view, &grouping.by);
    let rows: Vec<(String, Vec<Cell>)> = groups
        .iter()
        .map(|g| {
            let cells = [count(g.users), quantity(g.history_median), quantity(g.test_median)].map(Cell::of);
            (grouping.label(&g.name), cells.into())
        })
        .collect();
    let head = ["Group", "Users", "Median history", "Median test items"].map(str::to_owned).into();
    (!rows.is_empty()).then(|| Table { caption: format!("The groups by {}", grouping_label(&grouping.by)), head, rows })
}

fn groups_of<'a>(view: &View<'a>, by: &str) -> Vec<&'a GroupSummary> {
    let run = view.runs().iter().find(|run| run.summary.groups.iter().any(|g| g.by == by));
    run.map(|run| run.summary.groups.iter().filter(|g| g.by == by).collect()).unwrap_or_default()
}

/// From this rank correlation on, the score says hardly more than how long a history is.
const MOSTLY: f64 = 0.7;
/// From this one on it says something of it.
const PARTLY: f64 = 0.4;

/// What "niche" means here, where it goes with the length of the history.
fn short_history(view: &View) -> Option<String> {
    let groups = groups_of(view, "mainstream");
    let filled: Vec<&&GroupSummary> = groups.iter().filter(|g| g.users > 0 && g.history_median.is_finite()).collect();
    let (first, last) = (filled.first()?, filled.last()?);
    let correlation = view.input.dataset.score_history_correlation.filter(|r| r.is_finite());
    let longer = last.history_median >= 1.5 * first.history_median;
    if !longer && correlation.is_none_or(|r| r < PARTLY) {
        return None;
    }
    let rank = correlation.map(|r| format!("; the rank correlation of score and length is {r:.2}")).unwrap_or_default();
    let advice = if view.groupings.iter().any(|g| g.by == "mainstream_within_activity") {
        "That is why the comparison is repeated by activity, and by mainstream score among users of equal activity: what \
         remains there is not just the length of the history."
    } else {
        "So a difference between these groups may be one between short and long histories rather than between tastes."
    };
    let what = match correlation {
        Some(r) if r >= MOSTLY => "is mostly “short history”",
        Some(_) => "is partly “short history”",
        None => "often means “short history”",
    };
    Some(format!(
        "“Niche” here {what}: the median user of “{}” has {} training items, of “{}” {}{rank}. {advice}",
        first.name,
        quantity(first.history_median),
        last.name,
        quantity(last.history_median)
    ))
}
