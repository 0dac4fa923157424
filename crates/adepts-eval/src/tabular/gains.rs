//! Is one run better than another, and in which domain? Over the same rows.

use crate::compare::check;
use crate::kinds::Better;
use crate::nearest::nearest;

use super::metrics::{ROW_METRICS, RowMetric};
use super::paired::{DomainComparison, Paired};
use super::resample::{DOMAINS, Judged, POOLED, WEIGHTED, resampled};
use super::rows::Places;
use super::truth::{TabularEvalError, Truth};
use super::units::{Resampled, Units};

/// Compares every run, given by its name and its probabilities of the rows (`[rows]`), with the one called `baseline`.
///
/// A difference is positive where the run is better, also for a loss. Its interval is the percentile bootstrap's: in each resample
/// both runs are measured on the same drawn rows, so that what makes rows easy or hard for all falls out. What is drawn are users
/// with all their rows where `truth` knows them, or else rows. The p-value is that of the difference divided by the standard
/// deviation of the resampled ones, under Student's t distribution with one degree of freedom less than there are users (or rows):
/// unlike a share of resamples it has no smallest step, which matters once it is multiplied by the number of domains. `p_holm` is
/// corrected over the domains; pooled and over domains it is `None`, because each of those is one question.
///
/// # Errors
/// If there are fewer than two runs, no such baseline, two of one name, no such metric or one that is better near 1, if the metric
/// is not defined for the rows, or the rows or scores are wrong as for [`super::summarise_tabular`].
pub fn gains(
    truth: &Truth<'_>,
    runs: &[(String, Vec<f32>)],
    baseline: &str,
    metric: &str,
    seed: u64,
    resamples: usize,
) -> Result<DomainComparison, TabularEvalError> {
    let mut found = gains_against(truth, runs, &[baseline], metric, seed, resamples)?;
    Ok(found.remove(0))
}

/// As [`gains`] with each of several baselines, over the same draws: a comparison for each.
///
/// # Errors
/// As [`gains`].
pub fn gains_against(
    truth: &Truth<'_>,
    runs: &[(String, Vec<f32>)],
    baselines: &[&str],
    metric: &str,
    seed: u64,
    resamples: usize,
) -> Result<Vec<DomainComparison>, TabularEvalError> {
    let metric = comparable(metric)?;
    let bases = baselines.iter().map(|baseline| check(runs, baseline)).collect::<Result<Vec<_>, _>>()?;
    truth.check()?;
    runs.iter().try_for_each(|(name, score)| truth.check_score(name, score))?;
    let places = Places::of(truth);
    let judged: Vec<Judged> = runs.iter().map(|(_, score)| Judged::of(truth, score, &places)).collect();
    let figures =
        |counts: &[u32]| -> Vec<Vec<f64>> { judged.iter().flat_map(|run| run.figures([metric], counts)).collect() };
    let values = figures(&vec![1; truth.rows()]);
    if bases.iter().any(|base| values[*base][POOLED].is_nan()) {
        return Err(TabularEvalError::Undefined {
            metric: metric.about.name.to_owned(),
            by_user: metric.about.within_users,
        });
    }
    let units = Units::of(truth.user, &places);
    let paired = Paired {
        metric: metric.about.name.to_owned(),
        runs: runs.iter().map(|(name, _)| name.as_str()).collect(),
        draws: resampled(&units, truth.rows(), seed, resamples, figures),
        values,
        sign: if metric.about.better == Better::Lower { -1.0 } else { 1.0 },
        weighted: Some(WEIGHTED),
        first: DOMAINS,
        domains: truth
            .domains
            .iter()
            .map(String::as_str)
            .zip(places.start.windows(2).map(|ends| ends[1] - ends[0]))
            .collect(),
        units,
        resampled: if truth.user.is_empty() { Resampled::Rows } else { Resampled::Users },
        bootstrap: (seed, resamples),
    };
    Ok(bases.into_iter().map(|base| paired.against(base)).collect())
}

/// The metric, if more of it or less of it is better.
fn comparable(name: &str) -> Result<&'static RowMetric, TabularEvalError> {
    let all = || ROW_METRICS.iter().filter(|metric| metric.about.better != Better::One);
    let names = || all().map(|metric| metric.about.name);
    all().find(|metric| metric.about.name == name).ok_or_else(|| TabularEvalError::UnknownMetric {
        metric: name.to_owned(),
        suggestion: nearest(name, names()).map(str::to_owned),
        known: names().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use adepts_data::seed;
    use rand_chacha::rand_core::Rng;

    use super::*;
    use crate::compare::Difference;

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

    /// Of 60 users with 20 rows each, all labelled alike, `b` is right about two thirds of the users and `a` about a third.
    fn with_users<T>(use_them: impl FnOnce(&Truth<'_>, &[(String, Vec<f32>)]) -> T) -> T {
        let user: Vec<u32> = (0..ROWS as u32).map(|row| row % 60).collect();
        let label: Vec<f32> = user.iter().map(|user| f32::from(u8::from(user % 2 == 0))).collect();
        let right = |of: fn(u32) -> bool| -> Vec<f32> {
            let score = |(user, label): (&u32, &f32)| if of(*user / 2) { 0.2 + 0.6 * label } else { 0.5 };
            user.iter().zip(&label).map(score).collect()
        };
        let runs = [("a", right(|n| n % 3 == 0)), ("b", right(|n| n % 3 != 0))].map(|(n, s)| (n.to_owned(), s));
        let (domain, domains) = (vec![0; ROWS], ["all".to_owned()]);
        use_them(&Truth { label: &label, user: &user, domain: &domain, domains: &domains }, &runs)
    }

    #[test]
    fn where_users_are_known_they_are_drawn_with_all_their_rows() {
        let of = |users: bool, metric: &str| {
            with_users(|truth, runs| {
                let truth = if users { *truth } else { Truth { user: &[], ..*truth } };
                gains(&truth, runs, "a", metric, 1, 1000).unwrap()
            })
        };
        let (rows, users) = (of(false, "log_loss"), of(true, "log_loss"));
        assert_eq!((rows.resampled, users.resampled), (Resampled::Rows, Resampled::Users));
        let [rows, users] = [rows, users].map(|found| found.pooled[1].difference.unwrap());
        assert_eq!(rows.mean, users.mean);
        // 60 users of 20 equal rows each know as much as 60 rows: the interval is √20 times as wide.
        let ratio = (users.upper - users.lower) / (rows.upper - rows.lower);
        assert!((ratio / 20f64.sqrt() - 1.0).abs() < 0.1, "{ratio}");
        assert!(rows.p < 1e-9 && users.p > 1e-4 && users.p < 0.2, "{rows:?} {users:?}");
    }

    #[test]
    fn a_single_user_establishes_nothing() {
        let found = with_users(|truth, runs| {
            let user = vec![3; ROWS];
            gains(&Truth { user: &user, ..*truth }, runs, "a", "auc", 1, 50).unwrap()
        });
        let difference = found.domains[0].runs[1].difference.unwrap();
        assert!(difference.mean > 0.0);
        assert_eq!((difference.p, difference.p_holm), (1.0, Some(1.0)));
    }

    #[test]
    fn several_baselines_get_what_each_gets_alone() {
        with_runs(|truth, runs| {
            let both = gains_against(truth, runs, &["a", "b"], "auc", 1, 50).unwrap();
            let alone = ["a", "b"].map(|base| gains(truth, runs, base, "auc", 1, 50).unwrap());
            assert_eq!(both, alone);
        });
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
                "tabular runs cannot be compared by `acu` (did you mean `auc`?); there are auc, gauc, log_loss, ece";
            assert_eq!(ask(runs, "a", "acu"), metric);
            assert!(ask(runs, "a", "predicted_over_observed").starts_with("tabular runs cannot be compared by"));
            let undefined =
                "`gauc` is not defined for these rows: it needs labels of both kinds in the rows of one user";
            assert_eq!(ask(runs, "a", "gauc"), undefined);
            let score = ask(&[runs[0].clone(), ("x".into(), vec![2.0; ROWS])], "a", "auc");
            assert_eq!(score, "x gives row 0 the score 2, expected a probability from 0 to 1");
        });
    }
}
