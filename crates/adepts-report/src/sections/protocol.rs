//! How it was measured.

use std::collections::BTreeSet;

use adepts_eval::Protocol;

use crate::blocks::{Block, Cell, Section, Table};
use crate::format::{UNKNOWN, count, exact, listed, metric_label};
use crate::input::RunInput;
use crate::view::{View, in_order, is_list_metric};

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
    match p.probe.as_str() {
        "" => {}
        "validation" => out.push(
            "The gate looks at the user’s validation items, also when it answers. That repeats published work, but a user nobody \
             held items out for has none: such a model cannot be served like this."
                .into(),
        ),
        "history" => out.push("The gate looks only at the user’s own history, as it must when it is served.".into()),
        other => out.push(format!("The gate looks at: {other}.")),
    }
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
    let what =
        format!("{pairs} times a user has an item in the log in rows that a filter dropped, such as low ratings");
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
            "{} of the {} users have no training items, so there is nothing that a model could go by. They are judged by the list \
             that they would be answered: the items that most users have, the same for every model.",
            count(p.without_history),
            count(p.users)
        )
    })
}

/// The metrics with and without the validation items masked: two columns for each run.
fn both(view: &View) -> Option<Table> {
    let names: BTreeSet<&str> = view
        .runs()
        .iter()
        .flat_map(|run| run.summary.metrics_validation_unmasked.keys().map(String::as_str))
        .filter(|n| !is_list_metric(n))
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
