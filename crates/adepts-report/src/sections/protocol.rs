//! How it was measured.

use std::collections::BTreeSet;

use adepts_eval::{Protocol, Unprobed};

use crate::blocks::{Block, Cell, Section, Table};
use crate::format::{UNKNOWN, count, counted, exact, listed, metric_label};
use crate::input::RunInput;
use crate::view::{View, in_order, is_aggregate};

pub(super) fn section(view: &View) -> Option<Section> {
    let mut protocols: Vec<(&Protocol, Vec<&str>)> = Vec::new();
    for run in view.runs().iter().filter(|run| run.summary.protocol.users > 0) {
        let protocol = &run.summary.protocol;
        match protocols.iter_mut().find(|(p, _)| *p == protocol) {
            Some((_, names)) => names.push(&run.summary.name),
            None => protocols.push((protocol, vec![&run.summary.name])),
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (protocol, names) in &protocols {
        if protocols.len() > 1 {
            blocks.push(Block::Text(format!("{}:", listed(names))));
        }
        blocks.push(Block::Points(sentences(protocol)));
    }
    blocks.extend(both(view).map(Block::Table));
    (!blocks.is_empty()).then_some(Section { id: "measured", title: "How it was measured", blocks })
}

fn sentences(p: &Protocol) -> Vec<String> {
    let ties = if p.ties == "popularity" {
        "Of items with equal scores those come first that more users have, and then an order decides that follows from who has \
         them, so results repeat exactly and do not depend on how items are numbered."
    } else {
        "Items with equal scores are ordered by their number, so results repeat exactly."
    };
    let mut out = vec![format!(
        "For each of {} users every one of the {} items of the catalogue was ranked (no sampling of candidates), and the list was \
         judged by the items held out in the {} part. {ties}",
        count(p.users),
        count(p.items),
        if p.part.is_empty() { "test" } else { &p.part }
    )];
    out.push(if p.mask_validation {
        "Items of a user’s training and validation parts are kept out of their list.".into()
    } else {
        "Items of a user’s training part are kept out of their list; those of the validation part are not, as in much published \
         work: they take places that cannot count as hits."
            .into()
    });
    out.extend(seen(p));
    out.extend(without_history(p));
    out.extend(gate(p));
    let (seed, resamples) = p.bootstrap;
    if resamples > 0 {
        out.push(format!(
            "The intervals are 95 % percentile bootstrap intervals: {} times as many users as there are were drawn from them with \
             replacement (seed {seed}), and the middle 95 % of the means is shown. They say how much depends on which users were \
             there; not how much depends on the split of the data or on the seed of the training. For that, train with several \
             seeds.",
            count(resamples)
        ));
    }
    out
}

/// What became of items that users have only seen.
fn seen(p: &Protocol) -> Option<String> {
    let pairs = (p.seen > 0).then(|| count(p.seen))?;
    let what = format!(
        "{pairs} times a user has an item in the log in rows that a filter dropped, such as low ratings (where the split is by \
         time, in rows from before the evaluated part)"
    );
    Some(if p.mask_seen {
        format!("{what}. These items are kept out of the user’s list too, as they are when it recommends.")
    } else {
        format!("{what}. These items may take places in the user’s list, where they cannot count as hits.")
    })
}

/// How many users are judged by the list of everyone.
fn without_history(p: &Protocol) -> Option<String> {
    (p.without_history > 0).then(|| {
        format!(
            "{} of the {} users have no training items, so a model has no input for them. They are judged by the list \
             that they would be answered: the items that most users have, the same for every model.",
            count(p.without_history),
            count(p.users)
        )
    })
}

/// What gate and row weights looked at, and for whom there was nothing.
fn gate(p: &Protocol) -> Vec<String> {
    let mut out = Vec::new();
    match (p.probe.as_str(), p.learned_probe.as_str()) {
        ("", _) => {}
        ("validation", _) if p.part == "validation" => out.push(
            "The gate looks at the validation items that are to be found, as in published work: these figures tell which epoch \
             training kept, not how well anything is found that is not known."
                .into(),
        ),
        ("validation", _) => out.push(
            "The gate looks at the user’s validation items, in training and for these lists, as in published work. When it is \
             served it looks at a fifth of the history instead, since nobody held items out for the user who asks."
                .into(),
        ),
        ("history", "validation") if p.part == "validation" => out.push(
            "The gate was trained to look at the user’s validation items. Here these are to be found, so it looks at a fifth of \
             the history."
                .into(),
        ),
        ("history", _) => {
            out.push("The gate looks at a fifth of the user’s own history, as it does when it is served.".into());
        }
        (other, _) => out.push(format!("The gate looks at: {other}.")),
    }
    match (p.stop_probe.as_str(), p.learned_probe.as_str()) {
        ("validation", _) => out.push(
            "Training was stopped by how well the validation items were found while the gate looked at them, as in published \
             work. There the gate sees the items that it should find; it never sees the test items."
                .into(),
        ),
        ("history", "validation") => out.push(
            "Training was stopped by how well the validation items were found while the gate looked at a fifth of each history, \
             so the gate did not see the items that it should find."
                .into(),
        ),
        _ => {}
    }
    let share = |found: &Unprobed| format!("{} of the {}", count(found.users), counted(found.of, "user"));
    if let Some(found) = p.unprobed.filter(|found| found.users > 0) {
        out.push(format!(
            "For {} that were judged the gate had nothing to look at: for them all experts have equal shares.",
            share(&found)
        ));
    }
    if let Some(found) = p.learned_unprobed.filter(|found| found.users > 0) {
        out.push(format!(
            "For {} that the model learned from, gate and row weights had nothing to look at: shares were equal and the weight 1. \
             A probe on the history (model.gate.probe, model.weights.probe) exists for everyone with at least five items.",
            share(&found)
        ));
    }
    out
}

/// The metrics with and without the validation items masked: two columns for each run.
fn both(view: &View) -> Option<Table> {
    let names: BTreeSet<&str> = view
        .runs()
        .iter()
        .flat_map(|run| run.summary.metrics_validation_unmasked.keys().map(String::as_str))
        .filter(|n| !is_aggregate(n))
        .collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| (*name != view.metric, in_order(name)));
    if names.is_empty() {
        return None;
    }
    let columns = |run: &RunInput| {
        let name = &run.summary.name;
        [format!("{name}, masked"), format!("{name}, not masked")]
    };
    let text = |value: Option<&f64>| Cell::of(value.map_or(UNKNOWN.into(), |&v| exact(v)));
    let rows = names.iter().map(|name| {
        let cells = view.runs().iter().flat_map(|run| {
            let s = &run.summary;
            let masked = if s.protocol.mask_validation { &s.metrics } else { &s.metrics_validation_masked };
            [text(masked.get(*name)), text(s.metrics_validation_unmasked.get(*name))]
        });
        (metric_label(name), cells.collect())
    });
    Some(Table {
        caption: "Both protocols: the validation items masked, that is kept out of the lists, or not. Compare published numbers \
                  only with the column whose protocol they used; not masked, validation items take places that cannot count as \
                  hits."
            .into(),
        head: std::iter::once("Metric".to_owned()).chain(view.runs().iter().flat_map(columns)).collect(),
        rows: rows.collect(),
    })
}
