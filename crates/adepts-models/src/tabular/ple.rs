//! PLE: each domain has experts of its own beside those that all share, level by level.
//!
//! In a level a domain mixes its own and the shared experts, `x_d' = Σ softmax(W_d x_d + b_d)_i E_i`, and where another level
//! follows, the shared representation mixes the experts of all domains and the shared ones. Own experts see the domain's
//! representation, shared ones the shared one; at first both are the embedded fields. A tower of the domain ends it. In the
//! last level a row meets the experts of its domain and the shared ones alone.

use adepts_core::{ConfigError, TabularSpec};
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use super::model::{Output, Trunk};
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Pass, Shape, Slots, Stack};
use super::recipe::{Architecture, Input, positive, recipe, widths};

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "ple",
    summary: "Experts of each domain plus shared experts, mixed level by level, and a tower for each domain",
    paper: "Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for Personalized \
            Recommendations, RecSys 2020",
    example: include_str!("examples/ple.toml"),
    recipe: recipe::<PleConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PleConfig {
    /// Floats of an embedding.
    pub embedding: usize,
    /// Number of levels.
    pub levels: usize,
    /// Experts of each domain in a level.
    pub experts: usize,
    /// Shared experts in a level.
    pub shared: usize,
    /// Widths of an expert's layers.
    pub hidden: Vec<usize>,
    /// Widths of a tower's layers before the logit.
    pub tower: Vec<usize>,
    /// What stands between a layer and its ReLU; gates have none.
    pub norm: Norm,
}

impl Default for PleConfig {
    fn default() -> Self {
        let (hidden, tower) = (vec![16], vec![8]);
        Self { embedding: 16, levels: 1, experts: 2, shared: 1, hidden, tower, norm: Norm::None }
    }
}

impl Architecture for PleConfig {
    type Trunk = Ple;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        positive("levels", self.levels)?;
        positive("experts", self.experts)?;
        positive("shared", self.shared)?;
        widths("hidden", &self.hidden, 1)?;
        widths("tower", &self.tower, 0)
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Absent }
    }

    /// For each level experts, gates of the domains, and but for the last the shared gate; then the towers.
    fn shapes(&self, input: &Input) -> Vec<Shape> {
        let (all, met) = (input.domains * self.experts + self.shared, self.experts + self.shared);
        let (mut shapes, mut width) = (Vec::new(), input.width);
        for level in 0..self.levels {
            let last = level + 1 == self.levels;
            let experts = Shape::new(format!("experts.{level}"), all, width, &self.hidden).norm(self.norm);
            let gates = Shape::new(format!("gates.{level}"), input.domains, width, &[]).ending(met);
            let shared = Shape::new(format!("shared_gate.{level}"), 1, width, &[]).ending(all);
            width = experts.output();
            if last {
                shapes.extend([experts.active(met), gates.active(1)]);
            } else {
                shapes.extend([experts, gates, shared]);
            }
        }
        shapes.push(
            Shape::new("towers", input.domains, width, &self.tower).ending(input.output).active(1).norm(self.norm),
        );
        shapes
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Ple {
        let mut stacks = self.shapes(input).into_iter().map(|shape| Stack::init(shape, seed, device));
        let mut next = || stacks.next().expect("as many stacks as shapes");
        let below = (1..self.levels).map(|_| Below { experts: next(), gates: next(), shared_gate: next() }).collect();
        let (experts, gates, towers) = (next(), next(), next());
        Ple { domains: input.domains, own: self.experts, shared: self.shared, below, experts, gates, towers }
    }
}

/// Levels and towers.
#[derive(Clone, Debug)]
pub struct Ple {
    domains: usize,
    /// Experts of a domain.
    own: usize,
    shared: usize,
    below: Vec<Below>,
    /// Of the last level: those of the domains, then the shared ones.
    experts: Stack,
    gates: Stack,
    towers: Stack,
}

/// A level that another follows.
#[derive(Clone, Debug)]
struct Below {
    experts: Stack,
    gates: Stack,
    shared_gate: Stack,
}

/// What a level sees.
struct Seen {
    /// For each domain.
    domains: Vec<Tensor<2>>,
    shared: Tensor<2>,
}

/// `Σ_i shares[:, i] · outputs[i]`.
fn mixed<'a>(shares: &Tensor<2>, outputs: impl Iterator<Item = &'a Tensor<2>>) -> Tensor<2> {
    let terms = outputs.enumerate().map(|(i, output)| output.clone() * shares.clone().narrow(1, i, 1));
    terms.reduce(|a, b| a + b).expect("a level has experts")
}

impl Ple {
    /// What the level after this one sees.
    fn rise(&self, level: &Below, seen: &Seen, pass: Pass) -> Seen {
        let first_shared = self.domains * self.own;
        let input = |expert: usize| seen.domains.get(expert / self.own).unwrap_or(&seen.shared).clone();
        let outputs: Vec<_> =
            (0..first_shared + self.shared).map(|expert| level.experts.one_of(expert, input(expert), pass)).collect();
        let of_domain = |(domain, x): (usize, &Tensor<2>)| {
            let shares = activation::softmax(level.gates.one_of(domain, x.clone(), pass), 1);
            mixed(&shares, outputs[domain * self.own..][..self.own].iter().chain(&outputs[first_shared..]))
        };
        let domains = seen.domains.iter().enumerate().map(of_domain).collect();
        let shares = activation::softmax(level.shared_gate.one(seen.shared.clone(), pass), 1);
        Seen { domains, shared: mixed(&shares, outputs.iter()) }
    }

    /// What the last level sees of the row's domain, and of all domains.
    fn last(&self, rows: &Embedded) -> [Tensor<2>; 2] {
        if self.below.is_empty() {
            return [rows.z.clone(), rows.z.clone()];
        }
        let mut seen = Seen { domains: vec![rows.z.clone(); self.domains], shared: rows.z.clone() };
        for level in &self.below {
            seen = self.rise(level, &seen, rows.pass);
        }
        [mixed(&rows.own, seen.domains.iter()), seen.shared]
    }

    /// Shares of the experts of all domains, 0 but for the row's own, `[R, D · own]`, and of the shared ones, `[R, shared]`.
    fn shares(&self, rows: &Embedded, own: Tensor<2>) -> [Tensor<2>; 2] {
        let (count, domains) = (rows.rows(), self.domains);
        let shares = activation::softmax(self.gates.mix(own, rows.own.clone(), rows.pass), 1);
        let of_own = shares.clone().narrow(1, 0, self.own).reshape([count, 1, self.own]);
        let of_all = rows.own.clone().reshape([count, domains, 1]) * of_own;
        [of_all.reshape([count, domains * self.own]), shares.narrow(1, self.own, self.shared)]
    }
}

impl Named for Ple {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = Vec::new();
        for Below { experts, gates, shared_gate } in &mut self.below {
            slots.extend(experts.slots());
            slots.extend(gates.slots());
            slots.extend(shared_gate.slots());
        }
        slots.extend(self.experts.slots());
        slots.extend(self.gates.slots());
        slots.extend(self.towers.slots());
        slots
    }
}

impl Trunk for Ple {
    fn forward(&self, rows: &Embedded) -> Output {
        let [own, common] = self.last(rows);
        let [of_own, of_shared] = self.shares(rows, own.clone());
        let first_shared = self.domains * self.own;
        let h = if self.below.is_empty() {
            self.experts.mix(own, Tensor::cat(vec![of_own, of_shared], 1), rows.pass)
        } else {
            self.experts.mix_of(0..first_shared, own, of_own, rows.pass)
                + self.experts.mix_of(first_shared..first_shared + self.shared, common, of_shared, rows.pass)
        };
        self.towers.mix(h, rows.own.clone(), rows.pass).into()
    }

    fn experts(&self) -> usize {
        self.domains * self.own + self.shared
    }

    fn outputs(&self, rows: &Embedded) -> Vec<Tensor<2>> {
        let ([own, common], first_shared) = (self.last(rows), self.domains * self.own);
        let seen = |expert: usize| if expert < first_shared { &own } else { &common };
        (0..first_shared + self.shared).map(|e| self.experts.one_of(e, seen(e).clone(), rows.pass)).collect()
    }

    fn gates(&self, rows: &Embedded) -> Option<Tensor<2>> {
        let [own, _] = self.last(rows);
        Some(Tensor::cat(self.shares(rows, own).to_vec(), 1))
    }
}
