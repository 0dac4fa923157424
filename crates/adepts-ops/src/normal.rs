//! Normal numbers, drawn by all threads: each block of rows has a random stream of its own.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::buffer::build_chunks;
use crate::level::{Level, per_level};
use crate::math::{ln, sin_cos_turn};

/// Rows of one random stream.
pub(crate) const ROWS: usize = 128;

/// Where noise comes from.
#[derive(Clone, Debug)]
pub enum Noise {
    /// ε ~ N(0, scale²), a ChaCha8 stream of this key for each 128 rows.
    Drawn {
        /// Key of the streams.
        key: [u8; 32],
        /// Standard deviation.
        scale: f32,
    },
    /// ε as given, `[R, width]`.
    Given(Arc<Vec<f32>>),
}

/// ε of all rows: `[R, width]`. The noise of a row does not depend on the number of rows.
///
/// # Panics
/// If given noise is of another size.
#[must_use]
pub fn draw(level: Level, noise: &Noise, rows: usize, width: usize) -> Vec<f32> {
    noise.check(rows, width);
    build_chunks(rows * width, ROWS * width, |chunk, out| noise.fill(level, chunk, width, out.zero()))
}

impl Noise {
    /// Panics if given noise is of another size.
    pub(crate) fn check(&self, rows: usize, width: usize) {
        if let Self::Given(eps) = self {
            assert_eq!(eps.len(), rows * width, "noise [{rows}, {width}]");
        }
    }

    /// Fills `out` with ε of the rows from `chunk · ROWS` on.
    pub(crate) fn fill(&self, level: Level, chunk: usize, width: usize, out: &mut [f32]) {
        match self {
            Self::Given(eps) => out.copy_from_slice(&eps[chunk * ROWS * width..][..out.len()]),
            Self::Drawn { key, scale } => draw_stream(level, *key, chunk as u64, *scale, out),
        }
    }
}

/// Fills `out` with N(0, scale²) from stream `stream` of `key`: Box–Muller over 24-bit uniforms.
fn draw_stream(level: Level, key: [u8; 32], stream: u64, scale: f32, out: &mut [f32]) {
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
