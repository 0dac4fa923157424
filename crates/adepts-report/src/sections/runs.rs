//! The table of runs.

use std::collections::BTreeSet;

use adepts_eval::{WorstGroup, about::better};

use crate::blocks::{Block, Cell, Section, Table};
use crate::format::{UNKNOWN, exact, group_label, metric_label, seconds};
use crate::input::RunInput;
use crate::view::{View, bounded, in_order, is_aggregate};

pub(super) fn section(view: &View) -> Option<Section> {
    let names: BTreeSet<&str> = view
        .runs()
        .iter()
        .flat_map(|run| run.summary.metrics.keys())
        .map(String::as_str)
        .filter(|n| !is_aggregate(n))
        .collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| in_order(name));
    if names.is_empty() {
        return None;
    }
    let by = view.groupings.first().map_or("", |g| g.by.as_str());
    let worst = view.runs().iter().any(|run| run.summary.worst.is_some());
    let stages = ["prepare", "train", "evaluate"];
    let stages: Vec<&str> =
        stages.into_iter().filter(|s| view.runs().iter().any(|run| run.summary.seconds.contains_key(*s))).collect();

    // What decides comes first, and alone, so that it fits beside the names; the rest has a table of its own.
    let (main, others): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(|name| *name == view.metric);
    let mut head = vec!["Run".to_owned(), "Model".to_owned()];
    head.extend(main.iter().map(|name| metric_label(name)));
    if worst {
        head.extend(["Worst group".to_owned(), "Gap".to_owned()]);
    }
    head.extend(stages.iter().map(|stage| metric_label(stage)));

    let rows = view.runs().iter().map(|run| {
        let mut cells = vec![Cell::of(run.summary.model.clone())];
        cells.extend(main.iter().map(|name| metric_cell(view, run, name)));
        if worst {
            cells.extend(worst_cells(view, run, by));
        }
        cells.extend(
            stages.iter().map(|s| Cell::of(run.summary.seconds.get(*s).map_or(UNKNOWN.into(), |&v| seconds(v)))),
        );
        (run.summary.name.clone(), cells)
    });
    let table = Table {
        caption: format!("Means over all test users{}.{}", intervals(view), starred(view, "column")),
        head,
        rows: rows.collect(),
    };
    let mut blocks = vec![Block::Table(table)];
    if worst {
        blocks.push(Block::Text(format!(
            "The worst group is the one with the lowest mean {}; the gap is the best group’s mean less the worst’s. A model can \
             have a small gap by serving everyone badly: read it together with the worst group’s mean.",
            metric_label(&view.metric)
        )));
    }
    if !others.is_empty() {
        blocks.push(Block::Fold("The other metrics", all_metrics(view, &others)));
    }
    Some(Section { id: "runs", title: "The runs side by side", blocks })
}

/// The other metrics, a row each, because runs are fewer than metrics.
fn all_metrics(view: &View, names: &[&str]) -> Table {
    let row = |name: &&str| {
        (metric_label(name), view.runs().iter().map(|run| metric_cell(view, run, name)).collect::<Vec<Cell>>())
    };
    Table {
        caption: format!("The other metrics{}.{}", intervals(view), starred(view, "row")),
        head: std::iter::once("Metric".to_owned()).chain(view.runs().iter().map(|r| r.summary.name.clone())).collect(),
        rows: names.iter().map(row).collect(),
    }
}

fn intervals(view: &View) -> &'static str {
    let known = view.runs().iter().any(|run| run.summary.intervals.values().any(|&e| bounded(e)));
    if known { ", with 95 % intervals in small print" } else { "" }
}

fn starred(view: &View, line: &str) -> String {
    if view.runs().len() > 1 { format!(" The best of each {line} is marked ★.") } else { String::new() }
}

fn metric_cell(view: &View, run: &RunInput, name: &str) -> Cell {
    let value = |run: &RunInput| run.summary.metrics.get(name).copied().filter(|v| v.is_finite());
    let Some(mean) = value(run) else { return Cell::of(UNKNOWN.into()) };
    let best =
        view.runs().iter().filter_map(value).all(|other| better(name).upwards(other) <= better(name).upwards(mean));
    let interval = run.summary.intervals.get(name).filter(|e| bounded(**e));
    let small = interval.map(|e| format!("{}–{}", exact(e.lower), exact(e.upper))).unwrap_or_default();
    Cell::of(exact(mean)).small(small).best(best && view.runs().len() > 1)
}

fn worst_cells(view: &View, run: &RunInput, by: &str) -> [Cell; 2] {
    let Some(worst) = &run.summary.worst else { return [Cell::of(UNKNOWN.into()), Cell::of(UNKNOWN.into())] };
    let all = || view.runs().iter().filter_map(|r| r.summary.worst.as_ref());
    let up = |worst: &WorstGroup| better(&worst.metric).upwards(worst.mean);
    let several = view.runs().len() > 1;
    [
        Cell::of(exact(worst.mean))
            .small(group_label(by, &worst.group))
            .best(several && worst.mean.is_finite() && all().all(|w| w.mean.is_nan() || up(w) <= up(worst))),
        Cell::of(exact(worst.gap)),
    ]
}
