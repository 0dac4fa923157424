//! What is known of a metric: how it is called, which values are good, how a value is written, and what it may be used for.

pub use crate::kinds::{About, Better, Form, Scope, Unit};
use crate::metrics::{AGGREGATE_METRICS, METRICS};
use crate::tabular::ROW_METRICS;

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
