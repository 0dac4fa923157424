//! Statistics of dense fields, from the training rows, and what is made of a number with them.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::Transform;
use crate::seed;

/// Values that are kept for quantiles: of a longer training part they are a sample, drawn from the seed.
const SAMPLE: usize = 1 << 20;
/// Values that are kept to see which others lie far off.
const TYPICAL: usize = 1 << 14;
/// A value that lies so many times the distance of the quartiles beyond them is far off.
const FAR: f64 = 1e4;
/// Up to this share, values that are far off are taken for mistakes.
const FEW: f64 = 0.01;
/// What is larger than this is no quantity of a log, but a mark, such as the largest 32-bit or 64-bit float for "missing".
pub(super) const LARGEST: f64 = 1e30;

/// Mean and variance of a stream of numbers (Welford 1962), how many there were, and the least and the largest.
#[derive(Clone, Debug)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
    least: f64,
    most: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { count: 0, mean: 0.0, squares: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY }
    }
}

impl Moments {
    fn note(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    /// With the numbers of another (Chan, Golub and `LeVeque` 1983).
    fn with(mut self, other: &Self) -> Self {
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let (all, apart) = ((ours + theirs).max(1.0), other.mean - self.mean);
        self.mean += apart * theirs / all;
        self.squares += other.squares + apart * apart * ours * theirs / all;
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self
    }

    /// Mean, standard deviation and range; 0 and 1 without values, and a deviation of 1 where all values are the same.
    fn finish(&self) -> Standard {
        let deviation = (self.squares / self.count.max(1) as f64).sqrt();
        Standard {
            mean: self.mean,
            deviation: if deviation > 0.0 { deviation } else { 1.0 },
            range: (self.count > 0).then_some((self.least, self.most)),
        }
    }
}

/// What numbers are standardised by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standard {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// The least and the largest number; `None` without any.
    pub(super) range: Option<(f64, f64)>,
}

/// Mean, deviation and range of a stream of numbers, but for those that are so far off that they cannot be meant: a single mark for
/// "missing", such as the largest float, would make the deviation so large that no other number told anything.
pub(super) struct Spread {
    all: Moments,
    /// The same by sign and exponent, so that what is far off can be left out when the others are known.
    by_size: BTreeMap<(bool, u64), Moments>,
    typical: Sample,
}

impl Spread {
    /// `field` is the place of the field among the dense ones.
    pub(super) fn new(seed: u64, field: usize) -> Self {
        let stream = seed::stream(seed, "examples range", &[field as u64]);
        let typical = Sample { values: Vec::new(), seen: 0, stream, most: TYPICAL };
        Self { all: Moments::default(), by_size: BTreeMap::new(), typical }
    }

    pub(super) fn note(&mut self, value: f64) {
        self.all.note(value);
        self.by_size.entry((value < 0.0, value.abs().to_bits() >> 52)).or_default().note(value);
        self.typical.note(value);
    }

    /// What the numbers are standardised by, or, where too many are too large, the one that is furthest off.
    pub(super) fn finish(self) -> Result<Standard, f64> {
        let Self { all, by_size, typical } = self;
        let (low, high) = typical.limits();
        let is_far = |of: &Moments| of.mean < low || of.mean > high;
        let far: u64 = by_size.values().filter(|of| is_far(of)).map(|of| of.count).sum();
        let few = far as f64 <= FEW * all.count as f64;
        let left_out = |of: &Moments| is_far(of) && (few || of.mean.abs() > LARGEST);
        // Where nothing is left out, the figures are those of the stream as it came.
        let kept = if by_size.values().any(left_out) {
            by_size.values().filter(|of| !left_out(of)).fold(Moments::default(), Moments::with)
        } else {
            all
        };
        let furthest = if kept.most.abs() > kept.least.abs() { kept.most } else { kept.least };
        if kept.count > 0 && furthest.abs() > LARGEST { Err(furthest) } else { Ok(kept.finish()) }
    }
}

/// A uniform sample of a stream of numbers (reservoir sampling, Vitter's algorithm R).
pub(super) struct Sample {
    values: Vec<f64>,
    seen: u64,
    stream: ChaCha8Rng,
    /// How many are kept.
    most: usize,
}

impl Sample {
    /// `field` is the place of the field among the dense ones.
    pub(super) fn new(seed: u64, field: usize) -> Self {
        let stream = seed::stream(seed, "examples quantiles", &[field as u64]);
        Self { values: Vec::new(), seen: 0, stream, most: SAMPLE }
    }

    /// Between which bounds values are not far off: as wide as the quartiles, or where those are equal wider quantiles, are apart.
    fn limits(mut self) -> (f64, f64) {
        self.values.sort_unstable_by(f64::total_cmp);
        let Some(last) = self.values.len().checked_sub(1) else { return (f64::NEG_INFINITY, f64::INFINITY) };
        let at = |share: f64| self.values[(share * last as f64).round() as usize];
        let pairs = [0.25, 0.1, 0.05, 0.01, 0.001].map(|share| (at(share), at(1.0 - share)));
        let (low, high) = pairs.into_iter().find(|(low, high)| high > low).unwrap_or(pairs[0]);
        let apart = if high > low { high - low } else { high.abs().max(1.0) };
        (low - FAR * apart, high + FAR * apart)
    }

    pub(super) fn note(&mut self, value: f64) {
        self.seen += 1;
        if self.values.len() < self.most {
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
        let Standard { mean, deviation, range } =
            spread([4.0, 7.0, 13.0, 16.0].map(|value| 1e9 + value).into_iter()).unwrap();
        assert_eq!((mean, range), (1e9 + 10.0, Some((1e9 + 4.0, 1e9 + 16.0))));
        assert!((deviation - 22.5_f64.sqrt()).abs() < 1e-9);
        assert_eq!(spread(std::iter::empty()), Ok(Standard { mean: 0.0, deviation: 1.0, range: None }));
        assert_eq!(spread([3.0; 9].into_iter()), Ok(Standard { mean: 3.0, deviation: 1.0, range: Some((3.0, 3.0)) }));
    }

    fn spread(values: impl Iterator<Item = f64>) -> Result<Standard, f64> {
        let mut spread = Spread::new(1, 0);
        values.for_each(|value| spread.note(value));
        spread.finish()
    }

    #[test]
    fn a_few_numbers_that_cannot_be_meant_are_left_out_and_large_ones_that_can_are_not() {
        let prices = || (0..600).map(|n| f64::from(n % 40));
        let plain = spread(prices()).unwrap();
        assert_eq!(plain.range, Some((0.0, 39.0)));
        for mark in [f64::MAX, f64::MIN, 1e300, f64::from(f32::MAX), 9.2e18, -2_147_483_648.0, 999_999_999.0] {
            let found = spread(prices().chain([mark])).unwrap();
            assert_eq!(found.range, plain.range, "{mark}");
            assert!((found.mean - plain.mean).abs() < 1e-9 && (found.deviation - plain.deviation).abs() < 1e-9);
        }
        // Marks in a tenth of the rows are many, and as large as this they are marks all the same.
        let tenth = spread(prices().chain([f64::MAX; 60])).unwrap();
        assert_eq!(tenth.range, plain.range);
        // Squares that differ by a lot are no marks, nor are a tenth of the values that are large.
        assert_eq!(spread((0..600).map(|n| f64::from(n * n))).unwrap().range, Some((0.0, 358_801.0)));
        assert_eq!(spread(prices().chain([1e9; 60])).unwrap().range, Some((0.0, 1e9)));
        assert_eq!(spread((0..600).map(|n| if n == 7 { 1e308 } else { 0.0 })).unwrap().range, Some((0.0, 0.0)));
        assert_eq!(spread(prices().chain([f64::MAX; 900])), Err(f64::MAX), "no number stands out");
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
