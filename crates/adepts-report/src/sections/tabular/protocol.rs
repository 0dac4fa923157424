//! How it was measured.

use adepts_eval::{Protocol, Resampled, RunSummary};

use crate::blocks::{Block, Section};
use crate::format::{count, listed, percent};
use crate::view::View;

use super::{retrieves, without_users};

pub(super) fn section(view: &View) -> Option<Section> {
    let mut told: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for run in view.runs().iter().map(|run| &run.summary).filter(|run| !run.domains.is_empty()) {
        let sentences = sentences(run);
        match told.iter_mut().find(|(known, _)| *known == sentences) {
            Some((_, names)) => names.push(&run.name),
            None => told.push((sentences, vec![&run.name])),
        }
    }
    let several = told.len() > 1;
    let mut blocks = Vec::new();
    for (sentences, names) in told {
        if several {
            blocks.push(Block::Text(format!("{}:", listed(&names))));
        }
        blocks.push(Block::Points(sentences));
    }
    (!blocks.is_empty()).then_some(Section { id: "measured", title: "How it was measured", blocks })
}

fn sentences(run: &RunSummary) -> Vec<String> {
    if retrieves(run) {
        return of_lists(run);
    }
    let (rows, protocol) = (run.domains.iter().map(|domain| domain.rows).sum::<usize>(), &run.protocol);
    let positive: f64 = run.domains.iter().map(|domain| domain.rows as f64 * domain.base_rate).sum();
    let users = if protocol.users > 0 { format!(" of {} users", count(protocol.users)) } else { String::new() };
    let mut out = vec![format!(
        "Each of the {} rows{users} in the {} part got a probability; {} of them are positive. Nothing was sampled, and no \
         row’s probability depends on other rows of its batch.",
        count(rows),
        if protocol.part.is_empty() { "test" } else { &protocol.part },
        percent(positive / rows.max(1) as f64)
    )];
    for missing in without_users(run) {
        let why = if protocol.users == 0 {
            "the data names no user of a row (`user` in [data])"
        } else {
            "no user has judged rows of both labels"
        };
        out.push(format!("{} is not measured: {why}.", missing.label));
    }
    out.extend(intervals(protocol, Resampled::Rows));
    out
}

/// What the intervals are; evaluations of versions that did not say what they drew have drawn `before`.
fn intervals(protocol: &Protocol, before: Resampled) -> Vec<String> {
    let (seed, resamples) = protocol.bootstrap;
    if resamples == 0 {
        return Vec::new();
    }
    let resampled = if protocol.resampled.is_unknown() { before } else { protocol.resampled };
    vec![
        format!(
            "The intervals are 95 % percentile bootstrap intervals: {} (seed {seed}). They say nothing of how much depends on the \
             split of the data or on the seed of the training. For that, train with several seeds.",
            drawn(resampled, resamples)
        ),
        "Runs are compared on the same draws. The p-values of the domains are corrected for how many domains there are.".into(),
    ]
}

/// What was drawn for the intervals.
fn drawn(resampled: Resampled, resamples: usize) -> String {
    let times = count(resamples);
    match resampled {
        Resampled::Users => format!(
            "{times} times as many users as there are were drawn with replacement, each with all that is his (what has no known \
             user by itself)"
        ),
        Resampled::Lists => format!(
            "from each domain {times} times as many lists as it has were drawn with replacement. They take lists as independent, \
             because users are not known, and are too narrow where several lists are of one user"
        ),
        Resampled::Rows | Resampled::Unknown => format!(
            "from each domain {times} times as many rows as it has were drawn with replacement. They take rows as independent, \
             because users are not known, and are too narrow where many rows are of one user"
        ),
    }
}

fn of_lists(run: &RunSummary) -> Vec<String> {
    let protocol = &run.protocol;
    let lists: usize = run.domains.iter().filter_map(|domain| domain.lists).sum();
    let rows: usize = run.domains.iter().map(|domain| domain.rows).sum();
    let part = if protocol.part.is_empty() { "test" } else { &protocol.part };
    let mut out = vec![format!(
        "Every one of the {} items of the catalogue was ranked for every query; nothing was sampled. A query is {}. {} lists of \
         the {part} part, in which {} items were to be found, were judged.",
        count(protocol.items),
        if protocol.users > 0 {
            format!(
                "a user in a domain, and in a situation where fields of his differ from row to row: {} users in all",
                count(protocol.users)
            )
        } else {
            "a row, for users are not known".into()
        },
        count(lists),
        count(rows)
    )];
    out.push(match (protocol.mask.as_str(), protocol.mask_validation) {
        ("known", true) => {
            "Items that a user is known to have, from the training and the validation part, are kept out of his lists; \
                            held-out items that he is known to have are not counted as to be found."
                .into()
        }
        ("known" | "training", _) => {
            "Items that a user has in the training part are kept out of his lists; held-out items that he \
                                      is known to have are not counted as to be found."
                .into()
        }
        _ => "Nothing is kept out of the lists, so the items that a user already had take places in them.".into(),
    });
    out.extend(seen(protocol));
    out.extend(intervals(protocol, Resampled::Lists));
    out
}

/// What became of items that users have only seen.
fn seen(protocol: &Protocol) -> Option<String> {
    let pairs = (protocol.seen > 0).then(|| count(protocol.seen))?;
    let what = format!(
        "{pairs} times a user has an item only in rows that are not positive, such as those with low ratings (where the split is \
         by time, in rows from before the evaluated part)"
    );
    Some(if protocol.mask_seen {
        format!("{what}. These items are kept out of the user’s lists too, as they are when it recommends.")
    } else {
        format!("{what}. These items may take places in the user’s lists, where they cannot count as hits.")
    })
}
