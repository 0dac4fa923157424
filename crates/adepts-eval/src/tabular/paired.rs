//! Runs against one of them, over the same draws.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::compare::{ComparedRun, Difference, holm};

use super::resample::{MACRO, POOLED, estimate};
use super::units::{Resampled, Units};

/// Several runs on the same rows against one of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DomainComparison {
    /// What is compared, such as `auc`.
    pub metric: String,
    /// The run that the others are compared with.
    pub baseline: String,
    /// Why it is that one; empty where nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub baseline_reason: String,
    /// The compared rows, in retrieval lists.
    pub rows: usize,
    /// Seed and number of the bootstrap resamples.
    pub bootstrap: (u64, usize),
    /// What they draw.
    pub resampled: Resampled,
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

/// The figures of several runs on the same rows or lists, and of the same drawn anew. By run, then by place: pooled, over domains,
/// and from `first` on the domains.
pub(super) struct Paired<'a> {
    /// What is compared.
    pub(super) metric: String,
    /// The names of the runs.
    pub(super) runs: Vec<&'a str>,
    /// Their figures.
    pub(super) values: Vec<Vec<f64>>,
    /// The same of each draw.
    pub(super) draws: Vec<Vec<Vec<f64>>>,
    /// −1 where less is better.
    pub(super) sign: f64,
    /// The place of the mean over domains weighted by rows, where it is another than the pooled one.
    pub(super) weighted: Option<usize>,
    /// The place of the first domain.
    pub(super) first: usize,
    /// The domains with their rows or lists.
    pub(super) domains: Vec<(&'a str, usize)>,
    /// What was drawn.
    pub(super) units: Units<'a>,
    /// What that is called.
    pub(super) resampled: Resampled,
    /// Seed and number of the draws.
    pub(super) bootstrap: (u64, usize),
}

impl Paired<'_> {
    /// Every run against this one.
    pub(super) fn against(&self, base: usize) -> DomainComparison {
        let used = self.domains.iter().enumerate().filter(|(n, _)| self.values[base][self.first + n].is_finite());
        let mut domains: Vec<ComparedDomain> = used
            .map(|(n, (name, rows))| ComparedDomain {
                name: (*name).to_owned(),
                rows: *rows,
                runs: self.compared(base, self.first + n, self.units.in_domain(n)),
            })
            .collect();
        correct(&mut domains, self.runs.len());
        let all = |place: usize| self.compared(base, place, self.units.len());
        DomainComparison {
            metric: self.metric.clone(),
            baseline: self.runs[base].to_owned(),
            baseline_reason: String::new(),
            rows: self.domains.iter().map(|(_, rows)| rows).sum(),
            bootstrap: self.bootstrap,
            resampled: self.resampled,
            pooled: all(POOLED),
            macro_mean: all(MACRO),
            weighted_mean: self.weighted.map(all).unwrap_or_default(),
            domains,
        }
    }

    /// One figure of every run, which so many units say something about.
    fn compared(&self, base: usize, place: usize, units: usize) -> Vec<ComparedRun> {
        let one = |run: usize| {
            // Adding 0 makes of −0 a 0.
            let of = |figures: &Vec<Vec<f64>>| self.sign * (figures[run][place] - figures[base][place]) + 0.0;
            let difference = (run != base).then(|| {
                let resampled: Vec<f64> = self.draws.iter().map(of).filter(|value| value.is_finite()).collect();
                let mean = of(&self.values);
                let interval = estimate(mean, resampled.iter().copied(), false);
                let p = p(mean, &resampled, units);
                Difference { mean, lower: interval.lower, upper: interval.upper, p, p_holm: None }
            });
            ComparedRun { run: self.runs[run].to_owned(), mean: self.values[run][place], difference }
        };
        (0..self.runs.len()).map(one).collect()
    }
}

/// Corrects the p-values of each run over the domains.
fn correct(domains: &mut [ComparedDomain], runs: usize) {
    for run in 0..runs {
        let mut of_domains: Vec<&mut Difference> =
            domains.iter_mut().filter_map(|domain| domain.runs[run].difference.as_mut()).collect();
        let corrected = holm(&of_domains.iter().map(|difference| difference.p).collect::<Vec<_>>());
        of_domains.iter_mut().zip(corrected).for_each(|(difference, p)| difference.p_holm = Some(p));
    }
}

/// Two-sided p-value of a difference whose resampled values are these, of so many units; 1 where it rests on a single unit, which
/// says nothing of others, or on fewer than two resampled values.
fn p(difference: f64, resampled: &[f64], units: usize) -> f64 {
    let n = resampled.len() as f64;
    if resampled.len() < 2 || units < 2 || difference == 0.0 {
        return 1.0;
    }
    let mean = resampled.iter().sum::<f64>() / n;
    let error = (resampled.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    if error == 0.0 {
        return 0.0;
    }
    // Both tails at once, as the lower one: 1 − cdf would lose every digit of a small p.
    let t = StudentsT::new(0.0, 1.0, (units - 1) as f64);
    t.map_or(1.0, |t| (2.0 * t.cdf(-(difference / error).abs())).min(1.0))
}
