//! The backward pass of a bank of experts: what leaves it, layer by layer for a piece of pairs, then weights, then inputs.

use rayon::prelude::*;

use super::Last;
use super::layers::{Bank, Layer, MANY, PAIRS, Saved, threads};
use super::routes::{Piece, Routes};
use super::together::Together;
use crate::buffer::{Uninit, build_chunks, build_parts};
use crate::level::{Level, per_level};
use crate::math::fma;
use crate::matrix::{Matrix, Start, Threads, product};
use crate::rows::add_rows;

/// Gradients of what goes into a bank of experts.
#[derive(Debug)]
pub struct Gradients {
    /// `[B, I]`.
    pub x: Vec<f32>,
    /// Weight `[E, in, out]` and bias `[E, out]` of each layer.
    pub layers: Vec<(Vec<f32>, Vec<f32>)>,
    /// `[B, E]`; 0 where the gate is 0.
    pub gates: Vec<f32>,
}

/// Rows of a weight of one task, where experts may have very unequal numbers of rows.
const STRIP: usize = 128;
/// Rows of the inputs of one task.
const ROWS: usize = 512;

/// Gradients of [`super::kernel::forward`], given that of its output, `[B, out]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn backward(level: Level, bank: Bank<'_>, x: &[f32], saved: &Saved, d_out: &[f32]) -> Gradients {
    let Saved { routes, outputs } = saved;
    assert_eq!(
        d_out.len(),
        routes.batch * bank.outputs(),
        "expert_bank: gradient [{}, {}]",
        routes.batch,
        bank.outputs()
    );
    let pieces = routes.pieces(PAIRS);
    // Where all rows go to all experts, those of the inputs are added up by products and need no place of their own.
    let mut widths: Vec<usize> = if routes.dense() { Vec::new() } else { vec![bank.inputs()] };
    widths.extend(bank.layers.iter().map(|layer| layer.outputs));
    widths.push(1);
    let sizes: Vec<Vec<usize>> =
        widths.iter().map(|width| pieces.iter().map(|p| (p.to - p.from) * width).collect()).collect();
    let threads = threads(pieces.len());
    let mut built = build_parts(&sizes, |at, places| {
        chain(level, bank, outputs, routes, d_out, pieces[at], threads, places);
    });
    let of_gates = built.pop().unwrap_or_default();
    let d_outputs = built.split_off(built.len() - bank.layers.len());
    let of_layer = |(at, layer): (usize, &Layer<'_>)| {
        let input = if at == 0 { Input::Rows(x) } else { Input::Pairs(&outputs[at - 1]) };
        weights(level, layer, routes, input, &d_outputs[at])
    };
    if let Some(first) = Together::of(bank, routes) {
        let (x, weight, bias) = first.backward(level, x, routes.batch, &d_outputs[0]);
        let later = bank.layers.iter().enumerate().skip(1).map(of_layer);
        let layers = std::iter::once((weight, bias)).chain(later).collect();
        return Gradients { x, layers, gates: gates(bank, routes, &of_gates) };
    }
    let layers = bank.layers.iter().enumerate().map(of_layer).collect();
    let x = match built.pop() {
        None => dense_inputs(bank, routes, &d_outputs[0]),
        Some(of_pairs) => of_rows(level, bank, routes, of_pairs),
    };
    Gradients { x, layers, gates: gates(bank, routes, &of_gates) }
}

/// The gradients of the rows, `[B, I]`, from those of the inputs of the pairs.
fn of_rows(level: Level, bank: Bank<'_>, routes: &Routes, of_pairs: Vec<f32>) -> Vec<f32> {
    if routes.in_order() {
        return of_pairs;
    }
    let width = bank.inputs();
    build_chunks(routes.batch * width, ROWS * width, |chunk, out| {
        add_pairs(level, out.zero(), width, &of_pairs, routes, chunk * ROWS);
    })
}

/// Gradients of the rows `[B, I]`, and of weights and biases of the first layer, given that of what the layer gives, `[P, out]`.
pub(crate) fn first_layer(
    level: Level,
    bank: Bank<'_>,
    routes: &Routes,
    x: &[f32],
    d: &[f32],
    pieces: &[Piece],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    if let Some(first) = Together::of(bank, routes) {
        return first.backward(level, x, routes.batch, d);
    }
    let layer = &bank.layers[0];
    let (weight, bias) = weights(level, layer, routes, Input::Rows(x), d);
    let x = if routes.dense() {
        dense_inputs(bank, routes, d)
    } else {
        of_rows(level, bank, routes, of_inputs(layer, d, pieces))
    };
    (x, weight, bias)
}

/// The gradient of what goes into a layer, from that of what it gives, for each pair.
fn of_inputs(layer: &Layer<'_>, d: &[f32], pieces: &[Piece]) -> Vec<f32> {
    let sizes = [pieces.iter().map(|p| (p.to - p.from) * layer.inputs).collect()];
    let threads = threads(pieces.len());
    let mut built = build_parts(&sizes, |nth, mut places| {
        let Piece { expert, from, to } = pieces[nth];
        let d = Matrix::new(&d[from * layer.outputs..to * layer.outputs], to - from, layer.outputs);
        places.next().expect("a place for each piece").product(d, layer.weight(expert).t(), threads);
    });
    built.pop().unwrap_or_default()
}

/// As [`of_inputs`], before the ReLU that gave `h`.
pub(crate) fn before(level: Level, layer: &Layer<'_>, h: &[f32], d: &[f32], pieces: &[Piece]) -> Vec<f32> {
    let mut d = of_inputs(layer, d, pieces);
    let piece = PAIRS * layer.inputs;
    d.par_chunks_mut(piece).zip(h.par_chunks(piece)).for_each(|(d, h)| mask(level, d, h));
    d
}

/// The gradients of the gates, `[B, E]`, from those of the pairs.
pub(crate) fn gates(bank: Bank<'_>, routes: &Routes, of_pairs: &[f32]) -> Vec<f32> {
    let mut gates = vec![0.0; routes.batch * bank.experts];
    for expert in 0..bank.experts {
        for pair in routes.starts[expert]..routes.starts[expert + 1] {
            gates[routes.rows[pair] as usize * bank.experts + expert] = of_pairs[pair];
        }
    }
    gates
}

/// The gradients of what each layer gives, before its ReLU, of the gates and, where there is a place for them, of the inputs.
fn chain<'a>(
    level: Level,
    bank: Bank<'_>,
    outputs: &[Vec<f32>],
    routes: &Routes,
    d_out: &[f32],
    Piece { expert, from, to }: Piece,
    threads: Threads,
    mut places: impl DoubleEndedIterator<Item = Uninit<'a>>,
) {
    let (rows, width) = (to - from, bank.outputs());
    let mut next = || places.next_back().expect("a place for each gradient");
    let of_gates = next().zero();
    let d = next().gather(d_out, width, &routes.rows[from..to]);
    let y = &outputs[bank.layers.len() - 1][from * width..to * width];
    leave(level, d, width, y, &routes.gates[from..to], of_gates, bank.last == Last::Relu);
    let mut d: &[f32] = d;
    for (at, layer) in bank.layers.iter().enumerate().skip(1).rev() {
        let of_input = next().product(Matrix::new(d, rows, layer.outputs), layer.weight(expert).t(), threads);
        mask(level, of_input, &outputs[at - 1][from * layer.inputs..to * layer.inputs]);
        d = of_input;
    }
    if let Some(place) = places.next_back() {
        let layer = bank.layers[0];
        place.product(Matrix::new(d, rows, layer.outputs), layer.weight(expert).t(), threads);
    }
}

per_level! {
    pub(crate) fn leave(
        d: &mut [f32],
        width: usize,
        y: &[f32],
        gates: &[f32],
        of_gates: &mut [f32],
        relu: bool,
    ) = leave_body
}

/// Independent sums, so that the order of addition does not depend on the instruction set's width.
const LANES: usize = 16;

/// Turns the gradient of the output of each pair's row into that of the pair's last layer, and gives the gates theirs.
#[inline(always)]
fn leave_body<const FMA: bool>(
    d: &mut [f32],
    width: usize,
    y: &[f32],
    gates: &[f32],
    of_gates: &mut [f32],
    relu: bool,
) {
    let pairs = d.chunks_exact_mut(width).zip(y.chunks_exact(width)).zip(gates.iter().zip(of_gates));
    for ((d, y), (gate, of_gate)) in pairs {
        let (d_chunks, d_rest) = d.as_chunks_mut::<LANES>();
        let (y_chunks, y_rest) = y.as_chunks::<LANES>();
        let mut sums = [0.0f32; LANES];
        for (d, y) in d_chunks.iter_mut().zip(y_chunks) {
            for j in 0..LANES {
                sums[j] = fma::<FMA>(d[j], y[j], sums[j]);
                d[j] = kept(*gate * d[j], relu && y[j] <= 0.0);
            }
        }
        let mut sum: f32 = sums.iter().sum();
        for (d, y) in d_rest.iter_mut().zip(y_rest) {
            sum = fma::<FMA>(*d, *y, sum);
            *d = kept(*gate * *d, relu && *y <= 0.0);
        }
        *of_gate = sum;
    }
}

/// 0 where `gone`, else `d`: by its bits, because a choice would be compiled to a branch that nobody can foresee.
#[inline(always)]
fn kept(d: f32, gone: bool) -> f32 {
    f32::from_bits(d.to_bits() & u32::from(gone).wrapping_sub(1))
}

per_level! {
    fn mask(d: &mut [f32], h: &[f32]) = mask_body
}

/// The gradient of ReLU, given what it gave.
#[inline(always)]
fn mask_body<const FMA: bool>(d: &mut [f32], h: &[f32]) {
    for (d, h) in d.iter_mut().zip(h) {
        *d = kept(*d, *h <= 0.0);
    }
}

/// What goes into a layer.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    /// A row for each row of the batch.
    Rows(&'a [f32]),
    /// A row for each pair.
    Pairs(&'a [f32]),
}

/// Gradients of the weights and biases of one layer.
pub(crate) fn weights(
    level: Level,
    layer: &Layer<'_>,
    routes: &Routes,
    input: Input<'_>,
    d: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let Layer { inputs, outputs, .. } = *layer;
    // Where all have the same rows, whole weights are shared out as evenly, and what is multiplied is packed once.
    let strip = if routes.dense() && routes.experts() >= MANY { inputs } else { STRIP.min(inputs) };
    let strips: Vec<(usize, usize)> =
        (0..routes.experts()).flat_map(|e| (0..inputs).step_by(strip).map(move |from| (e, from))).collect();
    let sizes: [Vec<usize>; 2] = [
        strips.iter().map(|(_, from)| strip.min(inputs - from) * outputs).collect(),
        strips.iter().map(|(_, from)| if *from == 0 { outputs } else { 0 }).collect(),
    ];
    let threads = threads(strips.len());
    let mut built = build_parts(&sizes, |at, mut places| {
        let (expert, column) = strips[at];
        let (from, to) = (routes.starts[expert], routes.starts[expert + 1]);
        let (rows, count) = (to - from, strip.min(inputs - column));
        let d = &d[from * outputs..to * outputs];
        let mut next = || places.next().expect("a place for weights and one for biases");
        let (weight, bias) = (next(), next().zero());
        if !bias.is_empty() {
            add_rows(level, bias, d);
        }
        if rows == 0 {
            weight.zero();
            return;
        }
        let mut gathered = Vec::new();
        let input = match input {
            Input::Pairs(h) => Matrix::new(&h[from * inputs..to * inputs], rows, inputs).columns(column, count),
            Input::Rows(x) => {
                if let Some(first) = routes.run(from, to) {
                    Matrix::new(&x[first * inputs..][..rows * inputs], rows, inputs).columns(column, count)
                } else {
                    gathered.reserve(rows * count);
                    for row in &routes.rows[from..to] {
                        gathered.extend_from_slice(&x[*row as usize * inputs + column..][..count]);
                    }
                    Matrix::new(&gathered, rows, count)
                }
            }
        };
        weight.product(input.t(), Matrix::new(d, rows, outputs), threads);
    });
    let bias = built.pop().unwrap_or_default();
    (built.pop().unwrap_or_default(), bias)
}

/// The gradient of the inputs where every row goes to every expert.
fn dense_inputs(bank: Bank<'_>, routes: &Routes, d: &[f32]) -> Vec<f32> {
    let Layer { inputs, outputs, .. } = bank.layers[0];
    let tasks = routes.batch.div_ceil(ROWS);
    build_chunks(routes.batch * inputs, ROWS * inputs, |chunk, out| {
        let first = chunk * ROWS;
        let rows = ROWS.min(routes.batch - first);
        let d = |expert: usize| {
            Matrix::new(&d[(expert * routes.batch + first) * outputs..][..rows * outputs], rows, outputs)
        };
        let out = out.product(d(0), bank.layers[0].weight(0).t(), threads(tasks));
        for expert in 1..bank.experts {
            product(out, Start::Output, d(expert), bank.layers[0].weight(expert).t(), threads(tasks));
        }
    })
}

per_level! {
    fn add_pairs(out: &mut [f32], width: usize, of_pairs: &[f32], routes: &Routes, first: usize) = add_pairs_body
}

#[inline(always)]
fn add_pairs_body<const FMA: bool>(out: &mut [f32], width: usize, of_pairs: &[f32], routes: &Routes, first: usize) {
    for (row, out) in (first..).zip(out.chunks_exact_mut(width)) {
        for pair in routes.pairs(row) {
            out.iter_mut().zip(&of_pairs[pair * width..][..width]).for_each(|(out, d)| *out += d);
        }
    }
}
