//! The mutual information of domain and expert in a batch, and its gradient: a pass over the rows each.

use super::kernel::{normalise, sum};
use crate::buffer::build_chunks;
use crate::embedding::Codes;
use crate::embedding::kernel::Use;
use crate::level::{Level, per_level};
use crate::normal::ROWS;

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    experts: usize,
    /// Width of a row of logits.
    stride: usize,
    /// p(i | row), `[R, N]`.
    softmax: Vec<f32>,
    /// log(P(d,i) / (P(d) P(i))) of the domains that have rows, `[domains, N]`.
    ratios: Vec<f32>,
    /// The place of each row's domain among these.
    domains: Vec<u32>,
}

/// `I = Σ P(d,i) log (P(d,i) / (P(d) P(i)))` in nats, where P(d, i) is the sum of the probabilities of expert i, a softmax
/// over the first N columns of the logits, over the rows of domain d, divided by the number of rows (Chen et al.,
/// Mod-Squad, CVPR 2023). A domain without rows adds nothing; without rows I is 0.
///
/// # Shapes
/// logits `[R, ≥ N]`, one domain for each row.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn forward(level: Level, experts: usize, logits: &[f32], stride: usize, domains: &Codes) -> (f64, Saved) {
    let rows = domains.rows();
    assert!(
        domains.all().len() == rows && logits.len() == rows * stride && (1..=stride).contains(&experts),
        "information: {} logits of width {stride}, {experts} experts, {rows} rows with a domain",
        logits.len()
    );
    let softmax = build_chunks(rows * experts, ROWS * experts, |chunk, out| {
        let out = out.zero();
        let logits = logits[chunk * ROWS * stride..].chunks_exact(stride);
        for (out, logits) in out.chunks_exact_mut(experts).zip(logits) {
            out.copy_from_slice(&logits[..experts]);
        }
        normalise_rows(level, experts, out);
    });
    let uses = domains.uses();
    let (mut places, mut pieces, mut present) = (vec![0; rows], Vec::new(), 0);
    for of_domain in uses.chunk_by(|a, b| a.code == b.code) {
        for of in of_domain {
            places[of.row as usize] = present as u32;
        }
        pieces.extend(of_domain.chunks(ROWS).map(|piece| (present, piece)));
        present += 1;
    }
    let sums = build_chunks(pieces.len() * experts, experts, |piece, out| {
        add_rows(level, out.zero(), &softmax, pieces[piece].1);
    });
    let mut joint = vec![0.0f64; present * experts];
    for ((domain, _), sums) in pieces.iter().zip(sums.chunks_exact(experts)) {
        let joint = &mut joint[domain * experts..][..experts];
        joint.iter_mut().zip(sums).for_each(|(joint, sum)| *joint += f64::from(*sum) / rows as f64);
    }
    let (information, ratios) = of_joint(&joint, experts);
    (information, Saved { experts, stride, softmax, ratios, domains: places })
}

/// I, and the logarithms in it, 0 where P(d, i) is.
fn of_joint(joint: &[f64], experts: usize) -> (f64, Vec<f32>) {
    let mut of_expert = vec![0.0; experts];
    for row in joint.chunks_exact(experts.max(1)) {
        of_expert.iter_mut().zip(row).for_each(|(sum, p)| *sum += p);
    }
    let (mut information, mut ratios) = (0.0, Vec::with_capacity(joint.len()));
    for row in joint.chunks_exact(experts.max(1)) {
        let of_domain: f64 = row.iter().sum();
        for (p, of_expert) in row.iter().zip(&of_expert) {
            let ratio = if *p == 0.0 { 0.0 } else { (p / of_domain / of_expert).ln() };
            information += p * ratio;
            ratios.push(ratio as f32);
        }
    }
    (information, ratios)
}

per_level! {
    fn normalise_rows(experts: usize, rows: &mut [f32]) = normalise_rows_body
}

#[inline(always)]
fn normalise_rows_body<const FMA: bool>(experts: usize, rows: &mut [f32]) {
    for row in rows.chunks_exact_mut(experts) {
        normalise::<FMA>(row);
    }
}

per_level! {
    fn add_rows(out: &mut [f32], softmax: &[f32], rows: &[Use]) = add_rows_body
}

#[inline(always)]
fn add_rows_body<const FMA: bool>(out: &mut [f32], softmax: &[f32], rows: &[Use]) {
    let experts = out.len();
    for of in rows {
        let row = &softmax[of.row as usize * experts..][..experts];
        out.iter_mut().zip(row).for_each(|(out, p)| *out += p);
    }
}

/// Gradient of `d · I` with respect to the logits, 0 in columns behind the first N.
#[must_use]
pub fn backward(level: Level, saved: &Saved, d: f32) -> Vec<f32> {
    let rows = saved.domains.len();
    // dI / dP(d,i) is the logarithm − 1, and a constant does not pass a softmax.
    let scale = d / rows.max(1) as f32;
    build_chunks(rows * saved.stride, ROWS * saved.stride, |chunk, out| {
        rows_backward(level, out.zero(), chunk * ROWS, saved, scale);
    })
}

per_level! {
    fn rows_backward(out: &mut [f32], first: usize, saved: &Saved, scale: f32) = rows_backward_body
}

#[inline(always)]
fn rows_backward_body<const FMA: bool>(out: &mut [f32], first: usize, saved: &Saved, scale: f32) {
    let experts = saved.experts;
    for (row, out) in (first..).zip(out.chunks_exact_mut(saved.stride)) {
        let p = &saved.softmax[row * experts..][..experts];
        let ratios = &saved.ratios[saved.domains[row] as usize * experts..][..experts];
        let mean = sum(p, ratios, |p, ratio| p * ratio);
        for (out, (p, ratio)) in out.iter_mut().zip(p.iter().zip(ratios)) {
            *out = scale * p * (ratio - mean);
        }
    }
}
