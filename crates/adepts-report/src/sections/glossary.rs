//! The words, for someone who never read the papers.

use crate::blocks::{Block, Section};
use crate::view::View;

const NDCG: (&str, &str) = (
    "NDCG",
    "A grade from 0 to 1 for an ordered list. Some items that the user really chose were hidden from the model; the list earns \
     points for each of them, more near the top than further down. The points are divided by the most that was possible for this \
     user, so that 1 is a perfect list. The number after the @ says how many places are looked at. Typical values lie far below 1, \
     because nobody can foresee everything.",
);
const MAINSTREAM: (&str, &str) = (
    "Mainstream score",
    "How much a user’s history has in common with the histories of all other users: the average share of items that two histories \
     have in common (Jaccard similarity). Users are sorted by it and cut into equal groups, from the niche to the mainstream. A \
     short history has little in common with any other, so the score also measures activity, often mostly. Groups within equal \
     activity take that out.",
);
const EXPERT: (&str, &str) = (
    "Expert",
    "One of several models that work together as a mixture. Each could make recommendations alone; together they are meant to \
     specialise in different kinds of users. Whether they do is an open question that this report tries to answer with data. A plain \
     average of several models is often better than each of them even without any specialisation.",
);
const GATE: (&str, &str) = (
    "Gate",
    "The part of a mixture that decides how much each expert has to say for a given user. A loss-driven gate gives larger shares to \
     experts that predict some known items of the user well. If all shares are equal, the gate decides nothing and the mixture is a \
     plain average. The relative entropy of the shares measures this: 1 means equal shares, 0 a single expert.",
);
const WEIGHTS: (&str, &str) = (
    "Row weights",
    "How much each user counts in training. Usually all count the same, so that large groups shape the model. Adaptive weights give \
     more weight to users whose loss on some items outside the input fell more than that of the average user, and less to the \
     others. As published the loss of a user is a sum over these items, so the weight follows the change of an item times the \
     number of items: while losses fall, users with long histories weigh most, and once losses rise, least. Only the mean over \
     the items (weights.reduce = \"mean\") compares how fast users are learned. The smallest possible weight is called the floor: \
     such a user is practically left out of that epoch.",
);
const INTERVAL: (&str, &str) = (
    "95 % interval",
    "The range in which the average would be expected to lie if other users of the same kind had been measured. The smaller a group, \
     the wider its interval. If the intervals of two models’ averages do not overlap, their difference is unlikely to be chance. \
     If they do overlap, that does not prove them equal: a comparison user by user can still find a difference.",
);

/// The words of a page that knows only a metric.
pub(crate) fn of_metric() -> Section {
    Section { id: "glossary", title: "Words used here", blocks: vec![Block::Terms(vec![NDCG])] }
}

pub(super) fn section(view: &View) -> Option<Section> {
    let runs = view.runs();
    let mainstream =
        !view.input.dataset.mainstream.is_empty() || view.groupings.iter().any(|g| g.by.starts_with("mainstream"));
    let intervals = runs.iter().any(|run| !run.summary.intervals.is_empty() || !run.summary.groups.is_empty());
    let gate = runs.iter().any(|run| run.summary.gate.is_some() || run.epochs.iter().any(|e| e.gate.is_some()));
    let weights = runs.iter().flat_map(|run| &run.epochs).flat_map(|e| &e.groups).any(|g| g.weight > 0.0);
    let terms = [
        (true, NDCG),
        (mainstream, MAINSTREAM),
        (intervals, INTERVAL),
        (gate, EXPERT),
        (gate, GATE),
        (weights, WEIGHTS),
    ];
    let terms = terms.into_iter().filter(|(used, _)| *used).map(|(_, term)| term).collect();
    (!runs.is_empty()).then_some(Section {
        id: "glossary",
        title: "Words used here",
        blocks: vec![Block::Terms(terms)],
    })
}
