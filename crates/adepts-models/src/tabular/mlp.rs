//! One network for all domains, which sees the domain as a field among others.
//!
//! Embeddings of the fields and of the domain and the dense numbers go through layers with ReLU to one logit.

use adepts_core::{ConfigError, TabularSpec};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Shape, Slots, Stack};
use super::recipe::{Architecture, Input, positive, recipe, widths};

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "mlp",
    summary: "One network for all domains, with the domain as a field; the plain deep baseline",
    paper: "Covington, Adams & Sargin, Deep Neural Networks for YouTube Recommendations, RecSys 2016",
    example: include_str!("examples/mlp.toml"),
    recipe: recipe::<MlpConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Floats of an embedding.
    pub embedding: usize,
    /// Widths of the layers before the logit.
    pub hidden: Vec<usize>,
    /// What stands between a layer and its ReLU.
    pub norm: Norm,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self { embedding: 16, hidden: vec![128, 64, 32], norm: Norm::None }
    }
}

impl Architecture for MlpConfig {
    type Trunk = Mlp;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        widths("hidden", &self.hidden, 0)
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Feature }
    }

    fn shapes(&self, input: &Input) -> Vec<Shape> {
        vec![Shape::new("layers", 1, input.width, &self.hidden).ending(input.output).norm(self.norm)]
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Mlp {
        let [layers] = Stack::of(self.shapes(input), seed, device);
        Mlp(layers)
    }
}

/// The network.
#[derive(Clone, Debug)]
pub struct Mlp(Stack);

impl Named for Mlp {
    fn slots(&mut self) -> Slots<'_> {
        self.0.slots()
    }
}

impl Trunk for Mlp {
    fn forward(&self, rows: &Embedded) -> Output {
        self.0.one(rows.z.clone(), rows.pass).into()
    }
}
