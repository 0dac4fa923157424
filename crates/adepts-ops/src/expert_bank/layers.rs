//! The layers of a bank of experts, and what both of its passes share.

use super::Last;
use super::routes::Routes;
use crate::level::per_level;
use crate::matrix::{Matrix, Threads};

/// One layer of every expert.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Width of what goes in.
    pub inputs: usize,
    /// Width of what comes out.
    pub outputs: usize,
    /// `[E, in, out]`.
    pub weight: &'a [f32],
    /// `[E, out]`.
    pub bias: &'a [f32],
}

impl<'a> Layer<'a> {
    pub(crate) fn weight(&self, expert: usize) -> Matrix<'a> {
        let size = self.inputs * self.outputs;
        Matrix::new(&self.weight[expert * size..][..size], self.inputs, self.outputs)
    }
}

/// A network per expert.
#[derive(Clone, Copy, Debug)]
pub struct Bank<'a> {
    /// Number of experts E.
    pub experts: usize,
    /// Their layers, of which there is one at least.
    pub layers: &'a [Layer<'a>],
    /// What follows the last layer.
    pub last: Last,
}

impl Bank<'_> {
    pub(crate) fn inputs(&self) -> usize {
        self.layers[0].inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs
    }

    /// Whether ReLU follows a layer.
    pub(crate) fn relu(&self, layer: usize) -> bool {
        layer + 1 < self.layers.len() || self.last == Last::Relu
    }

    pub(crate) fn check(&self, x: &[f32], gates: &[f32]) {
        assert!(!self.layers.is_empty() && self.experts > 0, "expert_bank: no layers or no experts");
        let rows = gates.len() / self.experts;
        assert!(
            gates.len() == rows * self.experts && x.len() == rows * self.inputs(),
            "expert_bank: {} inputs of width {}, {} gates of {} experts",
            x.len(),
            self.inputs(),
            gates.len(),
            self.experts
        );
        let mut width = self.inputs();
        for (at, layer) in self.layers.iter().enumerate() {
            assert!(
                layer.inputs == width
                    && width > 0
                    && layer.outputs > 0
                    && layer.weight.len() == self.experts * width * layer.outputs
                    && layer.bias.len() == self.experts * layer.outputs,
                "expert_bank: layer {at} from {} to {} behind a width of {width}",
                layer.inputs,
                layer.outputs
            );
            width = layer.outputs;
        }
    }
}

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    pub(super) routes: Routes,
    /// The output of each layer for each pair, `[P, out]`.
    pub(super) outputs: Vec<Vec<f32>>,
}

/// Pairs of one task, a multiple of [`TILE`](crate::mixture::kernel::TILE).
pub(crate) const PAIRS: usize = 512;
/// From this number of tasks on they take a thread each, instead of sharing each product.
pub(super) const MANY: usize = 4;

pub(crate) fn threads(tasks: usize) -> Threads {
    if tasks < MANY { Threads::All } else { Threads::One }
}

per_level! {
    pub(crate) fn add_bias(rows: &mut [f32], bias: &[f32], relu: bool) = add_bias_body
}

#[inline(always)]
fn add_bias_body<const FMA: bool>(rows: &mut [f32], bias: &[f32], relu: bool) {
    // So written, NaN stays NaN.
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    for row in rows.chunks_exact_mut(bias.len()) {
        for (x, bias) in row.iter_mut().zip(bias) {
            let sum = *x + bias;
            *x = if sum < floor { floor } else { sum };
        }
    }
}
