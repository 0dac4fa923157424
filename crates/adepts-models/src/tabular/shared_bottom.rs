//! Shared bottom: one network that all domains share, and a tower for each domain.

use adepts_core::{ConfigError, TabularSpec};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Shape, Slots, Stack};
use super::recipe::{Architecture, Input, positive, recipe, widths};

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "shared_bottom",
    summary: "One network that all domains share, and a tower for each domain",
    paper: "Caruana, Multitask Learning, Machine Learning 1997",
    example: include_str!("examples/shared_bottom.toml"),
    recipe: recipe::<SharedBottomConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedBottomConfig {
    /// Floats of an embedding.
    pub embedding: usize,
    /// Widths of the shared layers.
    pub hidden: Vec<usize>,
    /// Widths of a tower's layers before the logit.
    pub tower: Vec<usize>,
    /// What stands between a layer and its ReLU.
    pub norm: Norm,
}

impl Default for SharedBottomConfig {
    fn default() -> Self {
        Self { embedding: 16, hidden: vec![128], tower: vec![8], norm: Norm::None }
    }
}

impl Architecture for SharedBottomConfig {
    type Trunk = SharedBottom;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        widths("hidden", &self.hidden, 1)?;
        widths("tower", &self.tower, 0)
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Absent }
    }

    fn shapes(&self, input: &Input) -> Vec<Shape> {
        let bottom = Shape::new("bottom", 1, input.width, &self.hidden).norm(self.norm);
        let towers = Shape::new("towers", input.domains, bottom.output(), &self.tower);
        vec![bottom, towers.ending(input.output).active(1).norm(self.norm)]
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> SharedBottom {
        let [bottom, towers] = Stack::of(self.shapes(input), seed, device);
        SharedBottom { bottom, towers }
    }
}

/// Bottom and towers.
#[derive(Clone, Debug)]
pub struct SharedBottom {
    bottom: Stack,
    towers: Stack,
}

impl Named for SharedBottom {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = self.bottom.slots();
        slots.extend(self.towers.slots());
        slots
    }
}

impl Trunk for SharedBottom {
    fn forward(&self, rows: &Embedded) -> Output {
        let h = self.bottom.one(rows.z.clone(), rows.pass);
        self.towers.mix(h, rows.own.clone(), rows.pass).into()
    }
}
