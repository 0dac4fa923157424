use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{Device, Tensor, TensorData, activation};
use burn_flex::FlexTensor;

use super::information::{self as joint, Saved as SavedInformation};
use super::kernel::{self, Keep, Saved};
use crate::embedding::Codes;
use crate::extend::{Place, Tracked, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;
use crate::normal::{self, Noise};
use crate::top_k::top_k;

/// Added to the logits of experts that are not kept; no other logit is that small.
const OUT: f32 = -1e30;
/// Below it a share counts as none in a logarithm.
const LEAST: f32 = 1e-30;

/// The weights of a gate that keeps `k` experts for each row (Shazeer et al., ICLR 2017). Of the clean logits c, or with noise of
/// `c + ε ⊙ softplus(s)`, the k largest are kept. Their weights are a softmax over them, others have weight 0 and no gradient;
/// with k = 1 the weight is that of the kept one in the softmax over all, because over one logit it would be 1 and teach the
/// gate nothing. Shared experts stand behind the others and have weight 1.
///
/// # Shapes
/// logits `[R, N]`, or with noise `[R, 2N]`, c before s; ε `[R, N]` → `[R, N + S]`.
///
/// # Panics
/// If the shapes do not fit or k is not 1 to N.
#[must_use]
pub fn keep(logits: Tensor<2>, noise: Option<&Noise>, keep: Keep) -> Tensor<2> {
    let [rows, width] = logits.dims();
    let expected = if noise.is_some() { 2 * keep.experts } else { keep.experts };
    assert_eq!(width, expected, "gate: logits [{rows}, {width}] of {} experts", keep.experts);
    let shape = [rows, keep.experts + keep.shared];
    match place(&logits) {
        Place::Other => composed_keep(logits, noise, keep),
        Place::Cpu { tracked: false } => {
            let (gates, _) = kernel::forward(Level::best(), keep, elements(&flex(logits)), noise);
            Tensor::from_primitive::<Flex>(from_vec(gates, shape))
        }
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(logits)],
            |[logits]| {
                let (gates, saved) = kernel::forward(Level::best(), keep, elements(&logits), noise);
                let gates = from_vec(gates, shape);
                (gates.clone(), (gates, saved, keep, [rows, width]))
            },
            |(gates, saved, keep, shape): (FlexTensor, Saved, Keep, [usize; 2]), d| {
                let d = kernel::backward(Level::best(), keep, elements(&gates), &saved, elements(&d));
                [from_vec(d, shape)]
            },
        )),
    }
}

/// The mutual information of domain and expert in a batch (nats), a single number of at most min(H(D), log N); see
/// [`joint::forward`]. Its gradient goes through the probabilities, a softmax over the first N columns of the logits.
///
/// # Shapes
/// logits `[R, ≥ N]`, a domain for each row → `[1]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn information(logits: Tensor<2>, experts: usize, domains: &Arc<Codes>) -> Tensor<1> {
    let [_, stride] = logits.dims();
    let of = |logits: &FlexTensor| {
        let (information, saved) = joint::forward(Level::best(), experts, elements(logits), stride, domains);
        (from_vec(vec![information as f32], [1]), saved)
    };
    match place(&logits) {
        Place::Other => composed_information(logits, experts, domains),
        Place::Cpu { tracked: false } => Tensor::from_primitive::<Flex>(of(&flex(logits)).0),
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(logits)],
            |[logits]| {
                let shape = logits.layout().shape().dims::<2>();
                let (information, saved) = of(&logits);
                (information, (saved, shape))
            },
            |(saved, shape): (SavedInformation, [usize; 2]), d| {
                [from_vec(joint::backward(Level::best(), &saved, elements(&d)[0]), shape)]
            },
        )),
    }
}

/// The k largest of each row as ones among zeros, `[R, N]`.
fn kept(logits: &Tensor<2>, k: usize) -> Tensor<2> {
    let [rows, experts] = logits.dims();
    let values = logits.clone().into_data().convert::<f32>();
    let values = values.as_slice::<f32>().expect("converted to 32-bit floats");
    let (mut ones, mut best) = (vec![0.0f32; rows * experts], Vec::new());
    for (ones, row) in ones.chunks_exact_mut(experts).zip(values.chunks_exact(experts)) {
        top_k(row, k, &mut best);
        for expert in &best {
            ones[*expert as usize] = 1.0;
        }
    }
    constant(ones, [rows, experts], &logits.device())
}

fn constant(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The default body of [`keep`].
#[must_use]
pub fn composed_keep(logits: Tensor<2>, noise: Option<&Noise>, keep: Keep) -> Tensor<2> {
    let (Keep { experts, k, shared }, [rows, _], device) = (keep, logits.dims(), logits.device());
    let noisy = match noise {
        Some(noise) => {
            let eps = constant(normal::draw(Level::best(), noise, rows, experts), [rows, experts], &device);
            let [clean, raw] = [0, experts].map(|from| logits.clone().narrow(1, from, experts));
            // softplus(x) = −log σ(−x)
            clean - activation::log_sigmoid(-raw) * eps
        }
        None => logits,
    };
    let gates = if k == experts {
        activation::softmax(noisy, 1)
    } else {
        let kept = kept(&noisy, k);
        match k {
            1 => activation::softmax(noisy, 1) * kept,
            _ => activation::softmax(noisy + (kept - 1.0) * -OUT, 1),
        }
    };
    if shared == 0 {
        return gates;
    }
    Tensor::cat(vec![gates, constant(vec![1.0; rows * shared], [rows, shared], &device)], 1)
}

/// The default body of [`information`].
#[must_use]
pub fn composed_information(logits: Tensor<2>, experts: usize, domains: &Codes) -> Tensor<1> {
    let rows = domains.rows();
    let present = domains.all().iter().max().map_or(0, |last| *last as usize + 1);
    let mut own = vec![0.0; rows * present];
    for (row, domain) in domains.all().iter().enumerate() {
        own[row * present + *domain as usize] = 1.0;
    }
    let own = constant(own, [rows, present], &logits.device());
    let log = |x: &Tensor<2>| x.clone().clamp_min(LEAST).log();
    let probabilities = activation::softmax(logits.narrow(1, 0, experts), 1);
    let joint = own.transpose().matmul(probabilities) / rows as f32;
    let (domain, expert) = (joint.clone().sum_dim(1), joint.clone().sum_dim(0));
    (joint.clone() * (log(&joint) - log(&domain) - log(&expert))).sum()
}
