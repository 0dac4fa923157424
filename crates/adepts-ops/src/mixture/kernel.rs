//! The decoders of K experts and the mix of their logits.
//!
//! Logits stand as `[K, R, I]`. A gate that is driven by the experts' losses needs all of them once; gates that are given
//! need none, because a sum over experts of products is a sum of products.

use rayon::prelude::*;

use crate::buffer::{build_chunks, build_three};
use crate::csr::Csr;
use crate::few_rows::{self, Meeting};
use crate::level::Level;
use crate::matrix::{Matrix, Start, Threads, product};

pub use super::decoders::{Cut, Decoders, Shape, TILE, tile};
use super::decoders::{MANY, ONE_GO, SHORT, WORTH_A_COPY, add_product, is_few, threads};
pub use super::fold_in::fold_in;
use super::row_pass::{self, RowGate, share};
pub use super::rule::{Rule, Score};

/// What the forward pass of a loss-driven mixture leaves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    /// The experts' logits `[K, R, I]`; the backward pass overwrites them with their gradient.
    pub logits: Vec<f32>,
    /// The gate of each row.
    pub rows: Vec<RowGate>,
}

/// Loss-driven mixture: rows `[O | L | g]` of width I + 2K: the mixed logits, the experts' probe losses, their shares.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn driven(
    level: Level,
    d: Decoders<'_>,
    z: &[f32],
    seen: &Csr,
    probe: &Csr,
    rule: Rule,
    cut: Cut,
) -> (Vec<f32>, Saved) {
    d.check(z);
    let Shape { experts, rows, items, .. } = d.shape;
    assert!(
        seen.rows() == rows && probe.rows() == rows && seen.columns() == items && probe.columns() == items,
        "mixture: {rows} rows over {items} items, seen {} over {}, probe {} over {}",
        seen.rows(),
        seen.columns(),
        probe.rows(),
        probe.columns()
    );
    let mut logits = logits(level, d, z, cut);
    let width = items + 2 * experts;
    let mut out = vec![0.0; rows * width];
    let mut strips = strips(&mut logits, d.shape);
    let gates = out
        .par_chunks_mut(width)
        .zip(strips.par_iter_mut())
        .enumerate()
        .map(|(r, (out, strips))| row_pass::forward(level, strips, seen.row(r), probe.row(r), rule, out))
        .collect();
    (out, Saved { logits, rows: gates })
}

/// The strips of each row, one per expert, so that a row can be handled by one thread.
fn strips(logits: &mut [f32], shape: Shape) -> Vec<Vec<&mut [f32]>> {
    let Shape { experts, rows, items, .. } = shape;
    let mut strips: Vec<Vec<&mut [f32]>> = (0..rows).map(|_| Vec::with_capacity(experts)).collect();
    for of_expert in logits.chunks_mut(rows * items) {
        for (row, strip) in strips.iter_mut().zip(of_expert.chunks_mut(items)) {
            row.push(strip);
        }
    }
    strips
}

/// The experts' logits: `[K, R, I]`.
fn logits(level: Level, d: Decoders<'_>, z: &[f32], cut: Cut) -> Vec<f32> {
    let Shape { experts, rows, hidden, items } = d.shape;
    cut.check(rows);
    build_chunks(experts * rows * items, rows * items, |k, out| {
        let ((weight, bias), z) = (d.expert(k), d.rows_of(k, z));
        // Where there is more than one way, each adds the bias to the whole sum, so all round alike.
        if is_few(level, experts, rows, hidden) {
            few_rows::multiply(level, weight, bias, &mut [Meeting { z, out: out.zero() }]);
        } else if rows < WORTH_A_COPY || hidden <= SHORT || hidden >= ONE_GO {
            add_product(out.repeat(bias), Matrix::new(z, rows, hidden), weight, threads(experts));
        } else {
            let weight = [weight, bias].concat();
            let weight = Matrix::new(&weight, hidden + 1, items);
            out.product(Matrix::new(&with_one(z, hidden), rows, hidden + 1), weight, threads(experts));
        }
    })
}

/// Rows of this width, each with a 1 at its end.
fn with_one(rows: &[f32], width: usize) -> Vec<f32> {
    let mut longer = vec![1.0; rows.len() / width * (width + 1)];
    for (longer, row) in longer.chunks_exact_mut(width + 1).zip(rows.chunks_exact(width)) {
        longer[..width].copy_from_slice(row);
    }
    longer
}

/// Gradients of the parameters of a mixture: z `[K, R, H]`, weight `[K, H, I]`, bias `[K, I]`.
#[derive(Debug)]
pub struct Gradients {
    /// `[K, R, H]`.
    pub z: Vec<f32>,
    /// `[K, H, I]`.
    pub weight: Vec<f32>,
    /// `[K, I]`.
    pub bias: Vec<f32>,
}

/// Gradients of [`driven`], given that of its output. Overwrites the saved logits.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn driven_backward(
    level: Level,
    d: Decoders<'_>,
    z: &[f32],
    seen: &Csr,
    probe: &Csr,
    rule: Rule,
    mut saved: Saved,
    d_out: &[f32],
) -> Gradients {
    let Shape { experts, rows, hidden, items } = d.shape;
    let width = items + 2 * experts;
    assert_eq!(d_out.len(), rows * width, "mixture: gradient [{rows}, {width}]");
    strips(&mut saved.logits, d.shape).par_iter_mut().enumerate().for_each(|(r, strips)| {
        let d_out = &d_out[r * width..][..width];
        row_pass::backward(level, strips, &saved.rows[r], seen.row(r), probe.row(r), rule, d_out);
    });
    let d_logits = &saved.logits;
    let threads = threads(experts);
    let sizes = [(z.len(), rows * hidden), (d.weight.len(), hidden * items), (d.bias.len(), items)];
    let [d_z, d_weight, d_bias] = build_three(sizes, |k, [d_z, d_weight, d_bias]| {
        let d_logits = Matrix::new(&d_logits[k * rows * items..][..rows * items], rows, items);
        d_z.product(d_logits, d.weight(k).t(), threads);
        // The gradient of the bias is that of a weight whose input is 1: one more row of the product.
        let z = with_one(&z[k * rows * hidden..][..rows * hidden], hidden);
        let both = build_chunks((hidden + 1) * items, (hidden + 1) * items, |_, both| {
            both.product(Matrix::new(&z, rows, hidden + 1).t(), d_logits, threads);
        });
        d_weight.repeat(&both[..hidden * items]);
        d_bias.repeat(&both[hidden * items..]);
    });
    Gradients { z: d_z, weight: d_weight, bias: d_bias }
}

/// Mixture with given shares: `O = Σ_k g_k (z_k W_k + b_k)`, `[R, I]`. No logits are kept.
///
/// # Shapes
/// gates `[R, K]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn given(d: Decoders<'_>, z: &[f32], gates: &[f32], cut: Cut) -> Vec<f32> {
    d.check(z);
    let Shape { experts, rows, hidden, items } = d.shape;
    assert_eq!(gates.len(), rows * experts, "mixture: gates [{rows}, {experts}]");
    cut.check(rows);
    let gates: Vec<f32> = gates.iter().copied().map(share).collect();
    // The experts' weights stand below each other, so that the sum over experts is part of one product.
    let mut scaled = vec![0.0; rows * experts * hidden];
    scaled.par_chunks_mut(experts * hidden).enumerate().for_each(|(r, scaled)| {
        for (k, scaled) in scaled.chunks_mut(hidden).enumerate() {
            let z = &z[(k * rows + r) * hidden..][..hidden];
            let gate = gates[r * experts + k];
            scaled.iter_mut().zip(z).for_each(|(scaled, z)| *scaled = gate * z);
        }
    });
    let mut out = vec![0.0; rows * items];
    let (gates, bias) = (Matrix::new(&gates, rows, experts), Matrix::new(d.bias, experts, items));
    product(&mut out, Start::Zero, gates, bias, Threads::All);
    add_product(&mut out, Matrix::new(&scaled, rows, experts * hidden), d.weight, Threads::All);
    out
}

/// `g[r, k] · z[k, r, :]`.
fn scale_rows(shape: Shape, z: &[f32], gates: &[f32]) -> Vec<f32> {
    let Shape { experts, rows, hidden, .. } = shape;
    let mut scaled = z.to_vec();
    scaled.par_chunks_mut(hidden).enumerate().for_each(|(at, row)| {
        let gate = gates[at % rows * experts + at / rows];
        for z in row {
            *z *= gate;
        }
    });
    scaled
}

/// Gradients of [`given`]: of the parameters, and of the gates `[R, K]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn given_backward(d: Decoders<'_>, z: &[f32], gates: &[f32], d_out: &[f32]) -> (Gradients, Vec<f32>) {
    let Shape { experts, rows, hidden, items } = d.shape;
    assert_eq!(d_out.len(), rows * items, "mixture: gradient [{rows}, {items}]");
    let gates: Vec<f32> = gates.iter().copied().map(share).collect();
    let scaled = scale_rows(d.shape, z, &gates);
    let d_out_matrix = Matrix::new(d_out, rows, items);
    let threads = if experts < MANY { Threads::All } else { Threads::One };
    let mut d_z = build_chunks(z.len(), rows * hidden, |k, out| {
        out.product(d_out_matrix, d.weight(k).t(), threads);
    });
    let d_weight = build_chunks(d.weight.len(), hidden * items, |k, out| {
        let z = Matrix::new(&scaled[k * rows * hidden..][..rows * hidden], rows, hidden);
        out.product(z.t(), d_out_matrix, threads);
    });
    let d_bias = build_chunks(d.bias.len(), items, |k, out| {
        let out = out.zero();
        for (r, row) in d_out.chunks(items).enumerate() {
            let gate = gates[r * experts + k];
            out.iter_mut().zip(row).for_each(|(sum, d)| *sum += gate * d);
        }
    });
    // ∂/∂g = ⟨dO, e⟩ = ⟨W dO, z⟩ + ⟨dO, b⟩, and W dO is at hand.
    let mut d_gates = vec![0.0; gates.len()];
    d_gates.par_chunks_mut(experts).enumerate().for_each(|(r, d_gates)| {
        for (k, d_gate) in d_gates.iter_mut().enumerate() {
            let at = (k * rows + r) * hidden;
            let of_z: f32 = z[at..at + hidden].iter().zip(&d_z[at..at + hidden]).map(|(a, b)| a * b).sum();
            let of_bias: f32 = d.expert(k).1.iter().zip(&d_out[r * items..]).map(|(a, b)| a * b).sum();
            *d_gate = of_z + of_bias;
        }
    });
    d_z.par_chunks_mut(hidden).enumerate().for_each(|(at, row)| {
        let gate = gates[at % rows * experts + at / rows];
        for z in row {
            *z *= gate;
        }
    });
    (Gradients { z: d_z, weight: d_weight, bias: d_bias }, d_gates)
}
