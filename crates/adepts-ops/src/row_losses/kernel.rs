//! Cross-entropy of a history and of held-out items under a softmax over the catalogue.

use rayon::prelude::*;

use crate::buffer::build_chunks;
use crate::csr::Csr;
use crate::level::{Level, per_level};
use crate::math::exp;

/// The losses of every row, and what the gradient needs.
#[derive(Debug)]
pub struct RowLosses {
    /// −Σ_{i ∈ target} log softmax(logits)_i of each row, in nats.
    pub cross_entropy: Vec<f32>,
    /// −Σ_{i ∈ probe} log p(i) of each row, p the softmax over items that are not in `seen`, in nats; empty without a probe.
    pub probe: Vec<f32>,
    /// log Σ exp(logits) of each row.
    pub log_sum: Vec<f32>,
}

/// What the rows are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Items that the softmax of the probe loss leaves out.
    pub seen: &'a Csr,
    /// The held-out items.
    pub probe: &'a Csr,
}

/// The losses of rows of logits, which stand `stride` apart and count `target.columns()`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn forward(level: Level, logits: &[f32], stride: usize, target: &Csr, held: Option<Held<'_>>) -> RowLosses {
    let (rows, items) = (target.rows(), target.columns());
    assert_eq!(logits.len(), rows * stride, "row_losses: [{rows}, {stride}]");
    let of_row = |r: usize| {
        let row = &logits[r * stride..][..items];
        let log_sum = log_sum_exp(level, row);
        let ce: f32 = target.row(r).iter().map(|i| log_sum - row[*i as usize]).sum();
        let probe = held.map_or(0.0, |held| probe_loss(level, row, held.seen.row(r), held.probe.row(r)));
        (ce, probe, log_sum)
    };
    let all: Vec<_> = (0..rows).into_par_iter().map(of_row).collect();
    RowLosses {
        cross_entropy: all.iter().map(|x| x.0).collect(),
        probe: if held.is_some() { all.iter().map(|x| x.1).collect() } else { Vec::new() },
        log_sum: all.iter().map(|x| x.2).collect(),
    }
}

/// Gradient of the cross-entropies with respect to the logits, `[R, stride]`, zero beyond the items:
/// `d[r] · (|target| softmax(logits) − target)`.
#[must_use]
pub fn backward(level: Level, logits: &[f32], stride: usize, target: &Csr, log_sum: &[f32], d: &[f32]) -> Vec<f32> {
    let items = target.columns();
    build_chunks(logits.len(), stride, |r, out| {
        let out = out.repeat(&logits[r * stride..][..stride]);
        let listed = target.row(r);
        scaled_softmax(level, &mut out[..items], log_sum[r], d[r] * listed.len() as f32);
        out[items..].fill(0.0);
        for &item in listed {
            out[item as usize] -= d[r];
        }
    })
}

/// −Σ_{i ∈ probe} log p(i), p the softmax over items that are not in `seen`; 0 without probe items.
#[must_use]
pub fn probe_loss(level: Level, logits: &[f32], seen: &[u32], probe: &[u32]) -> f32 {
    if probe.is_empty() {
        return 0.0;
    }
    let mut row = logits.to_vec();
    for &item in seen {
        row[item as usize] = f32::NEG_INFINITY;
    }
    let log_sum = log_sum_exp(level, &row);
    probe.iter().map(|i| log_sum - logits[*i as usize]).sum()
}

per_level! {
    /// log Σ exp(x), with the largest entry subtracted so that it stays finite.
    pub fn log_sum_exp(row: &[f32]) -> f32 = log_sum_exp_body
}

/// Independent sums, so that the order of addition does not depend on the instruction set's width.
pub(crate) const LANES: usize = 64;

#[inline(always)]
pub(crate) fn log_sum_exp_body<const FMA: bool>(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut largest = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for j in 0..LANES {
            largest[j] = if chunk[j] > largest[j] { chunk[j] } else { largest[j] };
        }
    }
    let top = largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0f32; LANES];
    for chunk in chunks {
        for j in 0..LANES {
            sums[j] += exp::<FMA>(chunk[j] - top);
        }
    }
    let tail: f32 = rest.iter().map(|x| exp::<FMA>(x - top)).sum();
    top + (sums.iter().sum::<f32>() + tail).ln()
}

per_level! {
    fn scaled_softmax(row: &mut [f32], log_sum: f32, factor: f32) = scaled_softmax_body
}

#[inline(always)]
fn scaled_softmax_body<const FMA: bool>(row: &mut [f32], log_sum: f32, factor: f32) {
    for x in row {
        *x = factor * exp::<FMA>(*x - log_sum);
    }
}
