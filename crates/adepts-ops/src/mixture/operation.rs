use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{Tensor, activation};
use burn_flex::FlexTensor;

use super::kernel::{self, Cut, Decoders, Rule, Saved, Score, Shape};
use super::row_pass::LEAST_LOSS;
use crate::csr::Csr;
use crate::dense;
use crate::extend::{Place, Tracked, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;

fn shape(z: &Tensor<3>, weight: &Tensor<3>) -> Shape {
    let ([experts, rows, hidden], [_, _, items]) = (z.dims(), weight.dims());
    Shape { experts, rows, hidden, items }
}

fn decoders<'a>(shape: Shape, weight: &'a FlexTensor, bias: &'a FlexTensor) -> Decoders<'a> {
    Decoders { shape, weight: elements(weight), bias: elements(bias) }
}

fn gradients(shape: Shape, gradients: kernel::Gradients) -> [FlexTensor; 3] {
    let Shape { experts, rows, hidden, items } = shape;
    [
        from_vec(gradients.z, [experts, rows, hidden]),
        from_vec(gradients.weight, [experts, hidden, items]),
        from_vec(gradients.bias, [experts, items]),
    ]
}

/// Mixture whose shares come from each expert's loss on held-out items (TALL, arXiv 2404.08887): packed rows `[O | L | g]`,
/// the mixed logits, the experts' probe losses (nats) and their shares.
///
/// # Shapes
/// z `[K, R, H]`, weight `[K, H, I]`, bias `[K, I]`, seen and probe `[R, I]` → `[R, I + 2K]`.
#[must_use]
pub fn driven(
    z: Tensor<3>,
    weight: Tensor<3>,
    bias: Tensor<2>,
    seen: &Arc<Csr>,
    probe: &Arc<Csr>,
    rule: Rule,
    cut: Cut,
) -> Tensor<2> {
    type State = (Shape, [FlexTensor; 3], Arc<Csr>, Arc<Csr>, Rule, Saved);
    let shape = shape(&z, &weight);
    let out_shape = [shape.rows, shape.items + 2 * shape.experts];
    match place(&z) {
        Place::Other => composed_driven(z, weight, bias, seen, probe, rule),
        Place::Cpu { tracked: false } => {
            let (z, weight, bias) = (flex(z), flex(weight), flex(bias));
            let d = decoders(shape, &weight, &bias);
            let (out, _) = kernel::driven(Level::best(), d, elements(&z), seen, probe, rule, cut);
            Tensor::from_primitive::<Flex>(from_vec(out, out_shape))
        }
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(z), tracked(weight), tracked(bias)],
            |inputs| {
                let [z, weight, bias] = &inputs;
                let d = decoders(shape, weight, bias);
                let (out, saved) = kernel::driven(Level::best(), d, elements(z), seen, probe, rule, cut);
                let state: State = (shape, inputs, Arc::clone(seen), Arc::clone(probe), rule, saved);
                (from_vec(out, out_shape), state)
            },
            |(shape, [z, weight, bias], seen, probe, rule, saved): State, d_out| {
                let d = decoders(shape, &weight, &bias);
                let (z, d_out) = (elements(&z), elements(&d_out));
                gradients(shape, kernel::driven_backward(Level::best(), d, z, &seen, &probe, rule, saved, d_out))
            },
        )),
    }
}

/// Mixture with given shares: `O[r] = Σ_k g[r, k] (z[k, r] · weight[k] + bias[k])`.
///
/// # Shapes
/// z `[K, R, H]`, weight `[K, H, I]`, bias `[K, I]`, gates `[R, K]` → `[R, I]`.
#[must_use]
pub fn given(z: Tensor<3>, weight: Tensor<3>, bias: Tensor<2>, gates: Tensor<2>, cut: Cut) -> Tensor<2> {
    type State = (Shape, [FlexTensor; 4]);
    let shape = shape(&z, &weight);
    let out_shape = [shape.rows, shape.items];
    match place(&z) {
        Place::Other => composed_given(z, weight, bias, gates),
        Place::Cpu { tracked: false } => {
            let (z, weight, bias, gates) = (flex(z), flex(weight), flex(bias), flex(gates));
            let out = kernel::given(decoders(shape, &weight, &bias), elements(&z), elements(&gates), cut);
            Tensor::from_primitive::<Flex>(from_vec(out, out_shape))
        }
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(z), tracked(weight), tracked(bias), tracked(gates)],
            |inputs| {
                let [z, weight, bias, gates] = &inputs;
                let out = kernel::given(decoders(shape, weight, bias), elements(z), elements(gates), cut);
                (from_vec(out, out_shape), (shape, inputs) as State)
            },
            |(shape, [z, weight, bias, gates]): State, d_out| {
                let d = decoders(shape, &weight, &bias);
                let (grads, d_gates) = kernel::given_backward(d, elements(&z), elements(&gates), elements(&d_out));
                let [z, weight, bias] = gradients(shape, grads);
                [z, weight, bias, from_vec(d_gates, [shape.rows, shape.experts])]
            },
        )),
    }
}

/// What the number of rows of [`fold_in`] must be a multiple of, for a weight `[K, H, I]`.
#[must_use]
pub fn fold_in_tile(weight: &Tensor<3>, rows: usize) -> usize {
    let [experts, hidden, _] = weight.dims();
    match place(weight) {
        Place::Cpu { tracked: false } => kernel::tile(Level::best(), experts, rows, hidden),
        _ => kernel::TILE,
    }
}

/// The answer of a mixture whose gate looks at a part of the history: rows `[O | g]`, the logits for the whole history mixed
/// by shares that come from the experts' losses for the part. It is for prediction, and rows do not depend on each other.
///
/// # Shapes
/// z of the part and of the whole `[K, R, H]`, weight `[K, H, I]`, bias `[K, I]`, seen and probe `[R, I]` → `[R, I + K]`, R a
/// multiple of [`fold_in_tile`].
#[must_use]
pub fn fold_in(
    z_seen: Tensor<3>,
    z: Tensor<3>,
    weight: Tensor<3>,
    bias: Tensor<2>,
    seen: &Arc<Csr>,
    probe: &Arc<Csr>,
    rule: Rule,
) -> Tensor<2> {
    let shape = shape(&z, &weight);
    if let Place::Cpu { tracked: false } = place(&z) {
        let (z_seen, z, weight, bias) = (flex(z_seen), flex(z), flex(weight), flex(bias));
        let d = decoders(shape, &weight, &bias);
        let out = kernel::fold_in(Level::best(), d, elements(&z_seen), elements(&z), seen, probe, rule);
        return Tensor::from_primitive::<Flex>(from_vec(out, [shape.rows, shape.items + shape.experts]));
    }
    let gate = driven(z_seen, weight.clone(), bias.clone(), seen, probe, rule, Cut::Whole);
    let shares = gate.narrow(1, shape.items + shape.experts, shape.experts);
    let mixed = given(z, weight, bias, shares.clone(), Cut::Whole);
    Tensor::cat(vec![mixed, shares], 1)
}

fn logits(z: Tensor<3>, weight: Tensor<3>, bias: Tensor<2>) -> Tensor<3> {
    let [experts, items] = bias.dims();
    z.matmul(weight) + bias.reshape([experts, 1, items])
}

fn mix(logits: Tensor<3>, gates: Tensor<2>) -> Tensor<2> {
    let [experts, rows, items] = logits.dims();
    (logits * gates.swap_dims(0, 1).reshape([experts, rows, 1])).sum_dim(0).reshape([rows, items])
}

/// The default body of [`given`].
#[must_use]
pub fn composed_given(z: Tensor<3>, weight: Tensor<3>, bias: Tensor<2>, gates: Tensor<2>) -> Tensor<2> {
    mix(logits(z, weight, bias), gates)
}

/// The default body of [`driven`].
#[must_use]
pub fn composed_driven(
    z: Tensor<3>,
    weight: Tensor<3>,
    bias: Tensor<2>,
    seen: &Csr,
    probe: &Csr,
    rule: Rule,
) -> Tensor<2> {
    let device = z.device();
    let logits = logits(z, weight, bias);
    let [experts, rows, _] = logits.dims();
    let held = dense::ones(probe, &device);
    let count = held.clone().sum_dim(1);
    let log_sum = dense::log_sum_exp(logits.clone() + dense::mask(seen, &device).unsqueeze::<3>());
    let losses = ((log_sum - logits.clone()) * held.unsqueeze::<3>()).sum_dim(2).reshape([experts, rows]);
    // `[R, K]`; a row without a probe keeps loss 0 and equal shares.
    let some = count.clone().greater_elem(0.0);
    let losses = losses.swap_dims(0, 1).clamp_min(LEAST_LOSS);
    let n = if rule.mean { count.clamp_min(1.0) } else { count.ones_like() };
    let score = match rule.score {
        Score::Inverse => losses.clone().recip() * n / rule.temperature,
        Score::Negative => -losses.clone() / n / rule.temperature,
    };
    let score = if rule.detach { score.detach() } else { score };
    let none = some.clone().bool_not().expand([rows, experts]);
    let shares = activation::softmax(score.mask_fill(none.clone(), 0.0), 1);
    Tensor::cat(vec![mix(logits, shares.clone()), losses.mask_fill(none, 0.0), shares], 1)
}
