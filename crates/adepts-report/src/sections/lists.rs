//! What is put on show: popularity, coverage and concentration of the recommended items.

use std::collections::BTreeSet;

use crate::blocks::{Block, Cell, Section, Table};
use crate::format::{UNKNOWN, measured, metric_label, score};
use crate::view::{View, is_aggregate};

pub(super) fn section(view: &View) -> Option<Section> {
    let names: BTreeSet<&str> = view
        .runs()
        .iter()
        .flat_map(|run| run.summary.metrics.keys())
        .map(String::as_str)
        .filter(|n| is_aggregate(n))
        .collect();
    if names.is_empty() {
        return None;
    }
    let head = std::iter::once("Run".to_owned()).chain(names.iter().map(|n| metric_label(n))).collect();
    let rows = view.runs().iter().map(|run| {
        let cells = names.iter().map(|name| {
            let value = run.summary.metrics.get(*name).copied().unwrap_or(f64::NAN);
            let text = measured(name, value, score);
            if value.is_finite() { Cell::of(text).bar(value) } else { Cell::of(UNKNOWN.into()) }
        });
        (run.summary.name.clone(), cells.collect())
    });
    let table = Table { caption: "The lists of all users together".into(), head, rows: rows.collect() };
    let text = "Coverage is the share of the catalogue that at least one user is shown. Popularity is how widely known the \
                recommended items are: the share of users who already have the item, averaged over all recommended places. Gini \
                says how unequally the places are spread over the catalogue: 0 if every item is shown equally often, close to 1 \
                if a few items take nearly all places. None of the three is good or bad by itself; they show what a score hides.";
    Some(Section {
        id: "lists",
        title: "What is recommended",
        blocks: vec![Block::Table(table), Block::Text(text.into())],
    })
}
