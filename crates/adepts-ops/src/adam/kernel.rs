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
    let power = |beta: f32| 1.0 - f64::from(beta).powf(time as f64);
    let rate = (f64::from(adam.learning_rate) / power(adam.beta1)) as f32;
    let root = (1.0 / power(adam.beta2)).sqrt() as f32;
    weight
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK)))
        .for_each(|((w, g), (m, v))| update(level, adam, rate, root, w, g, m, v));
}

per_level! {
    fn update(adam: Adam, rate: f32, root: f32, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) = update_body
}

#[inline(always)]
fn update_body<const FMA: bool>(
    adam: Adam,
    rate: f32,
    root: f32,
    w: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    let (a1, a2) = (1.0 - adam.beta1, 1.0 - adam.beta2);
    for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        let g = fma::<FMA>(adam.l2, *w, *g);
        *m = fma::<FMA>(adam.beta1, *m, a1 * g);
        *v = fma::<FMA>(adam.beta2, *v, a2 * (g * g));
        *w -= rate * *m / fma::<FMA>(v.sqrt(), root, adam.epsilon);
    }
}
