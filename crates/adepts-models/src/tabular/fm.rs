//! A factorisation machine: a weight for each value of a field, and for each pair of fields the product of two embeddings.
//!
//! `logit = w_0 + Σ_f w_f + Σ_{f<g} ⟨v_f, v_g⟩`, the domain being one of the fields; a dense field x has the weight x·w and the
//! embedding x·v, a list the means of those of its values. Pairs are summed as `½ Σ ((Σ_f v_f)² − Σ_f v_f²)`, in time linear
//! in the fields (Rendle 2010, lemma 3.1).

use adepts_core::{ConfigError, TabularSpec, Work};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::embedding::DEVIATION;
use super::parts::slots::matrix;
use super::parts::{DomainField, Embedded, Layout, Named, Shape, Slots, linear};
use super::recipe::{Architecture, Input, positive, recipe};
use crate::parts::init;

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "fm",
    summary: "A weight for each value and a product of embeddings for each pair of fields; plain, fast and strong",
    paper: "Rendle, Factorization Machines, ICDM 2010",
    example: include_str!("examples/fm.toml"),
    recipe: recipe::<FmConfig>,
};

/// The `[model]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FmConfig {
    /// Floats of an embedding.
    pub embedding: usize,
}

impl Default for FmConfig {
    fn default() -> Self {
        Self { embedding: 16 }
    }
}

impl Architecture for FmConfig {
    type Trunk = Fm;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)
    }

    /// It has products of fields and no vector.
    fn tower(&self) -> bool {
        false
    }

    /// The last float of each row is the weight.
    fn layout(&self) -> Layout {
        Layout { width: self.embedding + 1, domain: DomainField::Feature }
    }

    fn shapes(&self, _: &Input) -> Vec<Shape> {
        Vec::new()
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Fm {
        let width = self.embedding + 1;
        let dense = || {
            let values = init::normal(seed, "dense", input.dense * width, DEVIATION);
            Tensor::from_data(TensorData::new(values, [input.dense, width]), device).require_grad()
        };
        Fm {
            fields: input.fields,
            embedding: self.embedding,
            dense: (input.dense > 0).then(dense),
            bias: init::constant(0.0, [1, 1], device),
        }
    }

    fn work(&self, input: &Input) -> Work {
        let parameters = input.dense * (self.embedding + 1) + 1;
        // A multiply-add for the sum and one for the squares.
        let multiply_adds = (2 * (input.fields + input.dense) * self.embedding) as f64;
        Work { parameters, activated_parameters: parameters, multiply_adds, total_multiply_adds: multiply_adds }
    }
}

/// What is no table.
#[derive(Clone, Debug)]
pub struct Fm {
    fields: usize,
    embedding: usize,
    /// `[dense fields, embedding + 1]`.
    dense: Option<Tensor<2>>,
    /// `w_0`, `[1, 1]`.
    bias: Tensor<2>,
}

impl Named for Fm {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots: Slots<'_> = self.dense.iter_mut().map(|dense| matrix("dense", dense)).collect();
        slots.push(matrix("bias", &mut self.bias));
        slots
    }
}

impl Trunk for Fm {
    fn forward(&self, rows: &Embedded) -> Output {
        let (count, width) = (rows.rows(), self.embedding + 1);
        let embedded = self.fields * width;
        let fields = rows.z.clone().narrow(1, 0, embedded).reshape([count, self.fields, width]);
        let mut sum = fields.clone().sum_dim(1).reshape([count, width]);
        let mut squares = fields.square().sum_dim(1).reshape([count, width]);
        if let Some(dense) = &self.dense {
            let x = rows.z.clone().narrow(1, embedded, dense.dims()[0]);
            sum = sum + linear(x.clone(), dense.clone(), rows.pass);
            squares = squares + linear(x.square(), dense.clone().square(), rows.pass);
        }
        let pairs = (sum.clone().square() - squares).narrow(1, 0, self.embedding).sum_dim(1) * 0.5;
        (sum.narrow(1, self.embedding, 1) + pairs + self.bias.clone()).into()
    }
}
