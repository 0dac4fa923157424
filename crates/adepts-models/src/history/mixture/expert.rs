//! The parameters of K stacked MultVAE experts and of their gate, and the passes through them.

use std::sync::Arc;

use adepts_core::memory::elements;
use adepts_core::{Parameter, Tensors, TensorsError};
use adepts_ops::latent::kernel::Noise;
use adepts_ops::mixture::kernel::{Cut, TILE};
use adepts_ops::{Csr, latent, sparse_linear};
use burn::tensor::{Device, Tensor, activation};

use super::config::{Gate, MixtureConfig};
use crate::parts::init;

/// A stack of K linear layers.
#[derive(Clone, Debug)]
pub struct Layer {
    /// `[K, in, out]`.
    pub weight: Tensor<3>,
    /// `[K, out]`.
    pub bias: Tensor<2>,
}

/// All parameters, in the order of the names.
#[derive(Clone, Debug)]
pub struct Experts {
    /// Encoder layers; the last gives `[μ | log σ²]`.
    pub encoder: Vec<Layer>,
    /// Decoder layers; the last gives logits over the catalogue.
    pub decoder: Vec<Layer>,
    /// The network of the gate `mlp`: `[1, I, hidden]` and `[1, hidden, K]`.
    pub gate: Vec<Layer>,
}

/// The sizes (in, out) of encoder, decoder and gate layers.
fn sizes(config: &MixtureConfig, items: usize) -> [Vec<(usize, usize)>; 3] {
    let widths: Vec<usize> = std::iter::once(items).chain(config.hidden.iter().copied()).collect();
    let mut encoder: Vec<(usize, usize)> = widths.windows(2).map(|w| (w[0], w[1])).collect();
    let decoder = encoder.iter().rev().map(|(a, b)| (*b, *a)).collect();
    if let Some(last) = encoder.last_mut() {
        last.1 = last.1.saturating_mul(2);
    }
    let gate = match config.gate {
        Gate::Mlp { hidden } => vec![(items, hidden), (hidden, config.experts)],
        _ => Vec::new(),
    };
    [encoder, decoder, gate]
}

/// Number of parameters; at most `usize::MAX`, which no machine can hold.
#[must_use]
pub fn parameter_count(config: &MixtureConfig, items: usize) -> usize {
    let count = |experts: usize, layers: &[(usize, usize)]| {
        let of_layer = |(a, b): &(usize, usize)| elements(&[experts, a.saturating_add(1), *b]);
        layers.iter().map(of_layer).fold(0, usize::saturating_add)
    };
    let [encoder, decoder, gate] = sizes(config, items);
    let experts = count(config.experts, &encoder).saturating_add(count(config.experts, &decoder));
    experts.saturating_add(count(1, &gate))
}

impl Experts {
    /// Initial parameters.
    #[must_use]
    pub fn init(config: &MixtureConfig, items: usize, seed: u64, device: &Device) -> Self {
        let [encoder, decoder, gate] = sizes(config, items);
        let stack = |name: &str, experts: usize, layers: &[(usize, usize)]| {
            let layer = |(n, (input, output)): (usize, &(usize, usize))| Layer {
                weight: init::uniform(seed, &format!("{name}.{n}.weight"), [experts, *input, *output], *input, device),
                bias: init::uniform(seed, &format!("{name}.{n}.bias"), [experts, *output], *input, device),
            };
            layers.iter().enumerate().map(layer).collect()
        };
        Self {
            encoder: stack("encoder", config.experts, &encoder),
            decoder: stack("decoder", config.experts, &decoder),
            gate: stack("gate", 1, &gate),
        }
    }

    /// Saved parameters, of which none is left over.
    pub fn restore(
        config: &MixtureConfig,
        items: usize,
        device: &Device,
        mut tensors: Tensors,
    ) -> Result<Self, TensorsError> {
        let [encoder, decoder, gate] = sizes(config, items);
        let mut stack = |name: &str, experts: usize, layers: &[(usize, usize)]| {
            let mut layer = |(n, (input, output)): (usize, &(usize, usize))| {
                let shape = [experts, *input, *output];
                let weight = tensors.take_tensor(&format!("{name}.{n}.weight"), shape, device)?.require_grad();
                let bias = tensors.take_tensor(&format!("{name}.{n}.bias"), [experts, *output], device)?;
                Ok(Layer { weight, bias: bias.require_grad() })
            };
            layers.iter().enumerate().map(&mut layer).collect::<Result<Vec<_>, TensorsError>>()
        };
        let experts = Self {
            encoder: stack("encoder", config.experts, &encoder)?,
            decoder: stack("decoder", config.experts, &decoder)?,
            gate: stack("gate", 1, &gate)?,
        };
        match tensors.names().next() {
            Some(name) => Err(TensorsError::Unknown { name: name.to_owned() }),
            None => Ok(experts),
        }
    }

    fn layers(&self) -> impl Iterator<Item = (String, &Layer)> {
        let stacks = [("encoder", &self.encoder), ("decoder", &self.decoder), ("gate", &self.gate)];
        stacks
            .into_iter()
            .flat_map(|(name, stack)| stack.iter().enumerate().map(move |(n, l)| (format!("{name}.{n}"), l)))
    }

    fn layers_mut(&mut self) -> impl Iterator<Item = (String, &mut Layer)> {
        let stacks = [("encoder", &mut self.encoder), ("decoder", &mut self.decoder), ("gate", &mut self.gate)];
        stacks
            .into_iter()
            .flat_map(|(name, stack)| stack.iter_mut().enumerate().map(move |(n, l)| (format!("{name}.{n}"), l)))
    }

    /// Each parameter with its name.
    pub fn parameters(&mut self) -> Vec<(String, Parameter<'_>)> {
        self.layers_mut()
            .flat_map(|(name, Layer { weight, bias })| {
                [(format!("{name}.weight"), weight.into()), (format!("{name}.bias"), bias.into())]
            })
            .collect()
    }

    /// The parameters as arrays.
    #[must_use]
    pub fn save(&self) -> Tensors {
        let mut tensors = Tensors::default();
        for (name, layer) in self.layers() {
            tensors.insert_tensor(format!("{name}.weight"), &layer.weight);
            tensors.insert_tensor(format!("{name}.bias"), &layer.bias);
        }
        tensors
    }

    /// Replaces the parameters by arrays of the same names and shapes.
    pub fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        let mut known = Vec::new();
        for (name, layer) in self.layers_mut() {
            let device = layer.weight.device();
            let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
            layer.weight = tensors.tensor(&weight, layer.weight.dims(), &device)?.require_grad();
            layer.bias = tensors.tensor(&bias, layer.bias.dims(), &device)?.require_grad();
            known.extend([weight, bias]);
        }
        match tensors.names().find(|name| !known.iter().any(|k| k == name)) {
            Some(name) => Err(TensorsError::Unknown { name: name.to_owned() }),
            None => Ok(()),
        }
    }

    /// The same parameters without gradients.
    #[must_use]
    pub fn inner(&self) -> Self {
        let layer = |l: &Layer| Layer { weight: l.weight.clone().inner(), bias: l.bias.clone().inner() };
        let stack = |stack: &[Layer]| stack.iter().map(layer).collect();
        Self { encoder: stack(&self.encoder), decoder: stack(&self.decoder), gate: stack(&self.gate) }
    }

    /// `[μ | log σ²]` of each expert: `[K, R, 2H]`.
    #[must_use]
    pub fn encode(&self, rows: &Arc<Csr>) -> Tensor<3> {
        let first = &self.encoder[0];
        let h = sparse_linear::sparse_linear(first.weight.clone(), first.bias.clone(), rows);
        self.encoder[1..].iter().fold(h, |h, layer| dense(h.tanh(), layer, Cut::Whole))
    }

    /// μ of each expert, for prediction: `[K, R, H]`.
    #[must_use]
    pub fn means(&self, rows: &Arc<Csr>, latent: usize) -> Tensor<3> {
        let (first, rest) = (&self.encoder[0], &self.encoder[1..]);
        if rest.is_empty() {
            return sparse_linear::first_columns(first.weight.clone(), first.bias.clone(), rows, latent);
        }
        let h = sparse_linear::sparse_linear(first.weight.clone(), first.bias.clone(), rows);
        rest.iter().fold(h, |h, layer| dense(h.tanh(), layer, Cut::Tiles)).narrow(2, 0, latent)
    }

    /// The input of the last decoder layer, from the latent.
    #[must_use]
    pub fn decode(&self, z: Tensor<3>, cut: Cut) -> Tensor<3> {
        let hidden = &self.decoder[..self.decoder.len() - 1];
        hidden.iter().fold(z, |z, layer| dense(z, layer, cut).tanh())
    }

    /// The last decoder layer.
    #[must_use]
    pub fn output(&self) -> &Layer {
        &self.decoder[self.decoder.len() - 1]
    }

    /// The shares that the gate network gives: `[R, K]`.
    #[must_use]
    pub fn network_shares(&self, rows: &Arc<Csr>, cut: Cut) -> Tensor<2> {
        let first = &self.gate[0];
        let h = activation::relu(sparse_linear::sparse_linear(first.weight.clone(), first.bias.clone(), rows));
        let logits = dense(h, &self.gate[1], cut);
        let [_, rows, experts] = logits.dims();
        activation::softmax(logits.reshape([rows, experts]), 1)
    }
}

/// The latent with noise, and its divergence.
#[must_use]
pub fn sample(h: Tensor<3>, noise: &Noise) -> (Tensor<3>, Tensor<2>) {
    (latent::sample(h.clone(), noise), latent::divergence(h))
}

/// `x[k] · weight[k] + bias[k]`; in tiles of rows for prediction, so that rows do not depend on each other.
fn dense(x: Tensor<3>, layer: &Layer, cut: Cut) -> Tensor<3> {
    let ([_, rows, _], [experts, width]) = (x.dims(), layer.bias.dims());
    let product = match cut {
        Cut::Whole => x.matmul(layer.weight.clone()),
        Cut::Tiles => {
            let tile = |first: usize| x.clone().narrow(1, first, TILE).matmul(layer.weight.clone());
            Tensor::cat((0..rows).step_by(TILE).map(tile).collect(), 1)
        }
    };
    product + layer.bias.clone().reshape([experts, 1, width])
}
