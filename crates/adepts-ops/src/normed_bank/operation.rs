use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData, activation};
use burn_flex::FlexTensor;

use super::kernel::{self, Norm, Saved};
use super::{EPSILON, Statistics};
use crate::expert_bank::kernel::{Bank, Layer};
use crate::expert_bank::{Last, check};
use crate::extend::{Place, Tracked, all, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;

/// One layer of every expert.
#[derive(Clone, Debug)]
pub struct NormedLayer {
    /// `[E, in, out]`.
    pub weight: Tensor<3>,
    /// `[E, out]`.
    pub bias: Tensor<2>,
    /// Scale and shift after the normalisation, each `[E, out]`; `None` where there is none.
    pub norm: Option<(Tensor<2>, Tensor<2>)>,
}

/// Which layers have a norm, and what follows the last one.
#[derive(Clone, Debug)]
struct Plan {
    normed: Vec<bool>,
    last: Last,
}

/// [`expert_bank`](crate::expert_bank::expert_bank) with batch normalisation between a layer and its ReLU, and the statistics of
/// the layers that have one.
///
/// # Shapes
/// x `[B, I]`; one to eight layers; gates `[B, E]` → `[B, out]`.
///
/// # Panics
/// If the shapes do not fit, there are no or more than eight layers, or a norm stands where no ReLU follows.
#[must_use]
pub fn normed_bank(
    x: Tensor<2>,
    layers: &[NormedLayer],
    gates: Tensor<2>,
    last: Last,
) -> (Tensor<2>, Vec<Option<Statistics>>) {
    let bank: Vec<_> = layers.iter().map(|layer| (layer.weight.clone(), layer.bias.clone())).collect();
    check(&x, &bank, &gates);
    let plan = Plan { normed: layers.iter().map(|layer| layer.norm.is_some()).collect(), last };
    match place(&x) {
        Place::Other => composed_normed_bank(x, layers, gates, last),
        Place::Cpu { tracked: false } => {
            let mut inputs = vec![flex(x), flex(gates)];
            for NormedLayer { weight, bias, norm } in layers {
                inputs.extend([flex(weight.clone()), flex(bias.clone())]);
                inputs.extend(norm.iter().flat_map(|(scale, shift)| [flex(scale.clone()), flex(shift.clone())]));
            }
            let (out, _, statistics) = run(&inputs, &plan);
            (Tensor::from_primitive::<Flex>(out), statistics)
        }
        Place::Cpu { tracked: true } => {
            let mut inputs = vec![tracked(x), tracked(gates)];
            for NormedLayer { weight, bias, norm } in layers {
                inputs.extend([tracked(weight.clone()), tracked(bias.clone())]);
                inputs.extend(norm.iter().flat_map(|(scale, shift)| [tracked(scale.clone()), tracked(shift.clone())]));
            }
            by_count(inputs, plan)
        }
    }
}

type Primitive = burn::backend::tensor::FloatTensor<Tracked>;

/// The number of inputs is part of a type, so each that may occur has a branch: two, and two or four of each layer.
fn by_count(inputs: Vec<Primitive>, plan: Plan) -> (Tensor<2>, Vec<Option<Statistics>>) {
    macro_rules! branches {
        ($($count:literal)*) => {
            match inputs.len() {
                $($count => recorded::<$count>(inputs, plan),)*
                inputs => panic!("normed_bank: {inputs} inputs, not two, and two or four of each of eight layers"),
            }
        };
    }
    branches!(4 6 8 10 12 14 16 18 20 22 24 26 28 30 32 34)
}

fn recorded<const N: usize>(inputs: Vec<Primitive>, plan: Plan) -> (Tensor<2>, Vec<Option<Statistics>>) {
    let mut found = Vec::new();
    let out = record(
        all::<_, N>(inputs),
        |inputs| {
            let (out, saved, statistics) = run(&inputs, &plan);
            found = statistics;
            (out, (inputs, plan, saved))
        },
        |(inputs, plan, saved): ([FlexTensor; N], Plan, Saved), d_out| {
            let (gradients, norms) = with_bank(&inputs, &plan, |bank, norms, x, _| {
                kernel::backward(Level::best(), bank, norms, x, &saved, elements(&d_out))
            });
            let mut values = vec![gradients.x, gradients.gates];
            for ((weight, bias), norm) in gradients.layers.into_iter().zip(norms) {
                values.extend([weight, bias]);
                values.extend(norm.into_iter().flat_map(|(scale, shift)| [scale, shift]));
            }
            let like = |(values, input): (Vec<f32>, &FlexTensor)| from_vec(values, input.layout().shape().clone());
            all(values.into_iter().zip(&inputs).map(like).collect())
        },
    );
    (Tensor::from_primitive::<Tracked>(out), found)
}

fn run(inputs: &[FlexTensor], plan: &Plan) -> (FlexTensor, Saved, Vec<Option<Statistics>>) {
    with_bank(inputs, plan, |bank, norms, x, gates| {
        let (out, saved, statistics) = kernel::forward(Level::best(), bank, norms, x, gates);
        let shape = [gates.len() / bank.experts, bank.layers[bank.layers.len() - 1].outputs];
        (from_vec(out, shape), saved, statistics)
    })
}

/// The bank, its norms, x and the gates that the inputs of the operation are.
fn with_bank<R>(
    inputs: &[FlexTensor],
    plan: &Plan,
    work: impl FnOnce(Bank<'_>, &[Option<Norm<'_>>], &[f32], &[f32]) -> R,
) -> R {
    let [_, experts] = inputs[1].layout().shape().dims();
    let (mut layers, mut norms) = (Vec::new(), Vec::new());
    let mut rest = inputs[2..].iter();
    let mut next = || rest.next().expect("inputs as planned");
    for normed in &plan.normed {
        let (weight, bias) = (next(), next());
        let [_, inputs, outputs] = weight.layout().shape().dims();
        layers.push(Layer { inputs, outputs, weight: elements(weight), bias: elements(bias) });
        norms.push(normed.then(|| Norm { scale: elements(next()), shift: elements(next()) }));
    }
    work(Bank { experts, layers: &layers, last: plan.last }, &norms, elements(&inputs[0]), elements(&inputs[1]))
}

/// The default body: the same by ordinary tensor operations, on every device; computes all experts for all rows, with the
/// statistics of those that meet them.
#[must_use]
pub fn composed_normed_bank(
    x: Tensor<2>,
    layers: &[NormedLayer],
    gates: Tensor<2>,
    last: Last,
) -> (Tensor<2>, Vec<Option<Statistics>>) {
    let ([rows, _], [_, experts], device) = (x.dims(), gates.dims(), x.device());
    let met: Vec<f32> = numbers(&gates.clone().transpose()).iter().map(|gate| f32::from(*gate != 0.0)).collect();
    let counts: Vec<f32> = met.chunks(rows.max(1)).map(|met| met.iter().sum()).collect();
    let met = Tensor::<3>::from_data(TensorData::new(met, [experts, rows, 1]), &device);
    let shares: Vec<f32> = counts.iter().map(|count| 1.0 / count.max(1.0)).collect();
    let shares = Tensor::<3>::from_data(TensorData::new(shares, [experts, 1, 1]), &device);
    let mut statistics = Vec::new();
    let mut h = x.unsqueeze::<3>();
    for (at, NormedLayer { weight, bias, norm }) in layers.iter().enumerate() {
        h = h.matmul(weight.clone()) + bias.clone().unsqueeze_dim::<3>(1);
        statistics.push(norm.as_ref().map(|(scale, shift)| {
            let mean = (h.clone() * met.clone()).sum_dim(1) * shares.clone();
            let centred = h.clone() - mean.clone();
            let variance = (centred.clone().square() * met.clone()).sum_dim(1) * shares.clone();
            let found = Statistics { mean: numbers(&mean), variance: numbers(&variance), counts: counts.clone() };
            let part = |of: &Tensor<2>| of.clone().unsqueeze_dim::<3>(1);
            h = centred / (variance + EPSILON).sqrt() * part(scale) + part(shift);
            found
        }));
        if at + 1 < layers.len() || last == Last::Relu {
            h = activation::relu(h.clone());
        }
    }
    let [_, _, output] = h.dims();
    // Where a gate is 0 it is cut off, as if the network were not computed.
    let gates = gates.transpose().unsqueeze_dim::<3>(2) * met;
    ((h * gates).sum_dim(0).reshape([rows, output]), statistics)
}

fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec().expect("the operations compute in 32-bit floats")
}
