//! The losses that spread rows over experts, and gates that select another number of them than in training.

use std::f64::consts::SQRT_2;

use adepts_core::tensors::values;
use adepts_ops::top_k::top_k;
use burn::tensor::{Tensor, TensorData};

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

/// The gates of prediction with the best `k` experts of each row: their shares in a softmax over these, or over all experts
/// (`among_all`, in which case they sum to less than 1). Behind them stands 1 for each of `shared` experts.
///
/// # Shapes
/// clean logits `[R, N]` → `[R, N + shared]`.
///
/// # Panics
/// If `k` is 0.
#[must_use]
pub fn select(clean: &Tensor<2>, k: usize, among_all: bool, shared: usize) -> Tensor<2> {
    assert!(k > 0, "select: no expert");
    let ([rows, experts], all) = (clean.dims(), values(clean));
    let mut gates = Vec::with_capacity(rows * (experts + shared));
    for (logits, best) in all.chunks_exact(experts).zip(best(clean, k)) {
        let top = logits[best[0] as usize];
        let weight = |expert: &u32| (logits[*expert as usize] - top).exp();
        let total: f32 =
            if among_all { logits.iter().map(|x| (x - top).exp()).sum() } else { best.iter().map(weight).sum() };
        let from = gates.len();
        gates.resize(from + experts, 0.0);
        for expert in &best {
            gates[from + *expert as usize] = weight(expert) / total;
        }
        gates.resize(gates.len() + shared, 1.0);
    }
    Tensor::from_data(TensorData::new(gates, [rows, experts + shared]), &clean.device())
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

/// The probability that each expert is kept if its noise alone were drawn again, smooth where
/// [`keep`](adepts_ops::gate::keep) is not (Shazeer et al. 2017, eq. 8 to 9).
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
