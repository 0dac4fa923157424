//! What is known of a metric: how it is called, which values are good, how a value is written, and what it may be used for.

use crate::metrics::{AGGREGATE_METRICS, METRICS};
use crate::tabular::ROW_METRICS;

/// Which values of a metric are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Larger ones.
    Higher,
    /// Smaller ones.
    Lower,
    /// Those near 1.
    One,
    /// None by itself: the metric describes and does not judge.
    Neither,
}

impl Better {
    /// A value turned so that more of it is better: as it is, with the other sign, or as minus its distance from 1, which is that of
    /// the logarithm.
    #[must_use]
    pub fn upwards(self, value: f64) -> f64 {
        match self {
            Self::Higher | Self::Neither => value,
            Self::Lower => -value,
            Self::One => -value.ln().abs(),
        }
    }
}

/// What a metric is measured of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One list; the mean over lists is reported.
    List,
    /// All lists together.
    AllLists,
    /// Rows with a probability and a label.
    Rows,
}

impl Scope {
    /// The scope in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::List => "of each user's list",
            Self::AllLists => "of all lists together",
            Self::Rows => "of tabular data",
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As a decimal number.
    Score,
    /// As a percentage.
    Share,
    /// As so many to one.
    Ratio,
}

/// A figure of several domains that early stopping can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Of all rows or lists.
    Pooled,
    /// The mean over domains.
    Macro,
    /// That of the worst domain.
    Worst,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Pooled, Self::Macro, Self::Worst];

    /// What follows the name of the metric, as in `auc_macro`.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Pooled => "",
            Self::Macro => "_macro",
            Self::Worst => "_worst",
        }
    }
}

/// What is known of a metric apart from how it is computed.
#[derive(Debug)]
pub struct About {
    /// Its name, as in `ndcg@20` without the cut-off.
    pub name: &'static str,
    /// Its name for people, as a heading.
    pub label: &'static str,
    /// What it is measured of.
    pub scope: Scope,
    /// Which values are good.
    pub better: Better,
    /// How a value is written.
    pub unit: Unit,
    /// The figures of it that early stopping can watch; none if it cannot stop training.
    pub stop: &'static [Form],
    /// Whether it is measured within the rows of each user, so that it needs to know users.
    pub within_users: bool,
    /// Whether the table of runs in a terminal always has it. Without this it has it only as the main metric.
    pub overview: bool,
    /// What it is, in words and a formula, with its source.
    pub definition: &'static str,
}

/// Every metric of every scope, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static About> {
    let lists = METRICS.iter().map(|metric| &metric.about);
    let aggregates = AGGREGATE_METRICS.iter().map(|metric| &metric.about);
    lists.chain(aggregates).chain(ROW_METRICS.iter().map(|metric| &metric.about))
}

/// What is known of the metric behind the name of a figure, which may have a cut-off and say what it is over: `auc`, `ndcg@20`,
/// `recall@10_macro`, `auc_worst`.
#[must_use]
pub fn about(figure: &str) -> Option<&'static About> {
    let (name, ..) = parts(figure);
    all().find(|metric| metric.name == name)
}

/// Which values of a figure are good; larger ones where its metric is not known.
#[must_use]
pub fn better(figure: &str) -> Better {
    about(figure).map_or(Better::Higher, |about| about.better)
}

/// The parts of the name of a figure: the metric, the cut-off, and the suffix that says what it is over.
#[must_use]
pub fn parts(figure: &str) -> (&str, Option<&str>, &str) {
    let suffixes = ["_macro", "_weighted", "_worst"];
    let suffix = suffixes.into_iter().find(|suffix| figure.ends_with(suffix)).unwrap_or("");
    let bare = &figure[..figure.len() - suffix.len()];
    bare.split_once('@').map_or((bare, None, suffix), |(name, k)| (name, Some(k), suffix))
}

/// The names of the figures of rows that early stopping can watch.
#[must_use]
pub fn stop_figures() -> Vec<String> {
    let of = |about: &'static About| about.stop.iter().map(|form| format!("{}{}", about.name, form.suffix()));
    ROW_METRICS.iter().flat_map(|metric| of(&metric.about)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_metrics_share_a_name_or_a_label() {
        let mut names: Vec<&str> = all().map(|metric| metric.name).collect();
        let mut labels: Vec<&str> = all().map(|metric| metric.label).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!((names.len(), labels.len()), (count, count));
    }

    #[test]
    fn a_metric_is_found_by_every_figure_of_it() {
        for metric in all() {
            for figure in ["", "_macro", "_weighted", "_worst", "@20", "@20_macro"] {
                let found = about(&format!("{}{figure}", metric.name)).unwrap();
                assert!(std::ptr::eq(found, metric), "{}{figure}", metric.name);
            }
        }
        assert!(about("serendipity@20").is_none());
    }

    #[test]
    fn a_metric_that_stops_training_says_which_direction_is_better() {
        for metric in all().filter(|metric| !metric.stop.is_empty()) {
            assert!(metric.better != Better::Neither && !metric.definition.is_empty(), "{}", metric.name);
        }
        assert_eq!(stop_figures(), ["auc", "auc_macro", "auc_worst", "log_loss"]);
    }
}
