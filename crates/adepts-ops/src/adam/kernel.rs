//! Adam in place, one pass over the parameters.

use rayon::prelude::*;

use crate::level::{Level, per_level};
use crate::math::fma;

/// Settings of Adam (Kingma & Ba 2015) with coupled L2: `l2 · w` is added to the gradient.
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

per_level! {
    fn update(step: Step, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) = update_body
}

#[inline(always)]
pub(crate) fn update_body<const FMA: bool>(step: Step, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    let Step { adam, rate, root } = step;
    let (a1, a2) = (1.0 - adam.beta1, 1.0 - adam.beta2);
    for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        let g = fma::<FMA>(adam.l2, *w, *g);
        *m = fma::<FMA>(adam.beta1, *m, a1 * g);
        *v = fma::<FMA>(adam.beta2, *v, a2 * (g * g));
        *w -= rate * *m / fma::<FMA>(v.sqrt(), root, adam.epsilon);
    }
}
