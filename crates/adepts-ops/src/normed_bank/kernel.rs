//! Layer by layer, because statistics need all rows of an expert before any of them can go on.

use rayon::prelude::*;

use super::{EPSILON, Statistics};
use crate::buffer::build_parts;
use crate::expert_bank::kernel::{Bank, Gradients, PAIRS, add_bias, first_inputs, mixed, threads};
use crate::expert_bank::routes::{Piece, Routes};
use crate::expert_bank::together::Together;
use crate::expert_bank::{Last, gradient};
use crate::level::{Level, per_level};
use crate::math::fma;
use crate::matrix::Matrix;
use crate::rows::add_rows;

/// What a layer is multiplied with and shifted by after it was normalised, each `[E, out]`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// γ.
    pub scale: &'a [f32],
    /// β.
    pub shift: &'a [f32],
}

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    routes: Routes,
    /// The output of each layer for each pair, `[P, out]`.
    outputs: Vec<Vec<f32>>,
    /// For each layer that is normalised, what it gave before scale and shift.
    normed: Vec<Option<Normed>>,
}

#[derive(Debug)]
struct Normed {
    /// `(h − mean) / √(variance + ε)`, `[P, out]`.
    values: Vec<f32>,
    /// `1 / √(variance + ε)`, `[E, out]`.
    inverse: Vec<f32>,
}

/// As [`crate::expert_bank::kernel::forward`], with the layers that have a norm normalised; and their statistics.
///
/// # Panics
/// If the shapes do not fit, or a norm stands where no ReLU follows.
#[must_use]
pub fn forward(
    level: Level,
    bank: Bank<'_>,
    norms: &[Option<Norm<'_>>],
    x: &[f32],
    gates: &[f32],
) -> (Vec<f32>, Saved, Vec<Option<Statistics>>) {
    bank.check(x, gates);
    check(bank, norms);
    let routes = Routes::new(gates, bank.experts);
    let pieces = routes.pieces(PAIRS);
    let threads = threads(pieces.len());
    let (mut outputs, mut normed, mut statistics) = (Vec::<Vec<f32>>::new(), Vec::new(), Vec::new());
    for (at, (layer, norm)) in bank.layers.iter().zip(norms).enumerate() {
        let relu = norm.is_none() && bank.relu(at);
        let together = if at == 0 { Together::of(bank, &routes) } else { None };
        let h = if let Some(first) = together {
            first.forward(level, layer.bias, relu, x, routes.batch)
        } else {
            let sizes = [pieces.iter().map(|p| (p.to - p.from) * layer.outputs).collect()];
            let mut built = build_parts(&sizes, |nth, mut places| {
                let Piece { expert, from, to } = pieces[nth];
                let mut gathered = Vec::new();
                let input = match outputs.last() {
                    Some(before) => &before[from * layer.inputs..to * layer.inputs],
                    None => first_inputs(&mut gathered, x, layer.inputs, &routes, from, to),
                };
                let place = places.next().expect("a place for each piece");
                let out = place.product(Matrix::new(input, to - from, layer.inputs), layer.weight(expert), threads);
                add_bias(level, out, &layer.bias[expert * layer.outputs..][..layer.outputs], relu);
            });
            built.pop().unwrap_or_default()
        };
        let Some(norm) = norm else {
            outputs.push(h);
            normed.push(None);
            statistics.push(None);
            continue;
        };
        let found = statistics_of(level, &routes, &pieces, &h, layer.outputs);
        let inverse: Vec<f32> = found.variance.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt()).collect();
        let width = layer.outputs;
        let sizes = vec![pieces.iter().map(|p| (p.to - p.from) * width).collect::<Vec<_>>(); 2];
        let mut built = build_parts(&sizes, |nth, mut places| {
            let Piece { expert, from, to } = pieces[nth];
            let mut next = || places.next().expect("two places");
            let (values, out) = (next().repeat(&h[from * width..to * width]), next().zero());
            let range = expert * width..(expert + 1) * width;
            normalise(
                level,
                values,
                out,
                &found.mean[range.clone()],
                &inverse[range.clone()],
                &norm.scale[range.clone()],
                &norm.shift[range],
            );
        });
        outputs.push(built.pop().unwrap_or_default());
        normed.push(Some(Normed { values: built.pop().unwrap_or_default(), inverse }));
        statistics.push(Some(found));
    }
    let out = mixed(level, &routes, &outputs[outputs.len() - 1], bank.outputs());
    (out, Saved { routes, outputs, normed }, statistics)
}

fn check(bank: Bank<'_>, norms: &[Option<Norm<'_>>]) {
    assert_eq!(bank.layers.len(), norms.len(), "normed_bank: layers and norms");
    for (at, (layer, norm)) in bank.layers.iter().zip(norms).enumerate() {
        let Some(Norm { scale, shift }) = norm else { continue };
        let size = bank.experts * layer.outputs;
        assert!(bank.relu(at), "normed_bank: layer {at} is linear and has a norm");
        assert!(
            scale.len() == size && shift.len() == size,
            "normed_bank: layer {at}: norm of {} and {}, expected {size}",
            scale.len(),
            shift.len()
        );
    }
}

/// Adds up what `add` adds for each piece, per expert, `[E, width]`. The order depends on the pieces alone.
fn sums(experts: usize, width: usize, pieces: &[Piece], add: impl Fn(&mut [f32], Piece) + Sync) -> Vec<f32> {
    let of_piece = |piece: &Piece| {
        let mut sum = vec![0.0; width];
        add(&mut sum, *piece);
        sum
    };
    let of_pieces: Vec<Vec<f32>> = pieces.par_iter().map(of_piece).collect();
    let mut sums = vec![0.0; experts * width];
    for (piece, of_piece) in pieces.iter().zip(of_pieces) {
        sums[piece.expert * width..][..width].iter_mut().zip(of_piece).for_each(|(sum, more)| *sum += more);
    }
    sums
}

fn statistics_of(level: Level, routes: &Routes, pieces: &[Piece], h: &[f32], width: usize) -> Statistics {
    let experts = routes.experts();
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
    let mean = mean_of(sums(experts, width, pieces, |sum, piece| add_rows(level, sum, rows(piece))));
    let variance = mean_of(sums(experts, width, pieces, |sum, piece| {
        add_squares(level, sum, rows(piece), &mean[piece.expert * width..][..width]);
    }));
    Statistics { mean, variance, counts }
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
    ) = normalise_body
}

/// Normalises in place, and gives the ReLU of what scale and shift make of it.
#[inline(always)]
fn normalise_body<const FMA: bool>(
    values: &mut [f32],
    out: &mut [f32],
    mean: &[f32],
    inverse: &[f32],
    scale: &[f32],
    shift: &[f32],
) {
    let width = mean.len();
    for (values, out) in values.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
        for j in 0..width {
            values[j] = (values[j] - mean[j]) * inverse[j];
            let y = fma::<FMA>(values[j], scale[j], shift[j]);
            // So written, NaN stays NaN.
            out[j] = if y < 0.0 { 0.0 } else { y };
        }
    }
}

/// Gradients of [`forward`]: of a bank, and of each norm, scale and shift.
pub type NormGradients = (Gradients, Vec<Option<(Vec<f32>, Vec<f32>)>>);

/// Gradients of [`forward`], given that of its output, `[B, out]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn backward(
    level: Level,
    bank: Bank<'_>,
    norms: &[Option<Norm<'_>>],
    x: &[f32],
    saved: &Saved,
    d_out: &[f32],
) -> NormGradients {
    let Saved { routes, outputs, normed } = saved;
    assert_eq!(
        d_out.len(),
        routes.batch * bank.outputs(),
        "normed_bank: gradient [{}, {}]",
        routes.batch,
        bank.outputs()
    );
    let pieces = routes.pieces(PAIRS);
    let (experts, width) = (bank.experts, bank.outputs());
    let last = &outputs[outputs.len() - 1];
    let sizes = [width, 1].map(|width| pieces.iter().map(|p| (p.to - p.from) * width).collect::<Vec<_>>());
    let mut built = build_parts(&sizes, |nth, mut places| {
        let Piece { from, to, .. } = pieces[nth];
        let mut next = || places.next().expect("two places");
        let d = next().gather(d_out, width, &routes.rows[from..to]);
        let (of_gates, y) = (next().zero(), &last[from * width..to * width]);
        gradient::leave(level, d, width, y, &routes.gates[from..to], of_gates, bank.last == Last::Relu);
    });
    let of_gates = built.pop().unwrap_or_default();
    let mut d = built.pop().unwrap_or_default();
    let (mut layers, mut of_norms) = (Vec::new(), Vec::new());
    let mut of_x = Vec::new();
    for (at, (layer, norm)) in bank.layers.iter().zip(norms).enumerate().rev() {
        let of_norm = norm.zip(normed[at].as_ref()).map(|(norm, normed)| {
            let width = layer.outputs;
            let part = |piece: Piece| piece.from * width..piece.to * width;
            let shift = sums(experts, width, &pieces, |sum, piece| add_rows(level, sum, &d[part(piece)]));
            let scale = sums(experts, width, &pieces, |sum, piece| {
                add_products(level, sum, &d[part(piece)], &normed.values[part(piece)]);
            });
            let sizes = [pieces.iter().map(|p| (p.to - p.from) * width).collect()];
            let mut built = build_parts(&sizes, |nth, mut places| {
                let (piece, place) = (pieces[nth], places.next().expect("a place for each piece"));
                let of_expert = piece.expert * width..(piece.expert + 1) * width;
                let rows = routes.starts[piece.expert + 1] - routes.starts[piece.expert];
                let [shift, scale, gamma, inverse] =
                    [&shift, &scale, norm.scale, &normed.inverse].map(|all| &all[of_expert.clone()]);
                let place = place.repeat(&d[part(piece)]);
                through(level, place, &normed.values[part(piece)], shift, scale, gamma, inverse, 1.0 / rows as f32);
            });
            d = built.pop().unwrap_or_default();
            (scale, shift)
        });
        of_norms.push(of_norm);
        let (weight, mut bias) = if at == 0 {
            let (of_rows, weight, bias) = gradient::first_layer(level, bank, routes, x, &d, &pieces);
            of_x = of_rows;
            (weight, bias)
        } else {
            let input = gradient::Input::Pairs(&outputs[at - 1]);
            let of_layer = gradient::weights(level, layer, routes, input, &d);
            d = gradient::before(level, layer, &outputs[at - 1], &d, &pieces);
            of_layer
        };
        // What is subtracted with the mean has no effect; without this there would be the sum of rounding errors.
        if norm.is_some() {
            bias.fill(0.0);
        }
        layers.push((weight, bias));
    }
    layers.reverse();
    of_norms.reverse();
    (Gradients { x: of_x, layers, gates: gradient::gates(bank, routes, &of_gates) }, of_norms)
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
