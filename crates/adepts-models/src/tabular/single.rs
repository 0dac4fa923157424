//! One model for each domain: embeddings and network of its own, as if each were trained alone.
//!
//! What a domain gains from the others is a model's gain over this one. The loss is the sum over the domains of the mean over
//! their rows, so that the step of a domain does not shrink with its share of the batch.

use adepts_core::{ConfigError, TabularSpec};
use adepts_data::tabular::TabularBatch;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Shape, Slots, Stack};
use super::recipe::{Architecture, Input, positive, recipe, widths};

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "single",
    summary: "A model of its own for each domain, sharing nothing; what the others must beat in every domain",
    paper: "the baseline of multi-domain papers, such as Sheng et al., CIKM 2021",
    example: include_str!("examples/single.toml"),
    recipe: recipe::<SingleConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SingleConfig {
    /// Floats of an embedding.
    pub embedding: usize,
    /// Widths of the layers before the logit.
    pub hidden: Vec<usize>,
    /// What stands between a layer and its ReLU.
    pub norm: Norm,
}

impl Default for SingleConfig {
    fn default() -> Self {
        Self { embedding: 16, hidden: vec![128, 64, 32], norm: Norm::None }
    }
}

impl Architecture for SingleConfig {
    type Trunk = Single;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        widths("hidden", &self.hidden, 0)
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Apart }
    }

    fn shapes(&self, input: &Input) -> Vec<Shape> {
        let layers = Shape::new("layers", input.domains, input.width, &self.hidden);
        vec![layers.ending(input.output).active(1).norm(self.norm)]
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Single {
        let [layers] = Stack::of(self.shapes(input), seed, device);
        Single { domains: input.domains, layers }
    }
}

/// The networks.
#[derive(Clone, Debug)]
pub struct Single {
    domains: usize,
    layers: Stack,
}

impl Named for Single {
    fn slots(&mut self) -> Slots<'_> {
        self.layers.slots()
    }
}

impl Trunk for Single {
    fn forward(&self, rows: &Embedded) -> Output {
        self.layers.mix(rows.z.clone(), rows.own.clone(), rows.pass).into()
    }

    fn row_weights(&self, batch: &TabularBatch) -> Option<Vec<f32>> {
        let mut counts = vec![0u32; self.domains];
        for domain in &batch.domain {
            counts[*domain as usize] += 1;
        }
        Some(batch.domain.iter().map(|domain| 1.0 / counts[*domain as usize] as f32).collect())
    }
}
