//! `EPNet`: the domain says how much each number of the embedding counts.
//!
//! `δ = 2 σ(W_2 ReLU(W_1 [z ; e_d] + b_1) + b_2)`, where no gradient flows from the gate into z; the layers see δ ⊙ z.

use adepts_core::{ConfigError, TabularSpec};
use adepts_ops::embedding::gather;
use burn::tensor::{Device, Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::embedding::DEVIATION;
use super::parts::slots::matrix;
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Shape, Slots, Stack};
use super::recipe::{Architecture, Input, positive, recipe, widths};
use crate::parts::init;

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "epnet",
    summary: "One network whose embeddings are scaled by a gate that sees the domain",
    paper: "Chang et al., PEPNet: Parameter and Embedding Personalized Network for Infusing with Personalized Prior \
            Information, KDD 2023 (arXiv 2302.01115)",
    example: include_str!("examples/epnet.toml"),
    recipe: recipe::<EpnetConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EpnetConfig {
    /// Floats of an embedding, that of the domain too.
    pub embedding: usize,
    /// Widths of the layers before the logit.
    pub hidden: Vec<usize>,
    /// The gate.
    pub gate: Gate,
    /// What stands between a layer and its ReLU; the gate has none.
    pub norm: Norm,
}

/// The gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gate {
    /// Width of its hidden layer.
    pub hidden: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self { hidden: 64 }
    }
}

impl Default for EpnetConfig {
    fn default() -> Self {
        Self { embedding: 16, hidden: vec![128, 64, 32], gate: Gate::default(), norm: Norm::None }
    }
}

impl Architecture for EpnetConfig {
    type Trunk = Epnet;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        widths("hidden", &self.hidden, 0)?;
        positive("gate.hidden", self.gate.hidden)
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Absent }
    }

    fn shapes(&self, input: &Input) -> Vec<Shape> {
        let gate = Shape::new("gate", 1, input.width + self.embedding, &[self.gate.hidden]).ending(input.width);
        vec![gate, Shape::new("layers", 1, input.width, &self.hidden).ending(input.output).norm(self.norm)]
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Epnet {
        let [gate, layers] = Stack::of(self.shapes(input), seed, device);
        let shape = [input.domains, self.embedding];
        let values = init::normal(seed, "domain", shape[0] * shape[1], DEVIATION);
        Epnet { domain: Tensor::from_data(TensorData::new(values, shape), device).require_grad(), gate, layers }
    }
}

/// Gate and network.
#[derive(Clone, Debug)]
pub struct Epnet {
    /// `[D, embedding]`.
    domain: Tensor<2>,
    gate: Stack,
    layers: Stack,
}

impl Named for Epnet {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = vec![matrix("domain", &mut self.domain)];
        slots.extend(self.gate.slots());
        slots.extend(self.layers.slots());
        slots
    }
}

impl Trunk for Epnet {
    fn forward(&self, rows: &Embedded) -> Output {
        let domain = gather(self.domain.clone(), &rows.domain);
        let seen = Tensor::cat(vec![rows.z.clone().detach(), domain], 1);
        let scale = activation::sigmoid(self.gate.one(seen, rows.pass)) * 2.0;
        self.layers.one(rows.z.clone() * scale, rows.pass).into()
    }
}
