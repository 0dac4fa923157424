//! Is one run better than another, and in which domain? Over the same rows.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::compare::{ComparedRun, Difference, holm};
use crate::nearest::nearest;

use super::metrics::{Better, POINTWISE_METRICS, PointwiseMetric};
use super::resample::{DOMAINS, Judged, MACRO, POOLED, WEIGHTED, estimate, resampled};
use super::rows::Places;
use super::truth::{PointwiseError, Truth};

/// Several runs on the same rows against one of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DomainComparison {
    /// What is compared, such as `auc`.
    pub metric: String,
    /// The run that the others are compared with.
    pub baseline: String,
    /// The compared rows.
    pub rows: usize,
    /// Seed and number of the bootstrap resamples.
    pub bootstrap: (u64, usize),
    /// Every run by all rows pooled.
    pub pooled: Vec<ComparedRun>,
    /// By the mean over domains.
    pub macro_mean: Vec<ComparedRun>,
    /// By the mean over domains weighted by rows; empty in retrieval, where that is the pooled mean.
    pub weighted_mean: Vec<ComparedRun>,
    /// The domains in which the metric is defined.
    pub domains: Vec<ComparedDomain>,
}

/// The runs in one domain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedDomain {
    /// The domain.
    pub name: String,
    /// Its rows.
    pub rows: usize,
    /// Every run, in the order given.
    pub runs: Vec<ComparedRun>,
}

/// Compares every run, given by its name and its probabilities of the rows (`[rows]`), with the one called `baseline`.
///
/// A difference is positive where the run is better, also for a loss. Its interval is the percentile bootstrap's: in each resample
/// both runs are measured on the same drawn rows, so that what makes rows easy or hard for all falls out. The p-value is that of the
/// difference divided by the standard deviation of the resampled ones, under the normal distribution: unlike a share of resamples it
/// has no smallest step, which matters once it is multiplied by the number of domains. `p_holm` is corrected over the domains;
/// pooled and over domains it is `None`, because each of those is one question.
///
/// # Errors
/// If there are fewer than two runs, no such baseline, two of one name, no such metric or one that is better near 1, if the metric
/// is not defined for the rows, or the rows or scores are wrong as for [`super::summarise_examples`].
pub fn gains(
    truth: &Truth<'_>,
    runs: &[(String, Vec<f32>)],
    baseline: &str,
    metric: &str,
    seed: u64,
    resamples: usize,
) -> Result<DomainComparison, PointwiseError> {
    let metric = comparable(metric)?;
    let base = check(runs, baseline)?;
    truth.check()?;
    runs.iter().try_for_each(|(name, score)| truth.check_score(name, score))?;
    let places = Places::of(truth);
    let judged: Vec<Judged> = runs.iter().map(|(_, score)| Judged::of(truth, score, &places)).collect();
    let figures =
        |counts: &[u32]| -> Vec<Vec<f64>> { judged.iter().flat_map(|run| run.figures([metric], counts)).collect() };
    let values = figures(&vec![1; truth.rows()]);
    if values[base][POOLED].is_nan() {
        return Err(PointwiseError::Undefined { metric: metric.name.to_owned(), by_user: metric.name == "gauc" });
    }
    let draws = resampled(&places, seed, resamples, figures);
    let sign = if metric.better == Better::Lower { -1.0 } else { 1.0 };
    let compared = |place: usize| -> Vec<ComparedRun> {
        let one = |run: usize| {
            let of = |figures: &Vec<Vec<f64>>| sign * (figures[run][place] - figures[base][place]);
            let difference = (run != base).then(|| {
                let resampled: Vec<f64> = draws.iter().map(of).filter(|value| value.is_finite()).collect();
                let mean = of(&values);
                let interval = estimate(mean, resampled.iter().copied(), false);
                Difference { mean, lower: interval.lower, upper: interval.upper, p: p(mean, &resampled), p_holm: None }
            });
            ComparedRun { run: runs[run].0.clone(), mean: values[run][place], difference }
        };
        (0..runs.len()).map(one).collect()
    };
    let defined = (0..truth.domains.len()).filter(|domain| values[base][DOMAINS + domain].is_finite());
    let mut domains: Vec<ComparedDomain> = defined
        .map(|domain| ComparedDomain {
            name: truth.domains[domain].clone(),
            rows: places.start[domain + 1] - places.start[domain],
            runs: compared(DOMAINS + domain),
        })
        .collect();
    correct(&mut domains, runs.len());
    Ok(DomainComparison {
        metric: metric.name.to_owned(),
        baseline: baseline.to_owned(),
        rows: truth.rows(),
        bootstrap: (seed, resamples),
        pooled: compared(POOLED),
        macro_mean: compared(MACRO),
        weighted_mean: compared(WEIGHTED),
        domains,
    })
}

/// Corrects the p-values of each run over the domains.
pub(super) fn correct(domains: &mut [ComparedDomain], runs: usize) {
    for run in 0..runs {
        let mut of_domains: Vec<&mut Difference> =
            domains.iter_mut().filter_map(|domain| domain.runs[run].difference.as_mut()).collect();
        let corrected = holm(&of_domains.iter().map(|difference| difference.p).collect::<Vec<_>>());
        of_domains.iter_mut().zip(corrected).for_each(|(difference, p)| difference.p_holm = Some(p));
    }
}

/// The metric, if more of it or less of it is better.
fn comparable(name: &str) -> Result<&'static PointwiseMetric, PointwiseError> {
    let all = || POINTWISE_METRICS.iter().filter(|metric| metric.better != Better::One);
    let names = || all().map(|metric| metric.name);
    all().find(|metric| metric.name == name).ok_or_else(|| PointwiseError::UnknownMetric {
        metric: name.to_owned(),
        suggestion: nearest(name, names()).map(str::to_owned),
        known: names().map(str::to_owned).collect(),
    })
}

/// The position of the baseline.
pub(super) fn check<T>(runs: &[(String, T)], baseline: &str) -> Result<usize, PointwiseError> {
    let names = || runs.iter().map(|(name, _)| name.as_str());
    if runs.len() < 2 {
        return Err(PointwiseError::TooFewRuns { runs: runs.len() });
    }
    if let Some(run) = names().enumerate().find_map(|(i, name)| names().take(i).any(|n| n == name).then_some(name)) {
        return Err(PointwiseError::DuplicateRun { run: run.to_owned() });
    }
    names().position(|name| name == baseline).ok_or_else(|| PointwiseError::UnknownBaseline {
        baseline: baseline.to_owned(),
        suggestion: nearest(baseline, names()).map(str::to_owned),
        runs: names().map(str::to_owned).collect(),
    })
}

/// Two-sided p-value of a difference whose resampled values are these; 1 without at least two of them.
pub(super) fn p(difference: f64, resampled: &[f64]) -> f64 {
    let n = resampled.len() as f64;
    if resampled.len() < 2 || difference == 0.0 {
        return 1.0;
    }
    let mean = resampled.iter().sum::<f64>() / n;
    let error = (resampled.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    if error == 0.0 {
        return 0.0;
    }
    // Both tails at once, as the lower one: 1 − cdf would lose every digit of a small p.
    (2.0 * Normal::standard().cdf(-(difference / error).abs())).min(1.0)
}

#[cfg(test)]
mod tests {
    use adepts_data::seed;
    use rand_chacha::rand_core::Rng;

    use super::*;

    const ROWS: usize = 1200;

    /// Two domains; `b` knows the labels of the second one better than `a`, `c` is `a`.
    fn with_runs<T>(use_them: impl FnOnce(&Truth<'_>, &[(String, Vec<f32>)]) -> T) -> T {
        let mut random = seed::stream(8, "runs", &[]);
        let mut next = || (f64::from(random.next_u32()) / 2f64.powi(32)) as f32;
        let domain: Vec<u32> = (0..ROWS as u32).map(|row| row % 2).collect();
        let label: Vec<f32> = (0..ROWS).map(|_| f32::from(u8::from(next() < 0.4))).collect();
        let a: Vec<f32> = label.iter().map(|label| 0.3 * label + 0.7 * next()).collect();
        let better = |row: usize| (a[row] + 0.3 * (label[row] - 0.5) * domain[row] as f32).clamp(0.0, 1.0);
        let b = (0..ROWS).map(better).collect();
        let domains = ["first", "second"].map(String::from);
        let truth = Truth { label: &label, user: &[], domain: &domain, domains: &domains };
        let runs = [("a", a.clone()), ("b", b), ("c", a.clone())].map(|(name, score)| (name.to_owned(), score));
        use_them(&truth, &runs)
    }

    #[test]
    fn a_gain_shows_in_the_domain_that_has_it() {
        let found = with_runs(|truth, runs| gains(truth, runs, "a", "auc", 1, 400).unwrap());
        let of = |domain: usize| found.domains[domain].runs[1].difference.unwrap();
        assert_eq!((found.rows, found.domains[0].rows, &*found.domains[1].name), (ROWS, 600, "second"));
        assert_eq!((of(0).mean, of(0).p, of(0).p_holm), (0.0, 1.0, Some(1.0)));
        assert!(of(1).lower > 0.0 && of(1).mean < of(1).upper && of(1).p < 1e-6, "{:?}", of(1));
        assert_eq!(of(1).p_holm, Some(2.0 * of(1).p));
        let macro_mean = found.macro_mean[1].difference.unwrap();
        assert!((macro_mean.mean - 0.5 * of(1).mean).abs() < 1e-12 && macro_mean.p_holm.is_none());
        assert!(found.pooled[1].difference.unwrap().mean > 0.0 && found.pooled[0].difference.is_none());
        let same = found.pooled[2].difference.unwrap();
        assert_eq!(same, Difference { mean: 0.0, lower: 0.0, upper: 0.0, p: 1.0, p_holm: None });
    }

    #[test]
    fn a_smaller_loss_is_a_gain() {
        let found = with_runs(|truth, runs| gains(truth, runs, "b", "log_loss", 1, 100).unwrap());
        let worse = &found.domains[1].runs[0];
        assert!(worse.mean > found.domains[1].runs[1].mean && worse.difference.unwrap().upper < 0.0);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        with_runs(|truth, runs| {
            let ask = |runs: &[(String, Vec<f32>)], baseline: &str, metric: &str| {
                gains(truth, runs, baseline, metric, 1, 10).unwrap_err().to_string()
            };
            assert_eq!(ask(&runs[..1], "a", "auc"), "a comparison needs at least two runs, not 1");
            assert_eq!(ask(&[runs[0].clone(), runs[0].clone()], "a", "auc"), "two of the runs are called `a`");
            let unknown = "no run is called `B` (did you mean `b`?); there are a, b, c";
            assert_eq!(ask(runs, "B", "auc"), unknown);
            let metric =
                "examples cannot be compared by `acu` (did you mean `auc`?); there are auc, gauc, log_loss, ece";
            assert_eq!(ask(runs, "a", "acu"), metric);
            assert!(ask(runs, "a", "predicted_over_observed").starts_with("examples cannot be compared by"));
            let undefined =
                "`gauc` is not defined for these rows: it needs labels of both kinds in the rows of one user";
            assert_eq!(ask(runs, "a", "gauc"), undefined);
            let score = ask(&[runs[0].clone(), ("x".into(), vec![2.0; ROWS])], "a", "auc");
            assert_eq!(score, "x gives row 0 the score 2, expected a probability from 0 to 1");
        });
    }
}
