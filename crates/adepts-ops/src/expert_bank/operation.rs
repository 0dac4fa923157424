use burn::backend::Flex;
use burn::tensor::{Tensor, activation};
use burn_flex::FlexTensor;

use super::Last;
use super::kernel::{self, Bank, Cut, Layer, Saved};
use crate::extend::{Place, Tracked, all, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;

/// Layers of an expert at most.
const MOST_LAYERS: usize = 8;

/// `out[b] = Σ_e gates[b, e] · MLP_e(x[b])`: the networks of a mixture, the towers of domains, or, with gates that are 1 for
/// one expert of each row, a network for each group of rows.
///
/// ReLU follows every layer, the last one only where `last` says so. An expert whose gate is 0 for a row is not computed for
/// it, forward or backward, and this gate's gradient is 0. With [`Cut::Tiles`] the result for a row does not depend on the
/// others; the number of rows is free.
///
/// # Shapes
/// x `[B, I]`; layers: weight `[E, in, out]` and bias `[E, out]`, one to eight of them; gates `[B, E]` → `[B, out]`.
///
/// # Panics
/// If the shapes do not fit or there are no or more than eight layers.
#[must_use]
pub fn expert_bank(
    x: Tensor<2>,
    layers: &[(Tensor<3>, Tensor<2>)],
    gates: Tensor<2>,
    last: Last,
    cut: Cut,
) -> Tensor<2> {
    check(&x, layers, &gates);
    match (place(&x), layers.len()) {
        (Place::Other, _) => composed_expert_bank(x, layers, gates, last),
        (Place::Cpu { tracked: false }, _) => {
            let mut inputs = vec![flex(x), flex(gates)];
            inputs.extend(layers.iter().flat_map(|(weight, bias)| [flex(weight.clone()), flex(bias.clone())]));
            let (out, _) = run(&inputs, last, cut);
            Tensor::from_primitive::<Flex>(out)
        }
        (_, 1) => recorded::<4>(x, layers, gates, last, cut),
        (_, 2) => recorded::<6>(x, layers, gates, last, cut),
        (_, 3) => recorded::<8>(x, layers, gates, last, cut),
        (_, 4) => recorded::<10>(x, layers, gates, last, cut),
        (_, 5) => recorded::<12>(x, layers, gates, last, cut),
        (_, 6) => recorded::<14>(x, layers, gates, last, cut),
        (_, 7) => recorded::<16>(x, layers, gates, last, cut),
        _ => recorded::<18>(x, layers, gates, last, cut),
    }
}

/// The operation with its gradients, for `N` inputs: x, gates, and two of each layer.
fn recorded<const N: usize>(
    x: Tensor<2>,
    layers: &[(Tensor<3>, Tensor<2>)],
    gates: Tensor<2>,
    last: Last,
    cut: Cut,
) -> Tensor<2> {
    let mut inputs = vec![tracked(x), tracked(gates)];
    inputs.extend(layers.iter().flat_map(|(weight, bias)| [tracked(weight.clone()), tracked(bias.clone())]));
    Tensor::from_primitive::<Tracked>(record(
        all::<_, N>(inputs),
        |inputs| {
            let (out, saved) = run(&inputs, last, cut);
            (out, (inputs, last, saved))
        },
        |(inputs, last, saved): ([FlexTensor; N], Last, Saved), d_out| {
            let gradients = with_bank(&inputs, last, |bank, x, _| {
                kernel::backward(Level::best(), bank, x, &saved, elements(&d_out))
            });
            let mut values = vec![gradients.x, gradients.gates];
            values.extend(gradients.layers.into_iter().flat_map(|(weight, bias)| [weight, bias]));
            all(values
                .into_iter()
                .zip(&inputs)
                .map(|(values, input)| from_vec(values, input.layout().shape().clone()))
                .collect())
        },
    ))
}

fn run(inputs: &[FlexTensor], last: Last, cut: Cut) -> (FlexTensor, Saved) {
    with_bank(inputs, last, |bank, x, gates| {
        let (out, saved) = kernel::forward(Level::best(), bank, x, gates, cut);
        (from_vec(out, [gates.len() / bank.experts, bank.layers[bank.layers.len() - 1].outputs]), saved)
    })
}

/// The bank, x and the gates that the inputs of the operation are.
fn with_bank<R>(inputs: &[FlexTensor], last: Last, work: impl FnOnce(Bank<'_>, &[f32], &[f32]) -> R) -> R {
    let mut layers = Vec::new();
    for of_layer in inputs[2..].chunks_exact(2) {
        let [_, inputs, outputs] = of_layer[0].layout().shape().dims();
        let (weight, bias) = (elements(&of_layer[0]), elements(&of_layer[1]));
        layers.push(Layer { inputs, outputs, weight, bias });
    }
    let [_, experts] = inputs[1].layout().shape().dims();
    work(Bank { experts, layers: &layers, last }, elements(&inputs[0]), elements(&inputs[1]))
}

/// Panics unless there are one to eight layers whose shapes fit.
pub(crate) fn check(x: &Tensor<2>, layers: &[(Tensor<3>, Tensor<2>)], gates: &Tensor<2>) {
    assert!((1..=MOST_LAYERS).contains(&layers.len()), "expert_bank: {} layers, not 1 to {MOST_LAYERS}", layers.len());
    let ([rows, mut width], [gated, experts]) = (x.dims(), gates.dims());
    assert_eq!(rows, gated, "expert_bank: x [{rows}, {width}], gates [{gated}, {experts}]");
    for (at, (weight, bias)) in layers.iter().enumerate() {
        let ([e, inputs, outputs], bias) = (weight.dims(), bias.dims());
        assert!(
            e == experts && inputs == width && bias == [experts, outputs],
            "expert_bank: {experts} experts, layer {at} of width {width}: weight [{e}, {inputs}, {outputs}], bias {bias:?}"
        );
        width = outputs;
    }
}

/// The default body: the same by ordinary tensor operations, on every device; computes all experts for all rows.
#[must_use]
pub fn composed_expert_bank(
    x: Tensor<2>,
    layers: &[(Tensor<3>, Tensor<2>)],
    gates: Tensor<2>,
    last: Last,
) -> Tensor<2> {
    let ([rows, inputs], [_, experts]) = (x.dims(), gates.dims());
    let mut h = x.unsqueeze::<3>().expand([experts, rows, inputs]);
    for (at, (weight, bias)) in layers.iter().enumerate() {
        h = h.matmul(weight.clone()) + bias.clone().unsqueeze_dim::<3>(1);
        if at + 1 < layers.len() || last == Last::Relu {
            h = activation::relu(h);
        }
    }
    let [_, _, outputs] = h.dims();
    let gates = gates.transpose().unsqueeze_dim::<3>(2).expand([experts, rows, outputs]);
    // Filling cuts the gradient of a gate that is 0, and keeps what is not finite in an expert that is not selected out.
    let h = h.mask_fill(gates.clone().equal_elem(0.0), 0.0);
    (h * gates).sum_dim(0).reshape([rows, outputs])
}
