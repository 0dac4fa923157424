//! The Gaussian latent of a variational autoencoder, and its divergence from the standard normal.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::buffer::build_chunks;
use crate::level::{Level, per_level};
use crate::math::{exp_any, fma, ln, sin_cos_turn};

/// Rows of one task, and of one random stream.
const ROWS: usize = 128;

/// Where the noise of the reparameterisation comes from.
#[derive(Clone, Debug)]
pub enum Noise {
    /// ε ~ N(0, scale²), a ChaCha8 stream of this key for each 128 rows.
    Drawn {
        /// Key of the streams.
        key: [u8; 32],
        /// Standard deviation.
        scale: f32,
    },
    /// ε as given, `[R, H]`.
    Given(std::sync::Arc<Vec<f32>>),
}

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
    if let Noise::Given(eps) = noise {
        assert_eq!(eps.len(), rows * hidden, "latent: noise [{rows}, {hidden}]");
    }
    build_chunks(rows * hidden, ROWS * hidden, |chunk, out| {
        let out = out.zero();
        match noise {
            Noise::Given(eps) => out.copy_from_slice(&eps[chunk * ROWS * hidden..][..out.len()]),
            Noise::Drawn { key, scale } => draw_normal(level, *key, chunk as u64, *scale, out),
        }
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

/// Fills `out` with N(0, scale²) from stream `stream` of `key`: Box–Muller over 24-bit uniforms.
fn draw_normal(level: Level, key: [u8; 32], stream: u64, scale: f32, out: &mut [f32]) {
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(stream);
    let mut words = [0u32; 2 * PAIRS];
    for out in out.chunks_mut(2 * PAIRS) {
        for word in &mut words {
            *word = random.next_u32();
        }
        box_muller(level, &words, scale, out);
    }
}

/// Pairs of normals of one round.
const PAIRS: usize = 32;

per_level! {
    fn box_muller(words: &[u32; 2 * PAIRS], scale: f32, out: &mut [f32]) = box_muller_body
}

#[inline(always)]
fn box_muller_body<const FMA: bool>(words: &[u32; 2 * PAIRS], scale: f32, out: &mut [f32]) {
    const UNIT: f32 = 1.0 / 16_777_216.0;
    let mut normals = [0.0f32; 2 * PAIRS];
    let (sines, cosines) = normals.split_at_mut(PAIRS);
    for j in 0..PAIRS {
        // In (0, 1], so that the logarithm is finite; and in [0, 1).
        let u = ((words[j] >> 8) + 1) as f32 * UNIT;
        let t = (words[PAIRS + j] >> 8) as f32 * UNIT;
        let radius = scale * (-2.0 * ln::<FMA>(u)).max(0.0).sqrt();
        let (s, c) = sin_cos_turn::<FMA>(t);
        sines[j] = radius * s;
        cosines[j] = radius * c;
    }
    out.copy_from_slice(&normals[..out.len()]);
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
