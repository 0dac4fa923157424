//! The figures of a run, pooled and by domain, and the same of rows drawn anew.

use rayon::prelude::*;

use crate::bootstrap::percentiles;
use crate::summary::Estimate;

use super::metrics::RowMetric;
use super::rows::{Part, Places, Sample};
use super::truth::Truth;
use super::units::Units;

/// The place of the pooled figure among those of a run.
pub(super) const POOLED: usize = 0;
/// The place of the mean over domains.
pub(super) const MACRO: usize = 1;
/// The place of the mean over domains weighted by their rows.
pub(super) const WEIGHTED: usize = 2;
/// The place of the first domain.
pub(super) const DOMAINS: usize = 3;

/// The rows of a run, pooled and by domain.
pub(super) struct Judged {
    pub(super) pooled: Part,
    pub(super) domains: Vec<Part>,
    sizes: Vec<f64>,
}

impl Judged {
    pub(super) fn of(truth: &Truth<'_>, score: &[f32], places: &Places) -> Self {
        let ranges = || places.start.windows(2).map(|ends| ends[0]..ends[1]);
        Self {
            pooled: Part::of(truth, score, places, 0..truth.rows()),
            domains: ranges().map(|range| Part::of(truth, score, places, range)).collect(),
            sizes: ranges().map(|range| range.len() as f64).collect(),
        }
    }

    /// Each metric pooled, as mean and as weighted mean of the domains, then of each domain; NaN where it is not defined. Means are
    /// over the domains where it is.
    pub(super) fn figures<'m>(
        &self,
        metrics: impl IntoIterator<Item = &'m RowMetric>,
        counts: &[u32],
    ) -> Vec<Vec<f64>> {
        let (pooled, domains) = (self.pooled.sample(counts), self.domains.iter().map(|part| part.sample(counts)));
        let domains: Vec<Sample<'_>> = domains.collect();
        let of_metric = |metric: &RowMetric| {
            let of = |sample: &Sample<'_>| (metric.measure)(sample).unwrap_or(f64::NAN);
            let domains: Vec<f64> = domains.iter().map(of).collect();
            let mean = |weight: &dyn Fn(usize) -> f64| {
                let defined = || (0..domains.len()).filter(|&domain| domains[domain].is_finite());
                let sum: f64 = defined().map(|domain| domains[domain] * weight(domain)).sum();
                sum / defined().map(weight).sum::<f64>()
            };
            let all = [of(&pooled), mean(&|_| 1.0), mean(&|domain| self.sizes[domain])];
            all.into_iter().chain(domains.iter().copied()).collect()
        };
        metrics.into_iter().map(of_metric).collect()
    }
}

/// What `measure` says of the counts of each of `resamples` draws.
///
/// A draw takes as many units as there are, with replacement, as [`Units`] says; there are `rows` rows.
pub(super) fn resampled<T: Send>(
    units: &Units<'_>,
    rows: usize,
    seed: u64,
    resamples: usize,
    measure: impl Fn(&[u32]) -> T + Sync,
) -> Vec<T> {
    let draw = |counts: &mut Vec<u32>, resample: usize| {
        units.draw(seed, resample, counts);
        measure(counts)
    };
    (0..resamples).into_par_iter().map_init(|| vec![0; rows], draw).collect()
}

/// A value with the 2.5 % and the 97.5 % percentile of its resampled values, those left out that are not defined; without any, the
/// interval is the value. `raised` is [`RowMetric::raised_by_noise`].
pub(super) fn estimate(value: f64, resampled: impl Iterator<Item = f64>, raised: bool) -> Estimate {
    let mut values: Vec<f64> = resampled.filter(|value| value.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let rise = if raised { values.iter().sum::<f64>() / values.len() as f64 - value } else { 0.0 };
    match percentiles(&values) {
        Some((lower, upper)) if raised => Estimate { mean: value, lower: (lower - rise).max(0.0), upper: upper - rise },
        Some((lower, upper)) => Estimate { mean: value, lower, upper },
        None => Estimate { mean: value, lower: value, upper: value },
    }
}
