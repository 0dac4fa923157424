//! From the logits of a gate to its weights in one pass over rows: noise, the k largest, a softmax over them.

use crate::buffer::{build_chunks, build_three};
use crate::level::{Level, per_level};
use crate::math::{exp, fma, ln};
use crate::normal::{Noise, ROWS};

/// What a gate keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Number of experts that it chooses from, N.
    pub experts: usize,
    /// How many of them it keeps.
    pub k: usize,
    /// Number of experts behind them that every row meets, S: their weight is 1.
    pub shared: usize,
}

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    /// The softmax, 0 for experts that it does not go over, `[R, N]`.
    softmax: Vec<f32>,
    /// How much a noisy logit grows with what the noise's deviation is made of, `[R, N]`.
    slope: Vec<f32>,
    noisy: bool,
}

/// Independent sums, so that the order of addition does not depend on the instruction set's width.
const LANES: usize = 16;

/// The weights of the experts. Of the clean logits c, or with noise of `c + ε ⊙ softplus(s)`, the k largest are kept, of equal
/// ones those of lower index. Their weights are a softmax over them; with k = 1 the weight is that of the kept one in the
/// softmax over all, because over one logit it would be 1. Others have 0. A row with a logit that is not a number has weights
/// that are none.
///
/// # Shapes
/// logits `[R, N]`, or with noise `[R, 2N]`, c before s; ε `[R, N]` → `[R, N + S]`.
///
/// # Panics
/// If the shapes do not fit or k is not 1 to N.
#[must_use]
pub fn forward(level: Level, keep: Keep, logits: &[f32], noise: Option<&Noise>) -> (Vec<f32>, Saved) {
    let Keep { experts, k, shared } = keep;
    assert!((1..=experts).contains(&k), "gate: {k} of {experts} experts");
    let width = if noise.is_some() { 2 * experts } else { experts };
    let rows = logits.len() / width;
    assert_eq!(logits.len(), rows * width, "gate: logits of width {width}");
    if let Some(noise) = noise {
        noise.check(rows, experts);
    }
    let all = experts + shared;
    let sizes = [(rows * all, ROWS * all), (rows * experts, ROWS * experts), (rows * experts, ROWS * experts)];
    let [gates, softmax, slope] = build_three(sizes, |chunk, [gates, softmax, slope]| {
        let (gates, softmax, slope) = (gates.zero(), softmax.zero(), slope.zero());
        let logits = &logits[chunk * ROWS * width..][..softmax.len() / experts * width];
        match noise {
            Some(noise) => {
                noise.fill(level, chunk, experts, slope);
                perturb(level, experts, logits, softmax, slope);
            }
            None => softmax.copy_from_slice(logits),
        }
        keep_rows(level, keep, gates, softmax);
    });
    (gates, Saved { softmax, slope, noisy: noise.is_some() })
}

per_level! {
    fn perturb(experts: usize, logits: &[f32], noisy: &mut [f32], eps: &mut [f32]) = perturb_body
}

/// Noisy logits; ε becomes the slope ε σ(s).
#[inline(always)]
fn perturb_body<const FMA: bool>(experts: usize, logits: &[f32], noisy: &mut [f32], eps: &mut [f32]) {
    let rows = noisy.chunks_exact_mut(experts).zip(eps.chunks_exact_mut(experts));
    for ((noisy, eps), logits) in rows.zip(logits.chunks_exact(2 * experts)) {
        let (clean, raw) = logits.split_at(experts);
        for j in 0..experts {
            // softplus(s) = max(s, 0) + log(1 + e^−|s|); the maximum is written so that what is no number stays none.
            let t = exp::<FMA>(-raw[j].abs());
            let softplus = 0.5 * (raw[j] + raw[j].abs()) + ln::<FMA>(1.0 + t);
            let sigmoid = if raw[j] >= 0.0 { 1.0 } else { t } / (1.0 + t);
            noisy[j] = fma::<FMA>(softplus, eps[j], clean[j]);
            eps[j] *= sigmoid;
        }
    }
}

per_level! {
    fn keep_rows(keep: Keep, gates: &mut [f32], softmax: &mut [f32]) = keep_rows_body
}

/// Noisy logits become their softmax, and the kept part of it the weights.
#[inline(always)]
fn keep_rows_body<const FMA: bool>(keep: Keep, gates: &mut [f32], softmax: &mut [f32]) {
    let Keep { experts, k, shared } = keep;
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(k + 1);
    for (gates, row) in gates.chunks_exact_mut(experts + shared).zip(softmax.chunks_exact_mut(experts)) {
        let (chosen, always) = gates.split_at_mut(experts);
        always.fill(1.0);
        if row.iter().fold(false, |any, x| any | x.is_nan()) {
            row.fill(f32::NAN);
            chosen.fill(f32::NAN);
            continue;
        }
        if k < experts {
            largest(row, k, &mut best);
        }
        if k > 1 && k < experts {
            let top = best[0].0;
            let sum: f32 = best.iter().map(|(x, _)| exp::<FMA>(x - top)).sum();
            row.fill(0.0);
            for (x, expert) in &best {
                row[*expert] = exp::<FMA>(x - top) / sum;
                chosen[*expert] = row[*expert];
            }
            continue;
        }
        normalise::<FMA>(row);
        if k == experts {
            chosen.copy_from_slice(row);
        } else {
            chosen[best[0].1] = row[best[0].1];
        }
    }
}

/// The k largest of a row with their places, descending; of equal ones that of lower index first.
#[inline(always)]
fn largest(row: &[f32], k: usize, best: &mut Vec<(f32, usize)>) {
    best.clear();
    for (block, of_block) in row.chunks(LANES).enumerate() {
        // Most blocks have nothing that is large enough, which is seen at once.
        if let Some((least, _)) = best.get(k - 1)
            && of_block.iter().map(|x| u32::from(x > least)).sum::<u32>() == 0
        {
            continue;
        }
        for (place, x) in (block * LANES..).zip(of_block) {
            if best.len() == k {
                if best[k - 1].0 >= *x {
                    continue;
                }
                best.pop();
            }
            let before = best.iter().rposition(|(other, _)| other >= x).map_or(0, |at| at + 1);
            best.insert(before, (*x, place));
        }
    }
}

/// Turns logits into their softmax.
#[inline(always)]
pub(super) fn normalise<const FMA: bool>(row: &mut [f32]) {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut largest = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for j in 0..LANES {
            largest[j] = if chunk[j] > largest[j] { chunk[j] } else { largest[j] };
        }
    }
    let top = largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    for x in &mut *row {
        *x = exp::<FMA>(*x - top);
    }
    let share = 1.0 / sum(row, row, |x, _| x);
    for x in row {
        *x *= share;
    }
}

/// Σ of `f` over pairs.
#[inline(always)]
pub(super) fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for j in 0..LANES {
            sums[j] += f(a[j], b[j]);
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += f(*a, *b);
    }
    sums.iter().sum()
}

/// Gradient of [`forward`] with respect to the logits, given its result and the gradient of that.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn backward(level: Level, keep: Keep, gates: &[f32], saved: &Saved, d_gates: &[f32]) -> Vec<f32> {
    let (experts, all) = (keep.experts, keep.experts + keep.shared);
    assert_eq!(gates.len(), d_gates.len(), "gate: gradient");
    let width = if saved.noisy { 2 * experts } else { experts };
    build_chunks(saved.softmax.len() / experts * width, ROWS * width, |chunk, out| {
        let (of_gates, of_experts) = (chunk * ROWS * all, chunk * ROWS * experts);
        let (softmax, slope) = (&saved.softmax[of_experts..], &saved.slope[of_experts..]);
        rows_backward(level, keep, out.zero(), width, &gates[of_gates..], softmax, slope, &d_gates[of_gates..]);
    })
}

per_level! {
    fn rows_backward(
        keep: Keep,
        out: &mut [f32],
        width: usize,
        gates: &[f32],
        softmax: &[f32],
        slope: &[f32],
        d_gates: &[f32],
    ) = rows_backward_body
}

#[inline(always)]
fn rows_backward_body<const FMA: bool>(
    keep: Keep,
    out: &mut [f32],
    width: usize,
    gates: &[f32],
    softmax: &[f32],
    slope: &[f32],
    d_gates: &[f32],
) {
    let (experts, all) = (keep.experts, keep.experts + keep.shared);
    let rows = out.chunks_exact_mut(width).zip(gates.chunks_exact(all).zip(d_gates.chunks_exact(all)));
    for ((out, (gates, d)), (p, slope)) in rows.zip(softmax.chunks_exact(experts).zip(slope.chunks_exact(experts))) {
        let (gates, d) = (&gates[..experts], &d[..experts]);
        // Only kept weights are passed on, and a kept one is a number of its softmax.
        let mean = sum(gates, d, |gate, d| gate * d);
        let (of_clean, of_raw) = out.split_at_mut(experts);
        for j in 0..experts {
            let kept = if gates[j] == 0.0 { 0.0 } else { d[j] };
            of_clean[j] = p[j] * (kept - mean);
        }
        for (of_raw, (of_clean, slope)) in of_raw.iter_mut().zip(of_clean.iter().zip(slope)) {
            *of_raw = of_clean * slope;
        }
    }
}
