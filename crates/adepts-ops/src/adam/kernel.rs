//! Adam in place, one pass over the parameters.

use rayon::prelude::*;

use crate::level::{Level, per_level};
use crate::math::fma;

/// Settings of Adam (Kingma & Ba 2015) with coupled L2: `l2 · (w − neutral)` is added to the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Coupled weight decay.
    pub l2: f32,
    /// Where weight decay draws to.
    pub neutral: f32,
}

/// The parameters of one task.
const CHUNK: usize = 1 << 14;

/// Update number `time` (from 1), in place.
///
/// # Panics
/// If the slices differ in length.
pub fn step(level: Level, adam: Adam, time: u64, weight: &mut [f32], gradient: &[f32], m: &mut [f32], v: &mut [f32]) {
    let n = weight.len();
    assert!(gradient.len() == n && m.len() == n && v.len() == n, "adam: {n} weights, {} gradients", gradient.len());
    let step = adam.at(time);
    weight
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK)))
        .for_each(|((w, g), (m, v))| update(level, step, w, g, m, v));
}

/// [`Adam`] at one time, with its corrections of the bias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    adam: Adam,
    rate: f32,
    root: f32,
}

impl Adam {
    pub(crate) fn at(self, time: u64) -> Step {
        let power = |beta: f32| 1.0 - f64::from(beta).powf(time as f64);
        let rate = (f64::from(self.learning_rate) / power(self.beta1)) as f32;
        let root = (1.0 / power(self.beta2)).sqrt() as f32;
        Step { adam: self, rate, root }
    }
}

/// What is smaller than this counts as nothing. A weight that only L2 moves, such as that of a unit that no row switches on,
/// would go on shrinking until it and its moments are subnormal, and products with subnormal numbers are many times slower.
/// Beside any usual `epsilon` a gradient of this size moves nothing.
const LEAST_GRADIENT: f32 = 1e-17;
/// The same for the first moment.
const LEAST_FIRST: f32 = 1e-30;
/// The same for the second moment, which holds squares.
const LEAST_SECOND: f32 = 1e-36;

/// `x`, or 0 where it is smaller than `least`; NaN stays.
#[inline(always)]
fn or_none(x: f32, least: f32) -> f32 {
    if x.abs() < least { 0.0 } else { x }
}

per_level! {
    fn update(step: Step, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) = update_body
}

#[inline(always)]
pub(crate) fn update_body<const FMA: bool>(step: Step, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    let Step { adam, rate, root } = step;
    let (a1, a2) = (1.0 - adam.beta1, 1.0 - adam.beta2);
    for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        let g = or_none(fma::<FMA>(adam.l2, *w - adam.neutral, *g), LEAST_GRADIENT);
        *m = or_none(fma::<FMA>(adam.beta1, *m, a1 * g), LEAST_FIRST);
        *v = or_none(fma::<FMA>(adam.beta2, *v, a2 * (g * g)), LEAST_SECOND);
        *w -= rate * *m / fma::<FMA>(v.sqrt(), root, adam.epsilon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_l2_moves_shrinks_but_never_becomes_subnormal() {
        let adam = Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 1e-5, neutral: 0.0 };
        for level in Level::available() {
            let mut weight: Vec<f32> =
                (0..70).map(|i| 0.3 * 0.5f32.powi(i) * if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
            let (mut m, mut v) = (vec![0.0; 70], vec![0.0; 70]);
            for time in 1..=6000 {
                step(level, adam, time, &mut weight, &[0.0; 70], &mut m, &mut v);
                let all = weight.iter().chain(&m).chain(&v);
                assert!(all.clone().all(|x| !x.is_subnormal()), "{}: step {time}", level.name());
            }
            assert!(weight.iter().all(|w| w.abs() < 1e-6), "{}: {weight:?}", level.name());
        }
    }

    #[test]
    fn a_gradient_that_is_no_number_stays_one() {
        let adam = Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 0.0, neutral: 0.0 };
        let (mut weight, mut m, mut v) = ([1.0; 3], [0.0; 3], [0.0; 3]);
        step(Level::best(), adam, 1, &mut weight, &[f32::NAN, 0.0, 1.0], &mut m, &mut v);
        assert!(weight[0].is_nan() && weight[1] == 1.0 && weight[2] < 1.0);
    }
}
