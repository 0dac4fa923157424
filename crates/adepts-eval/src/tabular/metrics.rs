//! What is measured of probabilities: one function and one line in a table per metric.

use crate::kinds::{About, Better, Form, Scope, Unit};

use super::rows::{First, Row, Sample};

/// Bins of the calibration error and of the reliability curve.
pub const BINS: usize = 15;

/// A metric of rows with a probability and a label.
pub struct RowMetric {
    /// What is known of it.
    pub about: About,
    /// Its value; `None` where it is not defined, as the AUC of rows that all have the same label.
    pub measure: fn(&Sample<'_>) -> Option<f64>,
    /// Whether drawing rows anew raises it by itself, as it does a sum of absolute values: its percentiles are moved down by the
    /// mean rise, so that the interval stands around the value.
    pub raised_by_noise: bool,
    /// Whether it is defined only where rows of both labels are.
    pub needs_both_labels: bool,
    /// The metric in whose column a page shows it in small print, if it has no column of its own.
    pub shown_under: Option<&'static str>,
}

/// What most metrics of rows have in common.
const OF_ROWS: About = About {
    name: "",
    label: "",
    scope: Scope::Rows,
    better: Better::Higher,
    unit: Unit::Score,
    stop: &[],
    within_users: false,
    overview: true,
    definition: "",
};

/// Every row metric; the first is the main one, by which the worst domain is found. A new one is one function below and one line here.
pub static ROW_METRICS: &[RowMetric] = &[
    RowMetric {
        about: About {
            name: "auc",
            label: "AUC",
            stop: &Form::ALL,
            definition: "Area under the ROC curve: the share of all pairs of a row with label 1 and a row with label 0 in which the first \
                     has the higher score, equal scores counting half (Hanley and McNeil 1982).",
            ..OF_ROWS
        },
        measure: auc,
        raised_by_noise: false,
        needs_both_labels: true,
        shown_under: None,
    },
    RowMetric {
        about: About {
            name: "gauc",
            label: "GAUC",
            within_users: true,
            definition: "AUC within the rows of each user, averaged over users by their number of rows; users whose labels are all the \
                     same are left out (Zhu et al. 2017).",
            ..OF_ROWS
        },
        measure: gauc,
        raised_by_noise: false,
        needs_both_labels: true,
        shown_under: None,
    },
    RowMetric {
        about: About {
            name: "log_loss",
            label: "Log loss",
            better: Better::Lower,
            stop: &[Form::Pooled],
            definition: "Mean of -ln p over the probabilities that were given to the labels that came (nats), with p at least 1e-7.",
            ..OF_ROWS
        },
        measure: log_loss,
        raised_by_noise: false,
        needs_both_labels: false,
        shown_under: None,
    },
    RowMetric {
        about: About {
            name: "ece",
            label: "Calibration error",
            better: Better::Lower,
            definition: "Expected calibration error: rows sorted by score and cut into 15 bins of equal size; the mean, weighted by rows, \
                     of |mean score - mean label| of a bin (Naeini, Cooper and Hauskrecht 2015, with equal counts). Rows of equal \
                     scores each count with the mean of their labels, so that their order changes nothing.",
            ..OF_ROWS
        },
        measure: ece,
        raised_by_noise: true,
        needs_both_labels: false,
        shown_under: None,
    },
    RowMetric {
        about: About {
            name: "predicted_over_observed",
            label: "Predicted/observed",
            better: Better::One,
            unit: Unit::Ratio,
            definition: "Sum of the scores divided by the number of rows with label 1: above 1 the model expects too many of them.",
            ..OF_ROWS
        },
        measure: predicted_over_observed,
        raised_by_noise: false,
        needs_both_labels: false,
        shown_under: Some("ece"),
    },
];

/// The main metric of rows.
#[must_use]
pub fn main_row_metric() -> &'static RowMetric {
    &ROW_METRICS[0]
}

/// The metric of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static RowMetric> {
    ROW_METRICS.iter().find(|metric| metric.about.name == name)
}

/// The pairs of a positive and a negative row so far, as whole numbers, so that no order of rows rounds. Of n rows there are at
/// most n²/4 pairs, so for n below 2³² twice their number is below 2⁶⁴.
#[derive(Default)]
struct Pairs {
    /// Twice the pairs in the right order, equal scores counting half.
    twice_right: u64,
    /// Rows below the current score.
    positive: u64,
    negative: u64,
    /// Rows at the current score.
    positive_here: u64,
    negative_here: u64,
}

impl Pairs {
    fn add(&mut self, row: Row) {
        *(if row.positive { &mut self.positive_here } else { &mut self.negative_here }) += u64::from(row.count);
    }

    /// Ends the current score.
    fn close(&mut self) {
        self.twice_right += self.positive_here * (2 * self.negative + self.negative_here);
        self.positive += std::mem::take(&mut self.positive_here);
        self.negative += std::mem::take(&mut self.negative_here);
    }

    /// The AUC of the rows so far, the last score of which is closed, and how many they are.
    fn auc(&self) -> Option<(f64, f64)> {
        let pairs = self.positive * self.negative;
        (pairs > 0).then(|| (self.twice_right as f64 / (2 * pairs) as f64, (self.positive + self.negative) as f64))
    }
}

fn auc(sample: &Sample<'_>) -> Option<f64> {
    let mut pairs = Pairs::default();
    for row in sample.by_score() {
        if row.first != First::Nothing {
            pairs.close();
        }
        pairs.add(row);
    }
    pairs.close();
    pairs.auc().map(|(auc, _)| auc)
}

fn gauc(sample: &Sample<'_>) -> Option<f64> {
    let (mut pairs, mut sum, mut rows) = (Pairs::default(), 0.0, 0.0);
    let mut end = |pairs: &Pairs| {
        if let Some((auc, of_user)) = pairs.auc() {
            sum += auc * of_user;
            rows += of_user;
        }
    };
    for row in sample.by_user() {
        if row.first != First::Nothing {
            pairs.close();
        }
        if row.first == First::User {
            end(&pairs);
            pairs = Pairs::default();
        }
        pairs.add(row);
    }
    pairs.close();
    end(&pairs);
    (rows > 0.0).then(|| sum / rows)
}

fn log_loss(sample: &Sample<'_>) -> Option<f64> {
    let (mut sum, mut rows) = (0.0, 0_u64);
    for (count, loss) in sample.losses() {
        sum += f64::from(count) * loss;
        rows += u64::from(count);
    }
    (rows > 0).then(|| sum / rows as f64)
}

fn ece(sample: &Sample<'_>) -> Option<f64> {
    let (mut sum, mut rows) = (0.0, 0_u64);
    for bin in bins(sample) {
        sum += (bin.scores - bin.positive).abs();
        rows += bin.rows;
    }
    (rows > 0).then(|| sum / rows as f64)
}

fn predicted_over_observed(sample: &Sample<'_>) -> Option<f64> {
    let (mut scores, mut positive) = (0.0, 0_u64);
    for row in sample.by_score() {
        scores += f64::from(row.count) * f64::from(row.score);
        positive += u64::from(row.count) * u64::from(row.positive);
    }
    (positive > 0).then(|| scores / positive as f64)
}

/// Rows whose scores are near each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bin {
    /// How many they are.
    pub(super) rows: u64,
    /// Sum of the labels, where each row of equal scores has the mean of their labels.
    pub(super) positive: f64,
    /// Sum of the scores.
    pub(super) scores: f64,
}

/// The rows of one score.
#[derive(Clone, Copy, Default)]
struct Tie {
    score: f64,
    rows: u64,
    positive: u64,
}

/// The bins that are full, and the one that is being filled.
struct Bins {
    full: Vec<Bin>,
    bin: Bin,
    room: u64,
    all: u64,
}

impl Bins {
    fn size(all: u64, bin: usize) -> u64 {
        all / BINS as u64 + u64::from((bin as u64) < all % BINS as u64)
    }

    /// Adds the rows of a score. Where they go into several bins, each bin gets the same share of those with label 1.
    fn add(&mut self, tie: Tie) {
        let share = tie.positive as f64 / tie.rows.max(1) as f64;
        let mut left = tie.rows;
        // How often a score counts is not to be foreseen, but that its bin has room for it nearly always is.
        while left >= self.room && left > 0 {
            self.put(tie, share, self.room);
            left -= self.room;
            self.full.push(std::mem::take(&mut self.bin));
            self.room = Self::size(self.all, self.full.len());
        }
        self.put(tie, share, left);
        self.room -= left;
    }

    fn put(&mut self, tie: Tie, share: f64, rows: u64) {
        self.bin.rows += rows;
        // A tie that stays whole keeps whole numbers.
        self.bin.positive += if rows == tie.rows { tie.positive as f64 } else { share * rows as f64 };
        self.bin.scores += tie.score * rows as f64;
    }
}

/// The rows by score, cut into [`BINS`] bins whose sizes differ by at most one, larger ones first; fewer where there are fewer rows.
pub(super) fn bins(sample: &Sample<'_>) -> Vec<Bin> {
    let all = sample.rows();
    let mut bins = Bins { full: Vec::with_capacity(BINS), bin: Bin::default(), room: Bins::size(all, 0), all };
    let mut tie = Tie::default();
    for row in sample.by_score() {
        if row.first != First::Nothing {
            bins.add(std::mem::take(&mut tie));
            tie.score = f64::from(row.score);
        }
        tie.rows += u64::from(row.count);
        tie.positive += u64::from(row.count) * u64::from(row.positive);
    }
    bins.add(tie);
    bins.full
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Part, Places};
    use super::super::truth::Truth;
    use super::*;

    fn measure(name: &str, label: &[f32], score: &[f32], user: &[u32], counts: &[u32]) -> Option<f64> {
        let (domain, domains) = (vec![0; label.len()], ["all".to_owned()]);
        let truth = Truth { label, user, domain: &domain, domains: &domains };
        let part = Part::of(&truth, score, &Places::of(&truth), 0..label.len());
        (find(name).unwrap().measure)(&part.sample(counts))
    }

    #[test]
    fn a_count_is_the_same_as_a_repeated_row() {
        let (label, score, user) = ([1.0, 0.0, 1.0, 0.0, 0.0], [0.7, 0.7, 0.2, 0.4, 0.9], [0, 0, 1, 1, 1]);
        let counts = [2, 1, 3, 0, 2];
        let repeated: Vec<usize> = (0..5).flat_map(|row| vec![row; counts[row] as usize]).collect();
        let of = |column: &[f32]| repeated.iter().map(|&row| column[row]).collect::<Vec<f32>>();
        let users: Vec<u32> = repeated.iter().map(|&row| user[row]).collect();
        for metric in ROW_METRICS {
            let counted = measure(metric.about.name, &label, &score, &user, &counts).unwrap();
            let plain = measure(metric.about.name, &of(&label), &of(&score), &users, &[1; 8]).unwrap();
            assert!((counted - plain).abs() < 1e-12, "{}: {counted} {plain}", metric.about.name);
        }
    }

    #[test]
    fn more_is_better_once_a_metric_is_turned_upwards() {
        for (metric, bad, good) in
            [("auc", 0.6, 0.7), ("log_loss", 0.7, 0.6), ("ece", 0.2, 0.1), ("predicted_over_observed", 2.0, 0.6)]
        {
            let upwards = |value| find(metric).unwrap().about.better.upwards(value);
            assert!(upwards(good) > upwards(bad), "{metric}");
        }
        assert_eq!(Better::One.upwards(0.5), Better::One.upwards(2.0));
    }

    #[test]
    fn equal_scores_count_half() {
        assert_eq!(measure("auc", &[1.0, 0.0], &[0.5, 0.5], &[], &[1; 2]), Some(0.5));
        assert_eq!(measure("auc", &[1.0, 0.0, 0.0], &[0.5, 0.5, 0.1], &[], &[1; 3]), Some(0.75));
        assert_eq!(measure("auc", &[1.0, 0.0], &[0.0, -0.0], &[], &[1; 2]), Some(0.5));
    }

    #[test]
    fn what_needs_both_labels_is_not_defined_without() {
        let of = |name: &str, label: f32| measure(name, &[label; 3], &[0.1, 0.2, 0.3], &[0; 3], &[1; 3]);
        assert_eq!((of("auc", 1.0), of("gauc", 0.0), of("predicted_over_observed", 0.0)), (None, None, None));
        assert!(of("log_loss", 0.0).is_some() && of("ece", 1.0).is_some());
        assert_eq!(measure("auc", &[1.0, 0.0], &[0.5, 0.4], &[], &[3, 0]), None);
        assert_eq!(measure("gauc", &[1.0, 0.0], &[0.5, 0.4], &[], &[1; 2]), None, "users are not known");
    }

    #[test]
    fn users_with_one_label_are_left_out_and_the_others_weighted_by_rows() {
        let (label, user) = ([1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [7, 7, 3, 3, 3, 9]);
        let score = [0.9, 0.1, 0.5, 0.6, 0.4, 0.0];
        let expected = (2.0 * 1.0 + 3.0 * 0.5) / 5.0;
        assert_eq!(measure("gauc", &label, &score, &user, &[1; 6]), Some(expected));
    }

    #[test]
    fn a_certain_mistake_costs_a_finite_loss() {
        let loss = measure("log_loss", &[1.0, 0.0], &[0.0, 1.0], &[], &[1; 2]).unwrap();
        assert!((loss + 1e-7_f64.ln()).abs() < 1e-8, "{loss}");
    }

    #[test]
    fn bins_differ_by_at_most_one_row_and_hold_all() {
        let (label, score): (Vec<f32>, Vec<f32>) = (0..37).map(|n| (f32::from(n % 2 == 0), n as f32 / 40.0)).unzip();
        let (domain, domains) = (vec![0; 37], ["all".to_owned()]);
        let truth = Truth { label: &label, user: &[], domain: &domain, domains: &domains };
        let part = Part::of(&truth, &score, &Places::of(&truth), 0..37);
        let sizes: Vec<u64> = bins(&part.sample(&[1; 37])).iter().map(|bin| bin.rows).collect();
        assert_eq!(sizes, [[3; 7].as_slice(), &[2; 8]].concat());
        let few: Vec<u64> = bins(&part.sample(&[&[1; 4][..], &[0; 33]].concat())).iter().map(|bin| bin.rows).collect();
        assert_eq!(few, [1; 4]);
    }
}
