//! Rows gathered per expert, products and bias in one pass over a piece of them.

pub use super::gradient::{Gradients, backward};
pub use super::layers::{Bank, Layer, Saved};
pub(crate) use super::layers::{PAIRS, add_bias, threads};
use super::routes::{Piece, Routes};
use super::together::Together;
use crate::buffer::{Uninit, build_chunks, build_parts};
use crate::level::{Level, per_level};
use crate::math::fma;
use crate::matrix::{Matrix, Start, Threads, product};
pub use crate::mixture::kernel::{Cut, TILE};

/// Rows of one task where a row's pairs are added up.
const ROWS: usize = 256;

/// `out[b] = Σ_e gates[b, e] · MLP_e(x[b])`. An expert is computed for the rows alone whose gate is not 0.
///
/// # Shapes
/// x `[B, I]`, gates `[B, E]` → `[B, out]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn forward(level: Level, bank: Bank<'_>, x: &[f32], gates: &[f32], cut: Cut) -> (Vec<f32>, Saved) {
    bank.check(x, gates);
    let routes = Routes::new(gates, bank.experts);
    let together = if cut == Cut::Whole { Together::of(bank, &routes) } else { None };
    let mut outputs: Vec<Vec<f32>> =
        together.iter().map(|first| first.forward(level, bank.layers[0].bias, bank.relu(0), x, routes.batch)).collect();
    let done = outputs.len();
    let pieces = routes.pieces(PAIRS);
    let sizes: Vec<Vec<usize>> =
        bank.layers[done..].iter().map(|l| pieces.iter().map(|p| (p.to - p.from) * l.outputs).collect()).collect();
    let threads = threads(pieces.len());
    let rest = build_parts(&sizes, |at, places| match cut {
        Cut::Whole => whole(level, bank, x, outputs.first(), &routes, pieces[at], threads, places),
        Cut::Tiles => tiles(level, bank, x, &routes, pieces[at], places),
    });
    outputs.extend(rest);
    let out = mixed(level, &routes, &outputs[outputs.len() - 1], bank.outputs());
    (out, Saved { routes, outputs })
}

/// The gated sum of what the pairs of each row gave, `[B, width]`.
pub(crate) fn mixed(level: Level, routes: &Routes, last: &[f32], width: usize) -> Vec<f32> {
    build_chunks(routes.batch * width, ROWS * width, |chunk, out| {
        mix(level, out.zero(), width, last, routes, chunk * ROWS);
    })
}

/// The rows of some pairs: where they are, or else gathered.
pub(crate) fn first_inputs<'a>(
    gathered: &'a mut Vec<f32>,
    x: &'a [f32],
    width: usize,
    routes: &Routes,
    from: usize,
    to: usize,
) -> &'a [f32] {
    match routes.run(from, to) {
        Some(first) => &x[first * width..][..(to - from) * width],
        None => gather(gathered, x, width, &routes.rows[from..to]),
    }
}

/// Fills the places of all layers, or, where what the first one gives is at hand, of all others.
#[allow(clippy::too_many_arguments, reason = "one piece of a fused operation")]
fn whole<'a>(
    level: Level,
    bank: Bank<'_>,
    x: &[f32],
    first: Option<&Vec<f32>>,
    routes: &Routes,
    Piece { expert, from, to }: Piece,
    threads: Threads,
    places: impl Iterator<Item = Uninit<'a>>,
) {
    let rows = to - from;
    let (width, mut gathered) = (bank.inputs(), Vec::new());
    let mut input: &[f32] = match first {
        Some(first) => &first[from * bank.layers[0].outputs..to * bank.layers[0].outputs],
        None => first_inputs(&mut gathered, x, width, routes, from, to),
    };
    for ((at, layer), place) in bank.layers.iter().enumerate().skip(usize::from(first.is_some())).zip(places) {
        let out = place.product(Matrix::new(input, rows, layer.inputs), layer.weight(expert), threads);
        let bias = &layer.bias[expert * layer.outputs..][..layer.outputs];
        add_bias(level, out, bias, bank.relu(at));
        input = out;
    }
}

/// As [`whole`], with products of [`TILE`] rows, of which the last ones may be padding.
fn tiles<'a>(
    level: Level,
    bank: Bank<'_>,
    x: &[f32],
    routes: &Routes,
    Piece { expert, from, to }: Piece,
    places: impl Iterator<Item = Uninit<'a>>,
) {
    let rows = to - from;
    let padded = rows.next_multiple_of(TILE);
    let mut input = Vec::with_capacity(padded * bank.inputs());
    gather(&mut input, x, bank.inputs(), &routes.rows[from..to]);
    input.resize(padded * bank.inputs(), 0.0);
    for (at, (layer, place)) in bank.layers.iter().zip(places).enumerate() {
        let mut out = vec![0.0; padded * layer.outputs];
        for (t, out) in out.chunks_mut(TILE * layer.outputs).enumerate() {
            let tile = &input[t * TILE * layer.inputs..][..TILE * layer.inputs];
            product(out, Start::Zero, Matrix::new(tile, TILE, layer.inputs), layer.weight(expert), Threads::One);
        }
        let bias = &layer.bias[expert * layer.outputs..][..layer.outputs];
        add_bias(level, &mut out, bias, bank.relu(at));
        place.repeat(&out[..rows * layer.outputs]);
        input = out;
    }
}

/// The rows of `source`, one behind the other.
fn gather<'a>(into: &'a mut Vec<f32>, source: &[f32], width: usize, rows: &[u32]) -> &'a [f32] {
    into.reserve(rows.len() * width);
    for row in rows {
        into.extend_from_slice(&source[*row as usize * width..][..width]);
    }
    into
}

per_level! {
    fn mix(out: &mut [f32], width: usize, last: &[f32], routes: &Routes, first: usize) = mix_body
}

#[inline(always)]
fn mix_body<const FMA: bool>(out: &mut [f32], width: usize, last: &[f32], routes: &Routes, first: usize) {
    for (row, out) in (first..).zip(out.chunks_exact_mut(width)) {
        for pair in routes.pairs(row) {
            let gate = routes.gates[*pair];
            let y = &last[pair * width..][..width];
            out.iter_mut().zip(y).for_each(|(out, y)| *out = fma::<FMA>(gate, *y, *out));
        }
    }
}
