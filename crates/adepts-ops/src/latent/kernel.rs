//! The Gaussian latent of a variational autoencoder, and its divergence from the standard normal.

use rayon::prelude::*;

use crate::buffer::build_chunks;
use crate::level::{Level, per_level};
use crate::math::{exp_any, fma};
pub use crate::normal::Noise;
use crate::normal::ROWS;

/// `z = μ + ε ⊙ exp(½ log σ²)` for rows `[μ | log σ²]`.
///
/// # Shapes
/// h `[R, 2H]` → `[R, H]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn sample(level: Level, h: &[f32], hidden: usize, noise: &Noise) -> Vec<f32> {
    let rows = h.len() / (2 * hidden);
    noise.check(rows, hidden);
    build_chunks(rows * hidden, ROWS * hidden, |chunk, out| {
        let out = out.zero();
        noise.fill(level, chunk, hidden, out);
        perturb(level, out, &h[chunk * ROWS * 2 * hidden..], hidden);
    })
}

/// Gradient of [`sample`] with respect to h, given z: `[R, 2H]`. Uses z − μ = ε exp(½ log σ²).
#[must_use]
pub fn sample_backward(level: Level, h: &[f32], z: &[f32], d_z: &[f32], hidden: usize) -> Vec<f32> {
    build_chunks(h.len(), ROWS * 2 * hidden, |chunk, out| {
        let at = chunk * ROWS * hidden;
        perturb_backward(level, out.zero(), &h[2 * at..], &z[at..], &d_z[at..], hidden);
    })
}

/// KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (σ² + μ² − 1 − log σ²) of each row, in nats.
///
/// # Shapes
/// h `[R, 2H]` → `[R]`.
#[must_use]
pub fn divergence(level: Level, h: &[f32], hidden: usize) -> Vec<f32> {
    h.par_chunks(2 * hidden).map(|row| divergence_row(level, row, hidden)).collect()
}

/// Gradient of [`divergence`] with respect to h: `[R, 2H]`.
#[must_use]
pub fn divergence_backward(level: Level, h: &[f32], d_kl: &[f32], hidden: usize) -> Vec<f32> {
    build_chunks(h.len(), ROWS * 2 * hidden, |chunk, out| {
        divergence_rows_backward(level, out.zero(), &h[chunk * ROWS * 2 * hidden..], &d_kl[chunk * ROWS..], hidden);
    })
}

per_level! {
    fn perturb(out: &mut [f32], h: &[f32], hidden: usize) = perturb_body
}

#[inline(always)]
fn perturb_body<const FMA: bool>(out: &mut [f32], h: &[f32], hidden: usize) {
    for (out, h) in out.chunks_exact_mut(hidden).zip(h.chunks_exact(2 * hidden)) {
        let (mu, log_var) = h.split_at(hidden);
        for j in 0..hidden {
            out[j] = fma::<FMA>(out[j], exp_any::<FMA>(0.5 * log_var[j]), mu[j]);
        }
    }
}

per_level! {
    fn perturb_backward(out: &mut [f32], h: &[f32], z: &[f32], d_z: &[f32], hidden: usize) = perturb_backward_body
}

#[inline(always)]
fn perturb_backward_body<const FMA: bool>(out: &mut [f32], h: &[f32], z: &[f32], d_z: &[f32], hidden: usize) {
    let rows = out.chunks_exact_mut(2 * hidden).zip(h.chunks_exact(2 * hidden));
    for ((out, h), (z, d_z)) in rows.zip(z.chunks_exact(hidden).zip(d_z.chunks_exact(hidden))) {
        let (d_mu, d_log_var) = out.split_at_mut(hidden);
        for j in 0..hidden {
            d_mu[j] = d_z[j];
            d_log_var[j] = 0.5 * d_z[j] * (z[j] - h[j]);
        }
    }
}

per_level! {
    fn divergence_row(h: &[f32], hidden: usize) -> f32 = divergence_row_body
}

/// Independent sums, so that the order of addition does not depend on the instruction set's width.
const LANES: usize = 16;

#[inline(always)]
fn divergence_row_body<const FMA: bool>(h: &[f32], hidden: usize) -> f32 {
    let (mu, log_var) = h.split_at(hidden);
    let mut sums = [0.0f32; LANES];
    let (mu, log_var) = (mu.chunks(LANES), log_var.chunks(LANES));
    for (mu, log_var) in mu.zip(log_var) {
        for (sum, (m, l)) in sums.iter_mut().zip(mu.iter().zip(log_var)) {
            *sum += fma::<FMA>(*m, *m, exp_any::<FMA>(*l)) - 1.0 - l;
        }
    }
    0.5 * sums.iter().sum::<f32>()
}

per_level! {
    fn divergence_rows_backward(out: &mut [f32], h: &[f32], d_kl: &[f32], hidden: usize) = divergence_rows_backward_body
}

#[inline(always)]
fn divergence_rows_backward_body<const FMA: bool>(out: &mut [f32], h: &[f32], d_kl: &[f32], hidden: usize) {
    for ((out, h), d) in out.chunks_exact_mut(2 * hidden).zip(h.chunks_exact(2 * hidden)).zip(d_kl) {
        for j in 0..hidden {
            out[j] = d * h[j];
            out[hidden + j] = 0.5 * d * (exp_any::<FMA>(h[hidden + j]) - 1.0);
        }
    }
}
