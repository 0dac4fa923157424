//! Normalisation by mean and variance of the rows of each group, and its gradient: what [`crate::normed_bank`] and
//! [`crate::partitioned_norm`] have in common.

use rayon::prelude::*;

use crate::buffer::build_parts;
use crate::expert_bank::routes::{Piece, Routes};
use crate::level::{Level, per_level};
use crate::math::fma;
use crate::rows::add_rows;

/// Means and variances of the rows of each group (those that meet an expert, those of a domain).
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// The mean over the rows of each group, `[G, width]`; 0 where there is none.
    pub mean: Vec<f32>,
    /// The same of the squared distance from the mean.
    pub variance: Vec<f32>,
    /// How many rows each group has.
    pub counts: Vec<f32>,
}

/// What rows are multiplied with and shifted by after they were normalised, each `[G, width]`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// γ.
    pub scale: &'a [f32],
    /// β.
    pub shift: &'a [f32],
}

/// What the backward pass needs.
#[derive(Debug)]
pub(crate) struct Normed {
    /// `(h − mean) / √(variance + ε)`, `[P, width]`.
    values: Vec<f32>,
    /// `1 / √(variance + ε)`, `[G, width]`.
    inverse: Vec<f32>,
}

/// Adds up what `add` adds for each piece, per group, `[G, width]`. The order depends on the pieces alone.
fn sums(groups: usize, width: usize, pieces: &[Piece], add: impl Fn(&mut [f32], Piece) + Sync) -> Vec<f32> {
    let of_piece = |piece: &Piece| {
        let mut sum = vec![0.0; width];
        add(&mut sum, *piece);
        sum
    };
    let of_pieces: Vec<Vec<f32>> = pieces.par_iter().map(of_piece).collect();
    let mut sums = vec![0.0; groups * width];
    for (piece, of_piece) in pieces.iter().zip(of_pieces) {
        sums[piece.expert * width..][..width].iter_mut().zip(of_piece).for_each(|(sum, more)| *sum += more);
    }
    sums
}

/// The statistics of h, `[P, width]`.
pub(crate) fn statistics(level: Level, routes: &Routes, pieces: &[Piece], h: &[f32], width: usize) -> Statistics {
    let groups = routes.experts();
    let counts: Vec<f32> = routes.starts.windows(2).map(|ends| (ends[1] - ends[0]) as f32).collect();
    let mean_of = |mut sums: Vec<f32>| {
        for (sums, count) in sums.chunks_exact_mut(width).zip(&counts) {
            for sum in sums {
                *sum /= count.max(1.0);
            }
        }
        sums
    };
    let rows = |piece: Piece| &h[piece.from * width..piece.to * width];
    let mean = mean_of(sums(groups, width, pieces, |sum, piece| add_rows(level, sum, rows(piece))));
    let variance = mean_of(sums(groups, width, pieces, |sum, piece| {
        add_squares(level, sum, rows(piece), &mean[piece.expert * width..][..width]);
    }));
    Statistics { mean, variance, counts }
}

/// Normalises h, `[P, width]`, scales and shifts it, and where wanted cuts off what is below 0.
pub(crate) fn forward(
    level: Level,
    pieces: &[Piece],
    h: &[f32],
    found: &Statistics,
    epsilon: f32,
    norm: Norm<'_>,
    relu: bool,
) -> (Vec<f32>, Normed) {
    let width = found.mean.len().checked_div(found.counts.len()).unwrap_or(0);
    let inverse: Vec<f32> = found.variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
    let sizes = vec![pieces.iter().map(|p| (p.to - p.from) * width).collect::<Vec<_>>(); 2];
    let mut built = build_parts(&sizes, |nth, mut places| {
        let Piece { expert, from, to } = pieces[nth];
        let mut next = || places.next().expect("two places");
        let (values, out) = (next().repeat(&h[from * width..to * width]), next().zero());
        let [mean, inverse, scale, shift] =
            [&found.mean, &inverse, norm.scale, norm.shift].map(|all| &all[expert * width..][..width]);
        normalise(level, values, out, mean, inverse, scale, shift, relu);
    });
    let out = built.pop().unwrap_or_default();
    (out, Normed { values: built.pop().unwrap_or_default(), inverse })
}

/// The gradients before the normalisation, `[P, width]`, of the scale and of the shift, from that behind scale and shift.
pub(crate) fn backward(
    level: Level,
    routes: &Routes,
    pieces: &[Piece],
    normed: &Normed,
    gamma: &[f32],
    d: &[f32],
) -> [Vec<f32>; 3] {
    let (groups, Normed { values, inverse }) = (routes.experts(), normed);
    let width = inverse.len().checked_div(groups).unwrap_or(0);
    let part = |piece: Piece| piece.from * width..piece.to * width;
    let shift = sums(groups, width, pieces, |sum, piece| add_rows(level, sum, &d[part(piece)]));
    let scale = sums(groups, width, pieces, |sum, piece| {
        add_products(level, sum, &d[part(piece)], &values[part(piece)]);
    });
    let sizes = [pieces.iter().map(|p| (p.to - p.from) * width).collect()];
    let mut built = build_parts(&sizes, |nth, mut places| {
        let (piece, place) = (pieces[nth], places.next().expect("a place for each piece"));
        let rows = routes.starts[piece.expert + 1] - routes.starts[piece.expert];
        let [shift, scale, gamma, inverse] =
            [&shift, &scale, gamma, inverse].map(|all| &all[piece.expert * width..][..width]);
        let place = place.repeat(&d[part(piece)]);
        through(level, place, &values[part(piece)], shift, scale, gamma, inverse, 1.0 / rows as f32);
    });
    [built.pop().unwrap_or_default(), scale, shift]
}

per_level! {
    fn add_squares(sum: &mut [f32], rows: &[f32], mean: &[f32]) = add_squares_body
}

#[inline(always)]
fn add_squares_body<const FMA: bool>(sum: &mut [f32], rows: &[f32], mean: &[f32]) {
    for row in rows.chunks_exact(sum.len()) {
        for ((sum, x), mean) in sum.iter_mut().zip(row).zip(mean) {
            *sum = fma::<FMA>(x - mean, x - mean, *sum);
        }
    }
}

per_level! {
    fn normalise(
        values: &mut [f32],
        out: &mut [f32],
        mean: &[f32],
        inverse: &[f32],
        scale: &[f32],
        shift: &[f32],
        relu: bool,
    ) = normalise_body
}

/// Normalises in place, and gives what scale and shift make of it, or its ReLU.
#[inline(always)]
fn normalise_body<const FMA: bool>(
    values: &mut [f32],
    out: &mut [f32],
    mean: &[f32],
    inverse: &[f32],
    scale: &[f32],
    shift: &[f32],
    relu: bool,
) {
    let width = mean.len();
    for (values, out) in values.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
        for j in 0..width {
            values[j] = (values[j] - mean[j]) * inverse[j];
            let y = fma::<FMA>(values[j], scale[j], shift[j]);
            // So written, NaN stays NaN.
            out[j] = if relu && y < 0.0 { 0.0 } else { y };
        }
    }
}

per_level! {
    fn add_products(sum: &mut [f32], a: &[f32], b: &[f32]) = add_products_body
}

#[inline(always)]
fn add_products_body<const FMA: bool>(sum: &mut [f32], a: &[f32], b: &[f32]) {
    for (a, b) in a.chunks_exact(sum.len()).zip(b.chunks_exact(sum.len())) {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum = fma::<FMA>(*a, *b, *sum);
        }
    }
}

per_level! {
    fn through(
        d: &mut [f32],
        values: &[f32],
        shift: &[f32],
        scale: &[f32],
        gamma: &[f32],
        inverse: &[f32],
        share: f32,
    ) = through_body
}

/// The gradient before the normalisation, from that behind scale and shift, in place:
/// `γ / √(variance + ε) · (d − mean(d) − x̂ · mean(d x̂))`.
#[inline(always)]
fn through_body<const FMA: bool>(
    d: &mut [f32],
    values: &[f32],
    shift: &[f32],
    scale: &[f32],
    gamma: &[f32],
    inverse: &[f32],
    share: f32,
) {
    let width = gamma.len();
    for (d, values) in d.chunks_exact_mut(width).zip(values.chunks_exact(width)) {
        for j in 0..width {
            let centred = d[j] - share * shift[j];
            d[j] = gamma[j] * inverse[j] * fma::<FMA>(-values[j], share * scale[j], centred);
        }
    }
}
