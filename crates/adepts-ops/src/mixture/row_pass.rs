//! What happens to one row of a loss-driven mixture: all experts' logits of a user, while they are in the cache.

use crate::level::{Level, per_level};
use crate::math::{exp, fma};
use crate::row_losses::kernel::LANES;
use crate::rows::prefetch;

use super::rule::{Rule, Score};

/// The least probe loss, so that 1/L stays finite (nats).
pub const LEAST_LOSS: f32 = 1e-6;

/// The gate of one row.
#[derive(Clone, Debug)]
pub struct RowGate {
    /// Shares `[K]`.
    pub shares: Vec<f32>,
    /// Probe losses as they enter the score, floored `[K]`.
    pub losses: Vec<f32>,
    /// log Σ exp over the items that are not seen `[K]`.
    pub log_sums: Vec<f32>,
}

/// Fills `out` with `[O | L | g]`, from the row's logits, one strip per expert, which are left as they were.
#[allow(clippy::too_many_arguments, reason = "one row of a fused operation")]
pub(crate) fn forward(
    level: Level,
    strips: &mut [&mut [f32]],
    seen: &[u32],
    probe: &[u32],
    rule: Rule,
    out: &mut [f32],
) -> RowGate {
    let (experts, items) = (strips.len(), strips[0].len());
    let mut losses = vec![0.0; experts];
    let mut log_sums = vec![0.0; experts];
    if !probe.is_empty() {
        for k in 0..experts {
            let (done, coming) = strips.split_at_mut(k + 1);
            (losses[k], log_sums[k]) = loss(level, done[k], seen, probe, first(coming));
        }
    }
    let shares = shares(&losses, probe.len(), rule);
    let (mixed, rest) = out.split_at_mut(items);
    let strips: Vec<&[f32]> = strips.iter().map(|strip| &**strip).collect();
    mix(level, &strips, &shares, mixed);
    rest[..experts].copy_from_slice(&losses);
    rest[experts..].copy_from_slice(&shares);
    RowGate { shares, losses, log_sums }
}

/// The probe loss of one expert, floored, and log Σ exp over the items that are not seen; `coming` is what will be read next.
/// The strip, the expert's logits, is left as it was.
pub(super) fn loss(level: Level, strip: &mut [f32], seen: &[u32], probe: &[u32], coming: Option<&[f32]>) -> (f32, f32) {
    // Seen items are hidden in place: a mask would have to be read along with every strip.
    let hide = |item: &u32| std::mem::replace(&mut strip[*item as usize], f32::NEG_INFINITY);
    let hidden: Vec<f32> = seen.iter().map(hide).collect();
    let log_sum = log_sum(level, strip, coming.unwrap_or(strip));
    for (hidden, item) in hidden.iter().zip(seen) {
        strip[*item as usize] = *hidden;
    }
    let loss: f32 = probe.iter().map(|i| log_sum - strip[*i as usize]).sum();
    // Not `max`, which would hide a NaN.
    (if loss < LEAST_LOSS { LEAST_LOSS } else { loss }, log_sum)
}

/// `mixed += Σ_k share_k · strip_k`.
pub(super) fn mix(level: Level, strips: &[&[f32]], shares: &[f32], mixed: &mut [f32]) {
    // Backwards, since the last strips are the ones that are still in the cache.
    for (strips, shares) in strips.rchunks(4).zip(shares.rchunks(4)) {
        match (strips, shares) {
            (&[one, two, three, four], &[a, b, c, d]) => add_four(level, mixed, [one, two, three, four], [a, b, c, d]),
            _ => strips.iter().zip(shares).for_each(|(strip, share)| add_scaled(level, mixed, strip, *share)),
        }
    }
}

/// Overwrites the strips (the row's logits, one strip per expert) with their gradients.
#[allow(clippy::too_many_arguments, reason = "one row of a fused operation")]
pub(crate) fn backward(
    level: Level,
    strips: &mut [&mut [f32]],
    gate: &RowGate,
    seen: &[u32],
    probe: &[u32],
    rule: Rule,
    d_out: &[f32],
) {
    let (experts, items) = (strips.len(), strips[0].len());
    let (d_mixed, rest) = d_out.split_at(items);
    let (d_losses, d_shares) = rest.split_at(experts);
    let mut through = vec![0.0; experts];
    if !probe.is_empty() {
        through.copy_from_slice(d_losses);
        if !rule.detach {
            let at =
                |k: usize| d_shares[k] + dot(level, d_mixed, strips[k], first(&strips[k + 1..]).unwrap_or(strips[k]));
            let d_shares: Vec<f32> = (0..experts).map(at).collect();
            let mean: f32 = gate.shares.iter().zip(&d_shares).map(|(g, d)| g * d).sum();
            for k in 0..experts {
                let d_score = gate.shares[k] * (d_shares[k] - mean);
                through[k] += d_score * slope(gate.losses[k], probe.len(), rule);
            }
        }
        for (k, d) in through.iter_mut().enumerate() {
            if gate.losses[k] <= LEAST_LOSS {
                *d = 0.0;
            }
        }
    }
    // Backwards, as above.
    for (k, strip) in strips.iter_mut().enumerate().rev() {
        if through[k] == 0.0 {
            scale_into(level, strip, d_mixed, gate.shares[k]);
            continue;
        }
        let factor = through[k] * probe.len() as f32;
        strip_gradient(level, strip, gate.log_sums[k], factor, d_mixed, gate.shares[k]);
        // Seen items have no part in the probe loss.
        for &item in seen {
            strip[item as usize] = gate.shares[k] * d_mixed[item as usize];
        }
        for &item in probe {
            strip[item as usize] -= through[k];
        }
    }
}

/// The strip that comes next. Strips lie far apart, so the processor does not foresee it and is told while it has other
/// work to do.
fn first<'a>(coming: &'a [&mut [f32]]) -> Option<&'a [f32]> {
    coming.first().map(|strip| &**strip)
}

/// Softmax over the experts of the score of their losses; equal shares without a probe.
pub(super) fn shares(losses: &[f32], probe: usize, rule: Rule) -> Vec<f32> {
    let experts = losses.len();
    if probe == 0 {
        return vec![1.0 / experts as f32; experts];
    }
    let n = if rule.mean { probe as f32 } else { 1.0 };
    let score = |loss: f32| match rule.score {
        Score::Inverse => n / (loss * rule.temperature),
        Score::Negative => -loss / (n * rule.temperature),
    };
    let top = losses.iter().map(|l| score(*l)).fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = losses.iter().map(|l| (score(*l) - top).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().map(|w| share(w / sum)).collect()
}

/// A share that is smaller than this counts as nothing. Beside shares that sum to 1 it changes no digit, while what it is
/// multiplied with may become subnormal, and products with subnormal numbers are many times slower.
const LEAST_SHARE: f32 = 1e-20;

/// A share, or 0 where it is next to nothing; NaN stays.
pub(super) fn share(gate: f32) -> f32 {
    if gate.abs() < LEAST_SHARE { 0.0 } else { gate }
}

/// Derivative of the score with respect to the (summed) loss.
fn slope(loss: f32, probe: usize, rule: Rule) -> f32 {
    let n = if rule.mean { probe as f32 } else { 1.0 };
    match rule.score {
        Score::Inverse => -n / (loss * loss * rule.temperature),
        Score::Negative => -1.0 / (n * rule.temperature),
    }
}

per_level! {
    fn log_sum(e: &[f32], coming: &[f32]) -> f32 = log_sum_body
}

/// log Σ exp(e).
#[inline(always)]
fn log_sum_body<const FMA: bool>(e: &[f32], coming: &[f32]) -> f32 {
    let (e, rest) = e.as_chunks::<LANES>();
    let mut largest = [f32::NEG_INFINITY; LANES];
    for e in e {
        for j in 0..LANES {
            largest[j] = if e[j] > largest[j] { e[j] } else { largest[j] };
        }
    }
    let top = largest.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0f32; LANES];
    for (i, e) in e.iter().enumerate() {
        prefetch::<LANES>(coming, i * LANES);
        for j in 0..LANES {
            sums[j] += exp::<FMA>(e[j] - top);
        }
    }
    let tail: f32 = rest.iter().map(|e| exp::<FMA>(e - top)).sum();
    top + (sums.iter().sum::<f32>() + tail).ln()
}

per_level! {
    fn add_scaled(out: &mut [f32], e: &[f32], share: f32) = add_scaled_body
}

#[inline(always)]
fn add_scaled_body<const FMA: bool>(out: &mut [f32], e: &[f32], share: f32) {
    for (o, e) in out.iter_mut().zip(e) {
        *o = fma::<FMA>(share, *e, *o);
    }
}

per_level! {
    fn add_four(out: &mut [f32], e: [&[f32]; 4], shares: [f32; 4]) = add_four_body
}

#[inline(always)]
fn add_four_body<const FMA: bool>(out: &mut [f32], e: [&[f32]; 4], shares: [f32; 4]) {
    let [one, two, three, four] = e.map(|e| &e[..out.len()]);
    for i in 0..out.len() {
        let half = fma::<FMA>(shares[1], two[i], fma::<FMA>(shares[0], one[i], out[i]));
        out[i] = fma::<FMA>(shares[3], four[i], fma::<FMA>(shares[2], three[i], half));
    }
}

per_level! {
    fn dot(a: &[f32], b: &[f32], coming: &[f32]) -> f32 = dot_body
}

/// Σ a b.
#[inline(always)]
fn dot_body<const FMA: bool>(a: &[f32], b: &[f32], coming: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0f32; LANES];
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        prefetch::<LANES>(coming, i * LANES);
        for j in 0..LANES {
            sums[j] = fma::<FMA>(a[j], b[j], sums[j]);
        }
    }
    let tail: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + tail
}

per_level! {
    fn scale_into(out: &mut [f32], d_mixed: &[f32], share: f32) = scale_into_body
}

#[inline(always)]
fn scale_into_body<const FMA: bool>(out: &mut [f32], d_mixed: &[f32], share: f32) {
    for (o, d) in out.iter_mut().zip(d_mixed) {
        *o = share * d;
    }
}

per_level! {
    fn strip_gradient(strip: &mut [f32], log_sum: f32, factor: f32, d_mixed: &[f32], share: f32) = strip_gradient_body
}

/// `factor · exp(e − log_sum) + share · dO`.
#[inline(always)]
fn strip_gradient_body<const FMA: bool>(strip: &mut [f32], log_sum: f32, factor: f32, d_mixed: &[f32], share: f32) {
    for (x, d) in strip.iter_mut().zip(d_mixed) {
        *x = fma::<FMA>(factor, exp::<FMA>(*x - log_sum), share * d);
    }
}
