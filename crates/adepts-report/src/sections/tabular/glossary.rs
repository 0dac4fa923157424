//! The words, for someone who never read the papers.

use crate::blocks::{Block, Section};
use crate::view::View;

use super::{list_metrics, overall, retrieves};

type Term = (&'static str, &'static str);

const ROW: Term = (
    "Row, positive, domain",
    "A row is one event that was shown or could be rated, with what was known beforehand. It is positive if it ended as hoped: a \
     click, a purchase, a good rating. A domain is one of the parts of the business that share a model: a country, a tab, a category, \
     an age group.",
);
const AUC: Term = (
    "AUC",
    "Take one positive row and one that is not, at random. AUC is how often the model gives the positive one the higher probability: \
     0.5 is guessing, 1 is never wrong. It says how well rows are put in order, not whether the probabilities are true. Differences \
     of a few thousandths are usual between good models.",
);
const GAUC: Term = (
    "GAUC",
    "AUC among the rows of one user, averaged over users by their number of rows. It leaves out what comes from knowing that some \
     users say yes more often than others, which does not help to choose among the things that one user could be shown.",
);
const LOSS: Term = (
    "Log loss",
    "How surprised the model is by what came, on average: small if it gave what came a high probability. It judges order and \
     probabilities together, and punishes certainty that was wrong.",
);
const CALIBRATION: Term = (
    "Calibration error, predicted / observed",
    "Of all rows to which a model gives 20 %, a fifth should be positive. Rows are put into 15 groups of equal size by their \
     probability; the calibration error is how far the mean probability of a group is from the share that was positive, on average. \
     Predicted / observed is the number of positive rows that the model expects, divided by how many there are.",
);
const INTERVAL: Term = (
    "95 % interval",
    "The range in which a figure would be expected to lie if other rows of the same kind had been judged. The smaller a domain, the \
     wider its interval. Two runs on the same rows are compared row by row, which is sharper than to see whether their intervals \
     overlap.",
);
const EXPERT: Term = (
    "Expert, gate",
    "An expert is a part of a model that is used for some rows and not for others. The gate decides for each row which experts are \
     used and how much each has to say. An expert that is not used costs nothing for that row.",
);
const INFORMATION: Term = (
    "Mutual information",
    "How much the domain of a row says about which expert serves it, in nats: 0 if all domains use the experts alike, and at \
     the most possible value if each domain has experts of its own.",
);

const LIST: Term = (
    "List, query, domain",
    "A query is someone who could be shown something: a user in one of the parts of the business that share a model, which are the \
     domains. Its list has all items of the catalogue, the ones that the model thinks most likely first. To be found are the items \
     that the user went on to choose and that the model had not seen him choose.",
);
const RECALL: Term = (
    "Recall@k",
    "Which share of the items that were to be found stand among the first k of the list. Recall@100 asks whether a later stage would \
     get to see them, recall@10 whether a person would.",
);
const NDCG: Term = (
    "NDCG@k",
    "As recall, but an item counts the more the higher it ranks: 1 if the first places hold nothing but items that were to be \
     found.",
);
const MRR: Term =
    ("MRR@k", "One divided by the place of the first item that was to be found, 0 if the first k places hold none.");

#[expect(clippy::unnecessary_wraps, reason = "the signature of every section")]
pub(super) fn section(view: &View) -> Option<Section> {
    let any = |metric: &str| view.runs().iter().any(|run| overall(&run.summary, metric).is_some());
    let experts = view.runs().iter().any(|run| run.summary.experts.is_some());
    let intervals = view.runs().iter().any(|run| run.summary.protocol.bootstrap.1 > 0);
    let retrieval = view.runs().iter().any(|run| retrieves(&run.summary));
    let lists = list_metrics(view.runs().iter().map(|run| &run.summary));
    let of_lists = |stem: &str| lists.iter().any(|name| name.starts_with(stem));
    let terms = [
        (!retrieval, ROW),
        (retrieval, LIST),
        (of_lists("recall@"), RECALL),
        (of_lists("ndcg@"), NDCG),
        (of_lists("mrr@"), MRR),
        (any("auc"), AUC),
        (any("gauc"), GAUC),
        (any("log_loss"), LOSS),
        (any("ece"), CALIBRATION),
        (intervals, INTERVAL),
        (experts, EXPERT),
        (experts, INFORMATION),
    ];
    let terms = terms.into_iter().filter(|(used, _)| *used).map(|(_, term)| term).collect();
    Some(Section { id: "glossary", title: "Words used here", blocks: vec![Block::Terms(terms)] })
}
