//! What a report is made of.

use adepts_core::log::EpochRecord;
use adepts_eval::{Comparison, DomainComparison, RunSummary};

/// Everything on the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportInput {
    /// The heading.
    pub title: String,
    /// What the runs were trained on.
    pub dataset: DatasetFacts,
    /// The same of tabular runs, where it is known.
    pub tabular: Option<TabularFacts>,
    /// The runs, in the order in which they are to appear.
    pub runs: Vec<RunInput>,
    /// The runs compared user by user, where that was done.
    pub comparison: Option<Comparison>,
    /// The same against the run that is best over all users, where that is not the baseline: what the headline says of two runs is
    /// looked up here too.
    pub against_best: Option<Comparison>,
    /// Tabular runs compared on the same rows, where that was done.
    pub domains: Option<DomainComparison>,
    /// The same against the runs that are best, over all rows and over domains, where these are not the baseline.
    pub domains_against_best: Vec<DomainComparison>,
    /// For the page of a final model, whose only run is the evaluated one: what it is and where it comes from.
    pub final_form: Option<FinalForm>,
}

/// A model that was trained on everything, and the evaluated run whose final form it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinalForm {
    /// The name of the final model.
    pub name: String,
    /// The kind of model.
    pub model: String,
    /// The name of the evaluated run.
    pub run: String,
    /// Its folder.
    pub folder: String,
    /// Hash of its manifest.
    pub manifest: String,
    /// How its data was cut.
    pub split: String,
    /// Its training, validation and test part.
    pub parts: [usize; 3],
    /// What the parts are made of: `interaction` or `row`.
    pub of: &'static str,
    /// What the final model was trained on: as many of these.
    pub trained: usize,
    /// Users and items that it knows, where that is told.
    pub knows: Option<(usize, usize)>,
    /// Epochs of the final model, and those of the evaluated run; absent for closed forms.
    pub epochs: Option<(usize, usize)>,
    /// What the gate or the weights of the evaluated run looked at in training, where that is not what they look at here.
    pub probe: Option<String>,
}

/// One run: how it serves its users, and how it got there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInput {
    /// The evaluation.
    pub summary: RunSummary,
    /// The training log; empty for models fitted in closed form.
    pub epochs: Vec<EpochRecord>,
    /// What could end the training, where that is known.
    pub limits: Option<Limits>,
}

/// What ends a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most epochs.
    pub epochs: usize,
    /// Epochs without a new best after which it stops.
    pub patience: usize,
}

/// The data set in a few numbers. All zero or empty where unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatasetFacts {
    /// Users with a training history.
    pub users: usize,
    /// Items in the catalogue.
    pub items: usize,
    /// Pairs of user and item in the training part.
    pub train_pairs: usize,
    /// Median length of a training history.
    pub history_median: f64,
    /// Mainstream score of each user: mean Jaccard similarity to every other user's history.
    pub mainstream: Vec<f32>,
    /// Spearman's rank correlation of the mainstream score with the length of the history.
    pub score_history_correlation: Option<f64>,
}

/// Prepared tabular data in a few numbers. Counts of parts are of training, validation and test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TabularFacts {
    /// Rows of each part.
    pub rows: [usize; 3],
    /// Users of all parts; 0 where they are not known.
    pub users: usize,
    /// In retrieval: items that can be found; else 0.
    pub items: usize,
    /// Rows that were left out, or that do not count for everything.
    pub left_out: Vec<LeftOut>,
    /// All fields.
    pub fields: Vec<FieldFacts>,
}

/// Rows that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Which they are.
    pub what: String,
    /// How many.
    pub rows: usize,
    /// Why, where there are several reasons.
    pub why: Vec<String>,
}

/// What a field lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldFacts {
    /// The column.
    pub name: String,
    /// Rows of each part without a value.
    pub missing: [usize; 3],
    /// Values of each part that count as unknown.
    pub unknown: [usize; 3],
}

impl FieldFacts {
    /// Whether a value is missing or unknown.
    pub(crate) fn lacks(&self) -> bool {
        self.missing.iter().chain(&self.unknown).any(|n| *n > 0)
    }
}

impl DatasetFacts {
    /// Counts, median and correlation from the length of each user's training history and, where known, his
    /// mainstream score (the same order; users with an empty history or a score that is not finite are left out of
    /// the correlation).
    #[must_use]
    pub fn of_users(items: usize, histories: &[usize], mainstream: &[f32]) -> Self {
        let mut lengths: Vec<usize> = histories.iter().copied().filter(|&n| n > 0).collect();
        lengths.sort_unstable();
        let (scores, counts): (Vec<f64>, Vec<f64>) = mainstream
            .iter()
            .zip(histories)
            .filter(|&(score, &n)| score.is_finite() && n > 0)
            .map(|(&score, &n)| (f64::from(score), n as f64))
            .unzip();
        Self {
            users: lengths.len(),
            items,
            train_pairs: lengths.iter().sum(),
            history_median: median_of_sorted(&lengths),
            mainstream: mainstream.to_vec(),
            score_history_correlation: spearman(&scores, &counts),
        }
    }

    /// Share of all pairs of user and item that are in the training part; `None` for an unknown data set.
    #[must_use]
    pub fn density(&self) -> Option<f64> {
        let cells = self.users as f64 * self.items as f64;
        (cells > 0.0).then(|| self.train_pairs as f64 / cells)
    }
}

fn median_of_sorted(sorted: &[usize]) -> f64 {
    let n = sorted.len();
    match n {
        0 => 0.0,
        _ if n % 2 == 1 => sorted[n / 2] as f64,
        _ => f64::midpoint(sorted[n / 2 - 1] as f64, sorted[n / 2] as f64),
    }
}

/// Spearman's rank correlation, ties at their mean rank; `None` where it is not defined.
fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let centre = (a.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| (p - centre) * (q - centre)).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (a.len() > 2 && spread > 0.0).then(|| product(&a, &b) / spread)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let same = order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count();
        let rank = start as f64 + (same as f64 - 1.0) / 2.0;
        for &i in &order[start..start + same] {
            ranks[i] = rank;
        }
        start += same;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_counted_over_users_with_a_history() {
        let facts = DatasetFacts::of_users(10, &[2, 0, 4, 6], &[0.1, 0.9, 0.2, 0.3]);
        assert_eq!((facts.users, facts.train_pairs, facts.history_median), (3, 12, 4.0));
        assert_eq!(facts.density(), Some(0.4));
        assert!((facts.score_history_correlation.unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0]), [1.5, 0.0, 1.5]);
    }

    #[test]
    fn a_correlation_of_constants_is_not_defined() {
        assert_eq!(spearman(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(DatasetFacts::of_users(0, &[], &[]).density(), None);
    }
}
