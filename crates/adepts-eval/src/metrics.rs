//! What is measured of a ranked list, and of all lists together: one function and one line in a table per metric.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::kinds::{About, Better, Form, Scope, Unit};
use crate::nearest::{hint, nearest};

/// One user's list as a metric sees it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// By rank, best first: 1 where the item is relevant, 0 where it is not. May be shorter than the cut-off,
    /// where the catalogue or the masks leave no more to recommend.
    pub gains: &'a [f32],
    /// How many relevant items the user has, found or not; at least 1.
    pub relevant: usize,
}

impl<'a> Judged<'a> {
    /// The ranks below `k`.
    fn first(&self, k: usize) -> &'a [f32] {
        &self.gains[..k.min(self.gains.len())]
    }

    fn hits(&self, k: usize) -> f64 {
        // Not `sum`, which makes −0 of nothing.
        self.first(k).iter().fold(0.0, |sum, &gain| sum + f64::from(gain))
    }
}

/// A metric of one user's list; the mean over users is reported.
pub struct Metric {
    /// What is known of it.
    pub about: About,
    /// Its value for one user at a cut-off of at least 1: in 0..=1, and 0 without a hit.
    pub measure: fn(&Judged, usize) -> f64,
}

/// What most metrics of a list have in common.
const OF_A_LIST: About = About {
    name: "",
    label: "",
    scope: Scope::List,
    better: Better::Higher,
    unit: Unit::Score,
    stop: &[Form::Pooled],
    within_users: false,
    overview: false,
    definition: "",
};

/// What most metrics of all lists together have in common.
const OF_ALL_LISTS: About =
    About { scope: Scope::AllLists, better: Better::Neither, stop: &[], overview: true, ..OF_A_LIST };

/// Every per-user metric; the first is the main one of runs that do not name another. A new one is one function below and one line here.
pub static METRICS: &[Metric] = &[
    Metric {
        about: About {
            name: "ndcg",
            label: "NDCG",
            definition: "How early the relevant items stand: the sum of 1/log2(rank + 1) over the hits, relative to the best that \
                     is possible with min(relevant, k) hits (Järvelin and Kekäläinen 2002, binary gains).",
            ..OF_A_LIST
        },
        measure: ndcg,
    },
    Metric {
        about: About {
            name: "recall",
            label: "Recall",
            definition: "Share of the user's relevant items that are among the first k: hits / relevant.",
            overview: true,
            ..OF_A_LIST
        },
        measure: recall,
    },
    Metric {
        about: About {
            name: "precision",
            label: "Precision",
            definition: "Share of the first k places that hold a relevant item: hits / k, also where the list is shorter.",
            ..OF_A_LIST
        },
        measure: precision,
    },
    Metric {
        about: About {
            name: "hit",
            label: "Hit rate",
            definition: "1 if at least one relevant item is among the first k, else 0.",
            ..OF_A_LIST
        },
        measure: hit,
    },
    Metric {
        about: About {
            name: "mrr",
            label: "MRR",
            definition: "Reciprocal rank: 1 / rank of the first relevant item among the first k, 0 without one.",
            ..OF_A_LIST
        },
        measure: mrr,
    },
    Metric {
        about: About {
            name: "map",
            label: "MAP",
            definition: "Average precision: the precision at the rank of each hit among the first k, summed, divided by \
                     min(relevant, k).",
            ..OF_A_LIST
        },
        measure: map,
    },
];

/// What all users' lists together put on show.
#[derive(Clone, Copy, Debug)]
pub struct Exposure<'a> {
    /// For each item, how many lists hold it among their first k: `[items]`.
    pub lists: &'a [u32],
    /// For each item, the share of users who have it in training, in 0..=1: `[items]`.
    pub popularity: &'a [f32],
}

/// A metric of all lists together.
pub struct AggregateMetric {
    /// What is known of it.
    pub about: About,
    /// Its value.
    pub measure: fn(&Exposure) -> f64,
}

/// Every metric of all lists together.
pub static AGGREGATE_METRICS: &[AggregateMetric] = &[
    AggregateMetric {
        about: About {
            name: "coverage",
            label: "Coverage",
            definition: "Share of the catalogue that is among the first k of at least one user.",
            unit: Unit::Share,
            ..OF_ALL_LISTS
        },
        measure: coverage,
    },
    AggregateMetric {
        about: About {
            name: "popularity",
            label: "Popularity",
            definition: "Mean, over all recommended places, of the share of users who have the item in training.",
            unit: Unit::Share,
            ..OF_ALL_LISTS
        },
        measure: popularity,
    },
    AggregateMetric {
        about: About {
            name: "gini",
            label: "Gini",
            definition: "Gini coefficient of how often each item of the catalogue is recommended: 0 if all equally often, \
                     near 1 if a few items take every place.",
            unit: Unit::Score,
            ..OF_ALL_LISTS
        },
        measure: gini,
    },
];

fn ndcg(judged: &Judged, k: usize) -> f64 {
    let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let hits = judged.first(k).iter().enumerate().filter(|(_, g)| **g != 0.0);
    // Not `sum`, which makes −0 of nothing.
    let gained = hits.map(|(rank, &g)| f64::from(g) * discount(rank)).fold(0.0, |sum, gain| sum + gain);
    let ideal: f64 = (0..judged.relevant.min(k)).map(discount).sum();
    gained / ideal
}

fn recall(judged: &Judged, k: usize) -> f64 {
    judged.hits(k) / judged.relevant as f64
}

fn precision(judged: &Judged, k: usize) -> f64 {
    judged.hits(k) / k as f64
}

fn hit(judged: &Judged, k: usize) -> f64 {
    f64::from(u8::from(judged.first(k).iter().any(|&gain| gain > 0.0)))
}

fn mrr(judged: &Judged, k: usize) -> f64 {
    judged.first(k).iter().position(|&gain| gain > 0.0).map_or(0.0, |rank| 1.0 / (rank + 1) as f64)
}

fn map(judged: &Judged, k: usize) -> f64 {
    let (mut hits, mut sum) = (0.0, 0.0);
    for (rank, &gain) in judged.first(k).iter().enumerate() {
        if gain > 0.0 {
            hits += 1.0;
            sum += hits / (rank + 1) as f64;
        }
    }
    sum / judged.relevant.min(k) as f64
}

fn coverage(exposure: &Exposure) -> f64 {
    let shown = exposure.lists.iter().filter(|&&lists| lists > 0).count();
    shown as f64 / exposure.lists.len() as f64
}

fn popularity(exposure: &Exposure) -> f64 {
    let places: f64 = exposure.lists.iter().map(|&lists| f64::from(lists)).sum();
    let sum: f64 =
        exposure.lists.iter().zip(exposure.popularity).map(|(&n, &share)| f64::from(n) * f64::from(share)).sum();
    if places == 0.0 { 0.0 } else { sum / places }
}

/// G = Σᵢ (2i − n − 1) cᵢ / (n Σᵢ cᵢ), with the counts c ascending and i from 1.
fn gini(exposure: &Exposure) -> f64 {
    let mut counts = exposure.lists.to_vec();
    counts.sort_unstable();
    let n = counts.len() as f64;
    let total: f64 = counts.iter().map(|&c| f64::from(c)).sum();
    let weighted: f64 =
        counts.iter().enumerate().map(|(i, &c)| (2.0 * (i as f64 + 1.0) - n - 1.0) * f64::from(c)).sum();
    if total == 0.0 { 0.0 } else { weighted / (n * total) }
}

/// A metric with its cut-off, such as `ndcg@20`: per user or of all lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct MetricAt {
    name: &'static str,
    k: usize,
}

// Not derived: the derived one would ask for input that lives as long as the names.
impl<'de> Deserialize<'de> for MetricAt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl MetricAt {
    /// The name without the cut-off.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The cut-off: how many places of a list count; at least 1.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// The metric, if it is one per user.
    #[must_use]
    pub fn per_user(&self) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| metric.about.name == self.name)
    }

    /// The metric, if it is one of all lists together.
    #[must_use]
    pub fn of_lists(&self) -> Option<&'static AggregateMetric> {
        AGGREGATE_METRICS.iter().find(|metric| metric.about.name == self.name)
    }

    /// What is known of the metric.
    #[must_use]
    pub fn about(&self) -> Option<&'static About> {
        self.per_user().map(|m| &m.about).or(self.of_lists().map(|m| &m.about))
    }

    /// What it is, in words.
    #[must_use]
    pub fn definition(&self) -> &'static str {
        self.about().map_or("", |about| about.definition)
    }
}

impl fmt::Display for MetricAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.k)
    }
}

impl From<MetricAt> for String {
    fn from(metric: MetricAt) -> Self {
        metric.to_string()
    }
}

impl TryFrom<String> for MetricAt {
    type Error = MetricError;

    fn try_from(text: String) -> Result<Self, MetricError> {
        text.parse()
    }
}

/// What can be wrong with the name of a metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// No metric has this name.
    #[error("`{text}` is no metric{}; there are {}, each with a cut-off, as in `ndcg@20`", hint(suggestion.as_deref()), known())]
    Unknown {
        /// What was asked for.
        text: String,
        /// The nearest that there is.
        suggestion: Option<String>,
    },
    /// The name is right, but what follows is no cut-off.
    #[error("`{text}` lacks a cut-off: write a whole number of at least 1 after the name, as in `{name}@20`")]
    Cutoff {
        /// What was asked for.
        text: String,
        /// The metric.
        name: &'static str,
    },
}

fn names() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|m| m.about.name).chain(AGGREGATE_METRICS.iter().map(|m| m.about.name))
}

fn known() -> String {
    names().collect::<Vec<_>>().join(", ")
}

impl FromStr for MetricAt {
    type Err = MetricError;

    fn from_str(text: &str) -> Result<Self, MetricError> {
        let (asked, cutoff) = text.split_once('@').map_or((text, None), |(name, k)| (name, Some(k)));
        let Some(name) = names().find(|&name| name == asked) else {
            let suggestion = nearest(asked, names()).map(|name| match cutoff {
                Some(k) => format!("{name}@{k}"),
                None => format!("{name}@20"),
            });
            return Err(MetricError::Unknown { text: text.to_owned(), suggestion });
        };
        let digits = |k: &&str| k.bytes().all(|b| b.is_ascii_digit());
        match cutoff.filter(digits).and_then(|k| k.parse().ok()) {
            Some(k) if k > 0 => Ok(Self { name, k }),
            _ => Err(MetricError::Cutoff { text: text.to_owned(), name }),
        }
    }
}

#[cfg(test)]
mod tests;
