//! Statistics of dense fields, from the training rows, and what is made of a number with them.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::Transform;
use crate::seed;

/// Values that are kept for quantiles: of a longer training part they are a sample, drawn from the seed.
const SAMPLE: usize = 1 << 20;

/// Mean and variance of a stream of numbers (Welford 1962), and how many there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub(super) fn note(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// Mean and standard deviation; 0 and 1 without values, and a deviation of 1 where all values are the same.
    pub(super) fn finish(&self) -> (f64, f64) {
        let deviation = (self.squares / self.count.max(1) as f64).sqrt();
        (self.mean, if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 })
    }
}

/// A uniform sample of a stream of numbers (reservoir sampling, Vitter's algorithm R).
pub(super) struct Sample {
    values: Vec<f64>,
    seen: u64,
    stream: ChaCha8Rng,
}

impl Sample {
    /// `field` is the place of the field among the dense ones.
    pub(super) fn new(seed: u64, field: usize) -> Self {
        let stream = seed::stream(seed, "examples quantiles", &[field as u64]);
        Self { values: Vec::new(), seen: 0, stream }
    }

    pub(super) fn note(&mut self, value: f64) {
        self.seen += 1;
        if self.values.len() < SAMPLE {
            self.values.push(value);
        } else {
            let place = self.stream.random_range(0..self.seen);
            if let Some(slot) = usize::try_from(place).ok().and_then(|place| self.values.get_mut(place)) {
                *slot = value;
            }
        }
    }

    /// The bounds between at most `ranges` ranges of about equal counts, ascending; equal values share a range.
    pub(super) fn finish(mut self, ranges: usize) -> Vec<f64> {
        self.values.sort_unstable_by(f64::total_cmp);
        let n = self.values.len();
        let Some(&least) = self.values.first() else { return Vec::new() };
        let mut bounds: Vec<f64> = (1..ranges).map(|nth| self.values[nth * n / ranges]).collect();
        bounds.dedup();
        // Nothing lies below the least value.
        bounds.retain(|bound| *bound > least);
        bounds
    }
}

/// The code of the range in which a number lies, from 1.
pub(super) fn range(value: f64, bounds: &[f64]) -> u32 {
    1 + bounds.partition_point(|bound| *bound <= value) as u32
}

/// What a transform makes of a number before it is standardised.
pub(super) fn transformed(value: f64, transform: Transform) -> f64 {
    match transform {
        Transform::Log => value.abs().ln_1p().copysign(value),
        Transform::Standard | Transform::Quantile => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_those_of_the_numbers() {
        let mut moments = Moments::default();
        for value in [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0] {
            moments.note(value);
        }
        let (mean, deviation) = moments.finish();
        assert_eq!(mean, 1e9 + 10.0);
        assert!((deviation - 22.5_f64.sqrt()).abs() < 1e-9);
        assert_eq!(Moments::default().finish(), (0.0, 1.0));
    }

    #[test]
    fn quantiles_cut_into_ranges_of_equal_counts_and_equal_values_share_one() {
        let mut sample = Sample::new(1, 0);
        (0..100).rev().for_each(|v| sample.note(f64::from(v)));
        let bounds = sample.finish(4);
        assert_eq!(bounds, [25.0, 50.0, 75.0]);
        assert_eq!([-9.0, 0.0, 24.9, 25.0, 75.0, 1e9].map(|v| range(v, &bounds)), [1, 1, 1, 2, 4, 4]);
        let mut sample = Sample::new(1, 0);
        (0..100).for_each(|v| sample.note(if v < 90 { 0.0 } else { 5.0 }));
        assert_eq!(sample.finish(16), [5.0]);
    }

    #[test]
    fn logarithms_keep_the_sign_and_take_zero() {
        assert_eq!(transformed(0.0, Transform::Log), 0.0);
        assert_eq!(transformed(-7.0, Transform::Log), -transformed(7.0, Transform::Log));
        assert_eq!(transformed(7.0, Transform::Log), 8.0_f64.ln());
    }
}
