//! Gates that keep a few experts, and the losses that spread examples over experts.

use std::f64::consts::SQRT_2;

use adepts_core::tensors::values;
use adepts_ops::top_k::top_k;
use burn::tensor::{Tensor, TensorData, activation};

/// Added to the logits of experts that are not kept; no other logit is that small.
const OUT: f32 = -1e30;
/// Below it a share counts as none in a logarithm.
const LEAST: f32 = 1e-30;
/// The least standard deviation of noise that [`load`] divides by.
const LEAST_DEVIATION: f32 = 1e-6;

/// `[rows, experts]` numbers that are not learned, of which those of `one` list of indices for each row are 1.
fn ones(like: &Tensor<2>, lists: impl Iterator<Item = Vec<u32>>) -> Tensor<2> {
    let [rows, experts] = like.dims();
    let mut ones = vec![0.0f32; rows * experts];
    for (row, list) in ones.chunks_exact_mut(experts).zip(lists) {
        for expert in list {
            row[expert as usize] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(ones, [rows, experts]), &like.device())
}

/// The best `k` of each row, best first; of equal logits those of lower index.
fn best(logits: &Tensor<2>, k: usize) -> Vec<Vec<u32>> {
    let [_, experts] = logits.dims();
    let of = |row: &[f32]| {
        let mut best = Vec::with_capacity(k);
        top_k(row, k, &mut best);
        best
    };
    values(logits).chunks_exact(experts).map(of).collect()
}

/// A softmax over the k largest logits of each row, 0 for the others, and no gradient through them. With k = 1 the kept one
/// has its share of the softmax over all: over one logit it would be 1, and would teach the gate nothing.
///
/// # Shapes
/// logits `[R, N]` → `[R, N]`.
#[must_use]
pub fn keep(logits: Tensor<2>, k: usize) -> Tensor<2> {
    if k == logits.dims()[1] {
        return activation::softmax(logits, 1);
    }
    let kept = ones(&logits, best(&logits, k).into_iter());
    if k == 1 {
        return activation::softmax(logits, 1) * kept;
    }
    activation::softmax(logits + (kept - 1.0) * -OUT, 1)
}

/// The mutual information of domain and expert in a batch (nats), a single number of at most min(H(D), log N): with
/// `P(d, i)` the sum of expert i's probability over the rows of domain d, divided by the rows,
/// `I = Σ P(d,i) log (P(d,i) / (P(d) P(i)))` (Chen et al., Mod-Squad, CVPR 2023). A domain without rows adds nothing.
///
/// # Shapes
/// probabilities `[R, N]`, `own`, 1 for the domain of a row, `[R, D]`.
#[must_use]
pub fn information(probabilities: Tensor<2>, own: &Tensor<2>) -> Tensor<1> {
    let rows = own.dims()[0] as f32;
    let log = |x: &Tensor<2>| x.clone().clamp_min(LEAST).log();
    let joint = own.clone().transpose().matmul(probabilities) / rows;
    let (domain, expert) = (joint.clone().sum_dim(1), joint.clone().sum_dim(0));
    (joint.clone() * (log(&joint) - log(&domain) - log(&expert))).sum()
}

/// The squared coefficient of variation of the experts' sums, a single number: 0 where all have as much (Shazeer et al. 2017,
/// eq. 6 to 7 of shares, eq. 11 of [`load`]).
///
/// # Shapes
/// `[R, N]`.
#[must_use]
pub fn variation(of: Tensor<2>) -> Tensor<1> {
    let sums = of.sum_dim(0);
    let mean = sums.clone().mean_dim(1);
    ((sums - mean.clone()).square().mean_dim(1) / (mean.square() + 1e-10)).reshape([1])
}

/// The probability that each expert is kept if its noise alone were drawn again, smooth where [`keep`] is not (Shazeer et al.
/// 2017, eq. 8 to 9).
///
/// # Shapes
/// clean and noisy logits and the standard deviations of the noise, each `[R, N]`, and k < N → `[R, N]`.
#[must_use]
pub fn load(clean: Tensor<2>, noisy: &Tensor<2>, deviation: Tensor<2>, k: usize) -> Tensor<2> {
    let order = best(noisy, k + 1);
    let nth = |n: usize| {
        let place = ones(noisy, order.iter().map(|best| vec![best[n]]));
        (noisy.clone() * place).sum_dim(1)
    };
    let kept = ones(noisy, order.iter().map(|best| best[..k].to_vec()));
    // What it must exceed: the k-th largest among the others.
    let (outside, inside) = (nth(k - 1), nth(k));
    let threshold = outside.clone() + kept * (inside - outside);
    let distance = (clean - threshold) / (deviation.clamp_min(LEAST_DEVIATION) * SQRT_2);
    (distance.erf() + 1.0) * 0.5
}
