//! STAR: a network whose weights are those that all domains share times those of the domain, element by element.
//!
//! - Partitioned normalisation of the embedded fields, with mean and variance of the rows of the domain:
//!   `z' = (γ γ_d) (z − μ_d) / √(σ_d² + ε) + (β + β_d)`; running statistics of the domain in prediction.
//! - `W*_d = W ⊙ W_d`, `b*_d = b + b_d`; domains begin with `W_d` = 1 and `b_d` = 0, so that all begin with the same network,
//!   and weight decay draws `W_d`, γ and `γ_d` to 1. The last layer is linear.
//! - An auxiliary network that sees z and an embedding of the domain; its logit is added.

use adepts_core::{ConfigError, TabularSpec, Work};
use adepts_ops::embedding::gather;
use adepts_ops::partitioned_norm::{EPSILON, Statistics, partitioned_norm};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::embedding::DEVIATION;
use super::parts::slots::{factors, matrix};
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Pass, Running, Shape, Slot, Slots, Stack};
use super::recipe::{Architecture, Input, positive, recipe, sum, widths};
use crate::parts::init;

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "star",
    summary: "A network whose weights are shared ones times those of the domain, with normalisation by domain",
    paper: "Sheng et al., One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction, \
            CIKM 2021 (arXiv 2101.11427)",
    example: include_str!("examples/star.toml"),
    recipe: recipe::<StarConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StarConfig {
    /// Floats of an embedding, that of the domain too.
    pub embedding: usize,
    /// Widths of the layers before the logit.
    pub hidden: Vec<usize>,
    /// Widths of the auxiliary network's layers before its logit.
    pub auxiliary: Vec<usize>,
    /// What stands between a layer and its ReLU.
    pub norm: Norm,
}

impl Default for StarConfig {
    fn default() -> Self {
        Self { embedding: 16, hidden: vec![128, 64, 32], auxiliary: vec![32], norm: Norm::None }
    }
}

impl Architecture for StarConfig {
    type Trunk = Star;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        widths("hidden", &self.hidden, 0)?;
        widths("auxiliary", &self.auxiliary, 0)
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Absent }
    }

    /// The networks of the domains, the shared one, the auxiliary one.
    fn shapes(&self, input: &Input) -> Vec<Shape> {
        let layers = |name, count| Shape::new(name, count, input.width, &self.hidden).ending(input.output);
        let auxiliary = Shape::new("auxiliary", 1, input.width + self.embedding, &self.auxiliary).ending(input.output);
        let domains = layers("domains", input.domains).active(1).norm(self.norm);
        vec![domains, layers("shared", 1), auxiliary.norm(self.norm)]
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Star {
        let (width, domains) = (input.width, input.domains);
        let values = init::normal(seed, "domain", domains * self.embedding, DEVIATION);
        let domain = Tensor::from_data(TensorData::new(values, [domains, self.embedding]), device).require_grad();
        let mut shapes = self.shapes(input);
        let own = Stack::neutral(shapes.remove(0), device);
        let [shared, auxiliary] = Stack::of(shapes, seed, device);
        let constant = |value, rows| init::constant(value, [rows, width], device);
        let norm = Partitioned {
            scale: constant(1.0, 1),
            scales: constant(1.0, domains),
            shift: constant(0.0, 1),
            shifts: constant(0.0, domains),
            running: Running::new(domains, width),
        };
        Star { norm, own, shared, auxiliary, domain }
    }

    fn work(&self, input: &Input) -> Work {
        let normed = 2 * input.width;
        let norm = Work {
            parameters: (input.domains + 1) * normed,
            activated_parameters: 2 * normed,
            multiply_adds: input.width as f64,
            total_multiply_adds: input.width as f64,
        };
        let shapes = self.shapes(input);
        // The shared weights are multiplied into those of the domains once for a batch, not for each row.
        let shared = Work { multiply_adds: 0.0, total_multiply_adds: 0.0, ..shapes[1].work() };
        [shapes[0].work(), shared, shapes[2].work()].into_iter().fold(norm, sum)
    }
}

/// Normalisation, networks, and the embeddings of the domains.
#[derive(Clone, Debug)]
pub struct Star {
    norm: Partitioned,
    /// Of the domains.
    own: Stack,
    shared: Stack,
    auxiliary: Stack,
    /// `[D, embedding]`.
    domain: Tensor<2>,
}

/// Normalisation by domain.
#[derive(Clone, Debug)]
struct Partitioned {
    /// γ, `[1, width]`.
    scale: Tensor<2>,
    /// `γ_d`, `[D, width]`.
    scales: Tensor<2>,
    /// β, `[1, width]`.
    shift: Tensor<2>,
    /// `β_d`, `[D, width]`.
    shifts: Tensor<2>,
    running: Running,
}

impl Partitioned {
    fn apply(&self, rows: &Embedded) -> Tensor<2> {
        let scale = self.scale.clone() * self.scales.clone();
        let shift = self.shift.clone() + self.shifts.clone();
        if matches!(rows.pass, Pass::Training(_)) {
            let (out, Statistics { mean, variance, counts }) =
                partitioned_norm(rows.z.clone(), &rows.own, scale, shift);
            self.running.update(0, &mean, &variance, &counts);
            return out;
        }
        // With one 1 in each row a product picks the row of the domain, exactly.
        let pick = |of_domains: Tensor<2>| rows.own.clone().matmul(of_domains);
        let [mean, variance] = self.running.tensors(&rows.z.device());
        (rows.z.clone() - pick(mean)) * pick(scale / (variance + EPSILON).sqrt()) + pick(shift)
    }
}

impl Named for Star {
    fn slots(&mut self) -> Slots<'_> {
        let Self { norm, own, shared, auxiliary, domain } = self;
        let mut slots = vec![
            factors("norm.scale", &mut norm.scale),
            factors("norm.scales", &mut norm.scales),
            matrix("norm.shift", &mut norm.shift),
            matrix("norm.shifts", &mut norm.shifts),
            ("norm.running".to_owned(), Slot::Running(&mut norm.running)),
            matrix("domain", domain),
        ];
        slots.extend(own.slots());
        slots.extend(shared.slots());
        slots.extend(auxiliary.slots());
        slots
    }
}

impl Trunk for Star {
    fn forward(&self, rows: &Embedded) -> Output {
        let z = self.norm.apply(rows);
        let logit = self.own.times(&self.shared).mix(z, rows.own.clone(), rows.pass);
        let domain = gather(self.domain.clone(), &rows.domain);
        let seen = Tensor::cat(vec![rows.z.clone(), domain], 1);
        (logit + self.auxiliary.one(seen, rows.pass)).into()
    }
}
