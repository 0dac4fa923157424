//! Stacks of small networks: the experts of a mixture, the towers of domains, the gates of domains, or one network alone.
//!
//! All of it is one operation, [`expert_bank`]: a network that a row's gates leave at 0 is not computed for it.

use std::ops::Range;

use adepts_core::memory::elements;
use adepts_core::{Parameter, Work};
use adepts_ops::expert_bank::{Last, expert_bank};
use adepts_ops::normed_bank::{EPSILON, NormedLayer, Statistics, normed_bank};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::embedding::Pass;
use super::running::Running;
use super::slots::{Named, Slot, Slots};
use crate::parts::init;

/// What stands between a linear layer and its ReLU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Nothing.
    #[default]
    None,
    /// Batch normalisation (Ioffe & Szegedy 2015) over the rows that meet the network; running statistics in prediction.
    Batch,
}

/// The sizes of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The beginning of its parameters' names.
    pub name: String,
    /// Number of networks.
    pub experts: usize,
    /// How many of them a row meets.
    pub active: usize,
    /// The width of the input and of each layer.
    pub widths: Vec<usize>,
    /// What follows the last layer.
    pub last: Last,
    /// What stands before a ReLU.
    pub norm: Norm,
}

impl Shape {
    /// Networks that all rows meet, with ReLU after every layer.
    #[must_use]
    pub fn new(name: impl Into<String>, experts: usize, input: usize, hidden: &[usize]) -> Self {
        let widths = std::iter::once(input).chain(hidden.iter().copied()).collect();
        Self { name: name.into(), experts, active: experts, widths, last: Last::Relu, norm: Norm::None }
    }

    /// With a linear layer of this width at the end.
    #[must_use]
    pub fn ending(mut self, width: usize) -> Self {
        self.widths.push(width);
        self.last = Last::Linear;
        self
    }

    /// Of which a row meets `active`.
    #[must_use]
    pub fn active(mut self, active: usize) -> Self {
        self.active = active;
        self
    }

    /// With this before every ReLU.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// The width of the output.
    #[must_use]
    pub fn output(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    fn layers(&self) -> impl Iterator<Item = (usize, usize)> {
        self.widths.windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// Whether a layer is followed by a ReLU.
    fn bends(&self, layer: usize) -> bool {
        layer + 2 < self.widths.len() || self.last == Last::Relu
    }

    /// Parameters of one network.
    #[must_use]
    pub fn each(&self) -> usize {
        let normed = |layer: usize| self.norm == Norm::Batch && self.bends(layer);
        let of = |(at, (input, output)): (usize, (usize, usize))| {
            let beside = if normed(at) { 3 } else { 1 };
            elements(&[input, output]).saturating_add(elements(&[beside, output]))
        };
        self.layers().enumerate().map(of).fold(0, usize::saturating_add)
    }

    /// What the stack costs.
    #[must_use]
    pub fn work(&self) -> Work {
        let (all, met) = (self.experts as f64, self.active as f64);
        let each: f64 = self.layers().map(|(input, output)| (input * output) as f64).sum();
        Work {
            parameters: elements(&[self.experts, self.each()]),
            activated_parameters: self.active * self.each(),
            multiply_adds: met * each,
            total_multiply_adds: all * each,
        }
    }
}

/// The networks of a [`Shape`].
#[derive(Clone, Debug)]
pub struct Stack {
    shape: Shape,
    /// Whether its weights are factors of those of another stack, which change nothing at 1.
    factors: bool,
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    /// `[E, in, out]`.
    weight: Tensor<3>,
    /// `[E, out]`.
    bias: Tensor<2>,
    norm: Option<BatchNorm>,
}

#[derive(Clone, Debug)]
struct BatchNorm {
    /// `[E, out]`.
    scale: Tensor<2>,
    /// `[E, out]`.
    shift: Tensor<2>,
    running: Running,
}

impl Stack {
    /// Initial parameters: U(±1/√in), each network from streams of its own.
    #[must_use]
    pub fn init(shape: Shape, seed: u64, device: &Device) -> Self {
        let experts = shape.experts;
        let layer = |(n, (input, output)): (usize, (usize, usize))| {
            let name = |what: &str| format!("{}.{n}.{what}", shape.name);
            let norm = || BatchNorm {
                scale: init::constant(1.0, [experts, output], device),
                shift: init::constant(0.0, [experts, output], device),
                running: Running::new(experts, output),
            };
            Layer {
                weight: init::uniform(seed, &name("weight"), [experts, input, output], input, device),
                bias: init::uniform(seed, &name("bias"), [experts, output], input, device),
                norm: (shape.norm == Norm::Batch && shape.bends(n)).then(norm),
            }
        };
        let layers = shape.layers().enumerate().map(layer).collect();
        Self { shape, factors: false, layers }
    }

    /// Weights of 1 and biases of 0, which [`Stack::times`] leaves others unchanged.
    #[must_use]
    pub fn neutral(shape: Shape, device: &Device) -> Self {
        let mut stack = Self { factors: true, ..Self::init(shape, 0, device) };
        for layer in &mut stack.layers {
            layer.weight = init::constant(1.0, layer.weight.dims(), device);
            layer.bias = init::constant(0.0, layer.bias.dims(), device);
        }
        stack
    }

    /// The networks whose weights are those of this stack times those of the only network of `shared`, element by element,
    /// and whose biases are added; normalised as this stack.
    #[must_use]
    pub fn times(&self, shared: &Self) -> Self {
        let layer = |(own, shared): (&Layer, &Layer)| Layer {
            weight: own.weight.clone() * shared.weight.clone(),
            bias: own.bias.clone() + shared.bias.clone(),
            norm: own.norm.clone(),
        };
        let layers = self.layers.iter().zip(&shared.layers).map(layer).collect();
        Self { shape: self.shape.clone(), factors: false, layers }
    }

    /// Initial parameters of several.
    ///
    /// # Panics
    /// If there are not as many shapes.
    #[must_use]
    pub fn of<const N: usize>(shapes: Vec<Shape>, seed: u64, device: &Device) -> [Self; N] {
        let stacks: Vec<_> = shapes.into_iter().map(|shape| Self::init(shape, seed, device)).collect();
        let found = stacks.len();
        stacks.try_into().unwrap_or_else(|_| panic!("{found} stacks, expected {N}"))
    }

    /// What the stack would cost if a row met `active` of its networks.
    #[must_use]
    pub fn work(&self, active: usize) -> Work {
        self.shape.clone().active(active).work()
    }

    /// `Σ_e gates[r, e] · network_e(x[r])`. A network whose gate is 0 is not computed for the row.
    ///
    /// # Shapes
    /// x `[R, in]`, gates `[R, E]` → `[R, out]`.
    #[must_use]
    pub fn mix(&self, x: Tensor<2>, gates: Tensor<2>, pass: Pass) -> Tensor<2> {
        self.mix_of(0..self.shape.experts, x, gates, pass)
    }

    /// The output of the first network, such as the only one.
    #[must_use]
    pub fn one(&self, x: Tensor<2>, pass: Pass) -> Tensor<2> {
        self.one_of(0, x, pass)
    }

    /// The output of one network for all rows.
    #[must_use]
    pub fn one_of(&self, expert: usize, x: Tensor<2>, pass: Pass) -> Tensor<2> {
        let ones = filled(1.0, [x.dims()[0], 1], &x.device());
        self.mix_of(expert..expert + 1, x, ones, pass)
    }

    /// The outputs of the first so many networks for all rows.
    #[must_use]
    pub fn each(&self, networks: usize, x: &Tensor<2>, pass: Pass) -> Vec<Tensor<2>> {
        (0..networks).map(|network| self.one_of(network, x.clone(), pass)).collect()
    }

    /// As [`Stack::mix`] by some of the networks, for which alone there are gates.
    #[must_use]
    pub fn mix_of(&self, experts: Range<usize>, x: Tensor<2>, gates: Tensor<2>, pass: Pass) -> Tensor<2> {
        let training = matches!(pass, Pass::Training(_));
        if training && self.layers.iter().any(|layer| layer.norm.is_some()) {
            return self.normalised(&experts, x, gates);
        }
        let layers: Vec<_> = self.layers.iter().map(|layer| layer.folded().of(&experts)).collect();
        expert_bank(x, &layers, gates, self.shape.last, pass.cut())
    }

    /// Training with batch normalisation, by the statistics of the rows that meet a network.
    fn normalised(&self, experts: &Range<usize>, x: Tensor<2>, gates: Tensor<2>) -> Tensor<2> {
        let layer = |layer: &Layer| {
            let (weight, bias) = layer.of(experts);
            let norm = layer.norm.as_ref().map(|norm| (part(&norm.scale, experts), part(&norm.shift, experts)));
            NormedLayer { weight, bias, norm }
        };
        let layers: Vec<NormedLayer> = self.layers.iter().map(layer).collect();
        let (out, statistics) = normed_bank(x, &layers, gates, self.shape.last);
        for (layer, found) in self.layers.iter().zip(statistics) {
            if let (Some(norm), Some(Statistics { mean, variance, counts })) = (&layer.norm, found) {
                norm.running.update(experts.start, &mean, &variance, &counts);
            }
        }
        out
    }
}

impl Layer {
    /// Weights and biases of some networks.
    fn of(&self, experts: &Range<usize>) -> (Tensor<3>, Tensor<2>) {
        let weight = &self.weight;
        let whole = experts.len() == weight.dims()[0];
        let weight = if whole { weight.clone() } else { weight.clone().narrow(0, experts.start, experts.len()) };
        (weight, part(&self.bias, experts))
    }

    /// A layer without normalisation that does the same with running statistics.
    fn folded(&self) -> Self {
        let Some(BatchNorm { scale, shift, running }) = &self.norm else { return self.clone() };
        let [mean, variance] = running.tensors(&self.weight.device());
        let scale = scale.clone() / (variance + EPSILON).sqrt();
        Self {
            weight: self.weight.clone() * scale.clone().unsqueeze_dim::<3>(1),
            bias: (self.bias.clone() - mean) * scale + shift.clone(),
            norm: None,
        }
    }
}

fn part(of: &Tensor<2>, experts: &Range<usize>) -> Tensor<2> {
    if experts.len() == of.dims()[0] { of.clone() } else { of.clone().narrow(0, experts.start, experts.len()) }
}

impl Named for Stack {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = Vec::new();
        for (n, Layer { weight, bias, norm }) in self.layers.iter_mut().enumerate() {
            let name = |what: &str| format!("{}.{n}.{what}", self.shape.name);
            let weight = if self.factors { Parameter::factor(weight) } else { weight.into() };
            slots.push((name("weight"), Slot::Parameter(weight)));
            slots.push((name("bias"), Slot::Parameter(bias.into())));
            if let Some(BatchNorm { scale, shift, running }) = norm {
                slots.push((name("scale"), Slot::Parameter(Parameter::factor(scale))));
                slots.push((name("shift"), Slot::Parameter(shift.into())));
                slots.push((name("running"), Slot::Running(running)));
            }
        }
        slots
    }
}

/// `x · weight`, without a bias.
///
/// # Shapes
/// x `[R, in]`, weight `[in, out]` → `[R, out]`.
#[must_use]
pub fn linear(x: Tensor<2>, weight: Tensor<2>, pass: Pass) -> Tensor<2> {
    if matches!(pass, Pass::Training(_)) {
        return adepts_ops::linear::linear(x, weight);
    }
    let ([rows, _], [_, width], device) = (x.dims(), weight.dims(), x.device());
    let layer = (weight.unsqueeze::<3>(), filled(0.0, [1, width], &device));
    expert_bank(x, &[layer], filled(1.0, [rows, 1], &device), Last::Linear, pass.cut())
}

/// Equal numbers that are not learned.
#[must_use]
pub fn filled(value: f32, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(vec![value; shape[0] * shape[1]], shape), device)
}
