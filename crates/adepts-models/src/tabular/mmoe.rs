//! `MMoE`: experts that all domains share, mixed for each domain by a gate of its own, and a tower for each domain.
//!
//! `y_d = tower_d(Σ_i softmax(W_d z + b_d)_i E_i(z))`; of gates and towers a row meets those of its domain alone.

use adepts_core::{ConfigError, TabularSpec};
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Shape, Slots, Stack};
use super::recipe::{Architecture, Input, positive, recipe, widths};

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "mmoe",
    summary: "Shared experts, mixed by a gate for each domain, and a tower for each domain",
    paper: "Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, KDD 2018",
    example: include_str!("examples/mmoe.toml"),
    recipe: recipe::<MmoeConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MmoeConfig {
    /// Floats of an embedding.
    pub embedding: usize,
    /// Number of experts.
    pub experts: usize,
    /// Widths of an expert's layers.
    pub hidden: Vec<usize>,
    /// Widths of a tower's layers before the logit.
    pub tower: Vec<usize>,
    /// What stands between a layer and its ReLU; gates have none.
    pub norm: Norm,
}

impl Default for MmoeConfig {
    fn default() -> Self {
        Self { embedding: 16, experts: 3, hidden: vec![16], tower: vec![8], norm: Norm::None }
    }
}

impl Architecture for MmoeConfig {
    type Trunk = Mmoe;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        positive("experts", self.experts)?;
        widths("hidden", &self.hidden, 1)?;
        widths("tower", &self.tower, 0)
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Absent }
    }

    fn shapes(&self, input: &Input) -> Vec<Shape> {
        let experts = Shape::new("experts", self.experts, input.width, &self.hidden).norm(self.norm);
        let gates = Shape::new("gates", input.domains, input.width, &[]).ending(self.experts).active(1);
        let towers = Shape::new("towers", input.domains, experts.output(), &self.tower);
        vec![experts, gates, towers.ending(input.output).active(1).norm(self.norm)]
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Mmoe {
        let [experts, gates, towers] = Stack::of(self.shapes(input), seed, device);
        Mmoe { count: self.experts, experts, gates, towers }
    }
}

/// Experts, gates and towers.
#[derive(Clone, Debug)]
pub struct Mmoe {
    count: usize,
    experts: Stack,
    gates: Stack,
    towers: Stack,
}

impl Mmoe {
    fn shares(&self, rows: &Embedded) -> Tensor<2> {
        activation::softmax(self.gates.mix(rows.z.clone(), rows.own.clone(), rows.pass), 1)
    }
}

impl Named for Mmoe {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = self.experts.slots();
        slots.extend(self.gates.slots());
        slots.extend(self.towers.slots());
        slots
    }
}

impl Trunk for Mmoe {
    fn forward(&self, rows: &Embedded) -> Output {
        let h = self.experts.mix(rows.z.clone(), self.shares(rows), rows.pass);
        self.towers.mix(h, rows.own.clone(), rows.pass).into()
    }

    fn experts(&self) -> usize {
        self.count
    }

    fn outputs(&self, rows: &Embedded) -> Vec<Tensor<2>> {
        self.experts.each(self.count, &rows.z, rows.pass)
    }

    fn gates(&self, rows: &Embedded) -> Option<Tensor<2>> {
        Some(self.shares(rows))
    }
}
