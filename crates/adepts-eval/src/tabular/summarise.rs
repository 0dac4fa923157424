//! From the scores of tabular data to what is reported: pooled, by domain, over domains, and the worst one.

use std::collections::{BTreeMap, BTreeSet};

use adepts_data::tabular::NO_USER;

use crate::about::better;
use crate::summary::{Estimate, Protocol, RunSummary, WorstGroup};

use super::metrics::{ROW_METRICS, bins, main_row_metric};
use super::resample::{DOMAINS, Judged, MACRO, POOLED, WEIGHTED, estimate, resampled};
use super::rows::{Part, Places};
use super::summary::{DomainSummary, ReliabilityBin};
use super::truth::{TabularEvalError, Truth};
use super::units::{Resampled, Units};

/// The 97.5 % percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Sums up one run by the probabilities that it gives to the rows: `[rows]`.
///
/// `metrics` and `intervals` have each metric three times: of all rows pooled (`auc`), which rewards knowing the base rates of the
/// domains, as mean of the domains (`auc_macro`) and as their mean weighted by rows (`auc_weighted`). A metric that is not defined
/// is left out. `worst` is the domain with the lowest AUC of those that have ten rows of each label. Intervals are of `resamples` bootstrap resamples of users,
/// each with all of his rows, or of rows where users are not known; without resamples they are the values.
///
/// The caller fills in what only it knows: `experts`, `work`, `seconds`, and of the protocol all but users and bootstrap.
///
/// # Errors
/// If there are no rows, the columns are not of one length, a label is not 0 or 1, a score no probability, or a domain has no name.
pub fn summarise_tabular(
    name: &str,
    model: &str,
    truth: &Truth<'_>,
    score: &[f32],
    seed: u64,
    resamples: usize,
) -> Result<RunSummary, TabularEvalError> {
    truth.check()?;
    truth.check_score(name, score)?;
    let places = Places::of(truth);
    let judged = Judged::of(truth, score, &places);
    let figures = |counts: &[u32]| judged.figures(ROW_METRICS, counts);
    let once = vec![1; truth.rows()];
    let values = figures(&once);
    let draws = resampled(&Units::of(truth.user, &places), truth.rows(), seed, resamples, figures);
    let found = |metric: usize, place: usize| {
        let value = Some(values[metric][place]).filter(|value| value.is_finite())?;
        let resampled = draws.iter().map(|draw| draw[metric][place]);
        Some(estimate(value, resampled, ROW_METRICS[metric].raised_by_noise))
    };
    let mut intervals = BTreeMap::new();
    for (place, suffix) in [(POOLED, ""), (MACRO, "_macro"), (WEIGHTED, "_weighted")] {
        let of_metric = |(n, metric): (usize, _)| Some((format!("{metric}{suffix}"), found(n, place)?));
        intervals.extend(ROW_METRICS.iter().map(|metric| metric.about.name).enumerate().filter_map(of_metric));
    }
    let domain = |(index, name): (usize, &String)| {
        let part = &judged.domains[index];
        let of_metric = |(n, metric): (usize, &str)| Some((metric.to_owned(), found(n, DOMAINS + index)?));
        DomainSummary {
            name: name.clone(),
            rows: part.by_score.place.len(),
            lists: None,
            base_rate: base_rate(&part.by_score.positive),
            metrics: ROW_METRICS.iter().map(|metric| metric.about.name).enumerate().filter_map(of_metric).collect(),
            reliability: reliability(part, &once),
        }
    };
    let domains: Vec<DomainSummary> = truth.domains.iter().enumerate().map(domain).collect();
    Ok(RunSummary {
        name: name.to_owned(),
        model: model.to_owned(),
        metrics: intervals.iter().map(|(name, estimate): (&String, &Estimate)| (name.clone(), estimate.mean)).collect(),
        intervals,
        worst: worst(&domains, main_row_metric().about.name),
        domains,
        reliability: reliability(&judged.pooled, &once),
        protocol: Protocol {
            users: truth.user.iter().filter(|user| **user != NO_USER).collect::<BTreeSet<_>>().len(),
            bootstrap: (seed, resamples),
            resampled: if truth.user.is_empty() { Resampled::Rows } else { Resampled::Users },
            ..Protocol::default()
        },
        ..RunSummary::default()
    })
}

fn base_rate(positive: &[bool]) -> f64 {
    positive.iter().filter(|&&positive| positive).count() as f64 / positive.len().max(1) as f64
}

fn reliability(part: &Part, once: &[u32]) -> Vec<ReliabilityBin> {
    let bin = |bin: super::metrics::Bin| {
        let (rows, observed) = (bin.rows as f64, (bin.positive / bin.rows as f64).clamp(0.0, 1.0));
        let centre = (observed + Z * Z / (2.0 * rows)) / (1.0 + Z * Z / rows);
        let half = Z * (observed * (1.0 - observed) / rows + Z * Z / (4.0 * rows * rows)).sqrt() / (1.0 + Z * Z / rows);
        ReliabilityBin {
            rows: bin.rows as usize,
            predicted: bin.scores / rows,
            observed,
            lower: (centre - half).max(0.0),
            upper: (centre + half).min(1.0),
        }
    };
    bins(&part.sample(once)).into_iter().map(bin).collect()
}

/// The domain with the worst figure of a metric, over the domains with enough rows to say something, or else all where it is defined; the
/// first of equals.
#[must_use]
pub fn worst(domains: &[DomainSummary], metric: &str) -> Option<WorstGroup> {
    let of = |only: bool| -> Vec<(&DomainSummary, f64)> {
        let counted = domains.iter().filter(|domain| !only || domain.is_established());
        counted.filter_map(|domain| Some((domain, domain.metrics.get(metric)?.mean))).collect()
    };
    let means = Some(of(true)).filter(|means| !means.is_empty()).unwrap_or_else(|| of(false));
    let better = better(metric);
    let by = |a: f64, b: f64| better.upwards(a).total_cmp(&better.upwards(b));
    let &(worst, mean) = means.iter().min_by(|a, b| by(a.1, b.1))?;
    let best = means.iter().map(|&(_, mean)| mean).max_by(|a, b| by(*a, *b))?;
    Some(WorstGroup { metric: metric.to_owned(), group: worst.name.clone(), mean, gap: (best - mean).abs() })
}

#[cfg(test)]
mod tests {
    use adepts_data::seed;
    use rand_chacha::rand_core::Rng;

    use super::*;

    struct Rows {
        label: Vec<f32>,
        score: Vec<f32>,
        user: Vec<u32>,
        domain: Vec<u32>,
        domains: Vec<String>,
    }

    impl Rows {
        fn truth(&self) -> Truth<'_> {
            Truth { label: &self.label, user: &self.user, domain: &self.domain, domains: &self.domains }
        }
    }

    /// Two domains with base rates around .2 and .6 and a score that is the true probability, and one without rows.
    fn calibrated(rows: usize) -> Rows {
        let mut random = seed::stream(5, "calibrated", &[]);
        let mut next = || f64::from(random.next_u32()) / 2f64.powi(32);
        let names = ["small", "none", "large"].map(String::from).to_vec();
        let mut all = Rows { label: vec![], score: vec![], user: vec![], domain: vec![], domains: names };
        for row in 0..rows {
            let domain = if row % 4 == 0 { 0 } else { 2 };
            let p = if domain == 0 { 0.4 * next() } else { 0.2 + 0.8 * next() };
            all.label.push(f32::from(u8::from(next() < p)));
            all.score.push(p as f32);
            all.user.push((row / 20) as u32);
            all.domain.push(domain);
        }
        all
    }

    fn summary(rows: &Rows, resamples: usize) -> RunSummary {
        summarise_tabular("a", "mlp", &rows.truth(), &rows.score, 3, resamples).unwrap()
    }

    #[test]
    fn true_probabilities_are_calibrated_in_every_domain() {
        let summary = summary(&calibrated(4000), 300);
        let ratio = summary.intervals["predicted_over_observed"];
        assert!(ratio.lower < 1.0 && 1.0 < ratio.upper, "{ratio:?}");
        let ece = summary.intervals["ece"];
        assert!(ece.mean < 0.05 && ece.lower <= ece.mean && ece.mean <= ece.upper, "{ece:?}");
        let inside = |bin: &&ReliabilityBin| bin.lower <= bin.predicted && bin.predicted <= bin.upper;
        assert_eq!(summary.reliability.len(), 15);
        assert!(summary.reliability.iter().filter(inside).count() >= 12);
    }

    #[test]
    fn the_order_of_the_rows_changes_no_figure_however_many_scores_are_equal() {
        let mut random = seed::stream(6, "order", &[]);
        for scores in [1, 2, 5, 40] {
            let mut rows = calibrated(300);
            // Labels and scores that drift with the row, as in a file that is sorted by time.
            for row in 0..300 {
                rows.score[row] = ((row * scores / 300) as f32 + 0.5) / scores as f32;
            }
            let sorted = summary(&rows, 0);
            for _ in 0..5 {
                for place in (1..300).rev() {
                    let other = random.next_u32() as usize % (place + 1);
                    rows.label.swap(place, other);
                    rows.score.swap(place, other);
                    rows.user.swap(place, other);
                    rows.domain.swap(place, other);
                }
                assert_eq!(summary(&rows, 0), sorted, "{scores} scores");
            }
        }
    }

    #[test]
    fn one_score_for_all_rows_is_off_by_how_far_it_is_from_the_share_of_positive_rows() {
        let mut rows = calibrated(400);
        rows.label = (0..400).map(|row| f32::from(u8::from(row < 100))).collect();
        rows.score = vec![0.5; 400];
        let summary = summary(&rows, 0);
        assert!((summary.metrics["ece"] - 0.25).abs() < 1e-12, "{}", summary.metrics["ece"]);
        assert!(summary.reliability.iter().all(|bin| bin.observed == 0.25 && bin.predicted == 0.5));
    }

    #[test]
    fn domains_stand_in_order_and_one_without_rows_measures_nothing() {
        let summary = summary(&calibrated(800), 50);
        let rows: Vec<(&str, usize)> = summary.domains.iter().map(|domain| (&*domain.name, domain.rows)).collect();
        assert_eq!(rows, [("small", 200), ("none", 0), ("large", 600)]);
        assert!(summary.domains[1].metrics.is_empty() && summary.domains[1].reliability.is_empty());
        assert_eq!(summary.domains[1].base_rate, 0.0);
        let auc = |domain: usize| summary.domains[domain].metrics["auc"].mean;
        assert!((summary.metrics["auc_macro"] - f64::midpoint(auc(0), auc(2))).abs() < 1e-12);
        assert!((summary.metrics["auc_weighted"] - (0.25 * auc(0) + 0.75 * auc(2))).abs() < 1e-12);
        assert!((summary.metrics["log_loss_weighted"] - summary.metrics["log_loss"]).abs() < 1e-12);
        let worst = summary.worst.as_ref().unwrap();
        assert_eq!((worst.mean, worst.gap), (auc(0).min(auc(2)), (auc(0) - auc(2)).abs()));
        assert_eq!((summary.protocol.users, summary.protocol.bootstrap), (40, (3, 50)));
    }

    #[test]
    fn a_handful_of_rows_is_never_the_worst_domain() {
        let mut rows = calibrated(800);
        // The domain without rows gets two, in the wrong order.
        for (label, score) in [(1.0, 0.1), (0.0, 0.9)] {
            rows.label.push(label);
            rows.score.push(score);
            rows.user.push(0);
            rows.domain.push(1);
        }
        let summary = summary(&rows, 0);
        assert_eq!(summary.domains[1].metrics["auc"].mean, 0.0);
        let established: Vec<bool> = summary.domains.iter().map(DomainSummary::is_established).collect();
        assert_eq!(established, [true, false, true]);
        assert_ne!(summary.worst.unwrap().group, "none");
    }

    #[test]
    fn rows_without_a_user_count_for_everything_but_measures_by_user() {
        let rows = calibrated(800);
        let mut fewer = calibrated(800);
        fewer.user.iter_mut().skip(400).for_each(|user| *user = NO_USER);
        let [all, some] = [summary(&rows, 0), summary(&fewer, 0)];
        assert_eq!((all.metrics["auc"], all.protocol.users, some.protocol.users), (some.metrics["auc"], 40, 20));
        let mut half = calibrated(400);
        half.domains = rows.domains.clone();
        assert_eq!(some.metrics["gauc"], summary(&half, 0).metrics["gauc"]);
    }

    #[test]
    fn the_interval_of_an_auc_has_the_width_that_its_variance_foretells() {
        let summary = summary(&calibrated(2000), 2000);
        let (auc, rows) = (summary.domains[0].metrics["auc"], calibrated(2000));
        let positive = (0..2000).filter(|&row| rows.domain[row] == 0 && rows.label[row] == 1.0).count() as f64;
        // Hanley and McNeil 1982, whose exponential approximation is good to a tenth or two.
        let (a, p, n) = (auc.mean, positive, 500.0 - positive);
        let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
        let error = ((a * (1.0 - a) + (p - 1.0) * (q1 - a * a) + (n - 1.0) * (q2 - a * a)) / (p * n)).sqrt();
        let ratio = (auc.upper - auc.lower) / (2.0 * Z * error);
        assert!((0.8..1.25).contains(&ratio), "{ratio}");
    }

    #[test]
    fn intervals_depend_on_the_seed_but_not_on_threads() {
        let rows = calibrated(600);
        let of = |seed, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| summarise_tabular("a", "b", &rows.truth(), &rows.score, seed, 40).unwrap())
        };
        assert_eq!(of(1, 1), of(1, 3));
        assert_ne!(of(1, 1).intervals["auc"], of(2, 1).intervals["auc"]);
    }

    #[test]
    fn without_resamples_an_interval_is_the_value() {
        let summary = summary(&calibrated(100), 0);
        assert!(summary.intervals.values().all(|e| e.lower == e.mean && e.mean == e.upper));
    }

    #[test]
    fn a_summary_of_examples_survives_json_and_one_of_histories_says_nothing_of_domains() {
        let summary = summary(&calibrated(300), 10);
        let json = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<RunSummary>(&json).unwrap(), summary);
        let json = serde_json::to_string(&RunSummary::default()).unwrap();
        assert!(["domains", "reliability", "experts", "work"].iter().all(|key| !json.contains(key)), "{json}");
        assert_eq!(serde_json::from_str::<RunSummary>(&json).unwrap(), RunSummary::default());
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_its_row() {
        let rows = calibrated(10);
        let ask = |change: &dyn Fn(&mut Rows)| {
            let mut rows = calibrated(10);
            change(&mut rows);
            summarise_tabular("a", "b", &rows.truth(), &rows.score, 1, 1).unwrap_err().to_string()
        };
        assert_eq!(ask(&|rows| rows.label[3] = 0.5), "the label of row 3 is 0.5, expected 0 or 1");
        let score = "a gives row 4 the score NaN, expected a probability from 0 to 1";
        assert_eq!(ask(&|rows| rows.score[4] = f32::NAN), score);
        assert_eq!(ask(&|rows| rows.domain[1] = 7), "row 1 is of domain 7, but there are only 3 domains");
        assert_eq!(ask(&|rows| rows.user.truncate(2)), "2 users are given for 10 rows");
        assert_eq!(ask(&|rows| rows.domain.truncate(2)), "2 domains are given for 10 rows");
        assert_eq!(ask(&|rows| rows.score.push(0.0)), "11 scores are given for 10 rows");
        let none = summarise_tabular("a", "b", &Truth::default(), &[], 1, 1);
        assert_eq!((none, rows.label.len()), (Err(TabularEvalError::NoRows), 10));
    }
}
