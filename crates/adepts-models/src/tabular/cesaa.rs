//! CESAA: for each row a few experts out of many, and a loss that lets experts and domains find each other.
//!
//! A gate sees q, the embedded fields z, an embedding of the domain, or both. Its clean logits are `c = q W_g`; in training
//! they get noise, `c + ε ⊙ softplus(q W_n)` with ε ~ N(0, noise²) (Shazeer et al. 2017). The `k` largest are kept and
//! G is a softmax over them; with k = 1 it is the chosen expert's probability among all, because a softmax over one logit is
//! 1 and would teach the gate nothing. `h = Σ_shared E_s(z) + Σ_kept G_i E_i(z)` goes through one tower to the logit. Experts
//! that are not kept are not computed and have no gradient.
//!
//! Experts and h do not see the domain, so what tells domains apart would have to come through the choice of experts alone, and
//! base rates are what tells them apart most. The tower is therefore told the domain: `logit = t(h) + b_d`, or `t([h ; e_d])` with
//! the embedding that the gate has (`tower_domain`).
//!
//! With p = softmax(c) and `P(d, i)` the sum of p(i) over the rows of domain d, divided by the rows of the batch, the loss is
//! the cross-entropy − mi · I, where `I = Σ P(d,i) log (P(d,i) / (P(d) P(i)))` is the mutual information of domain and expert
//! in nats, at most min(H(D), log N) (Chen et al., Mod-Squad, CVPR 2023). It has a gradient through p. Beside it or instead of
//! it there are the losses of Shazeer et al. that keep all experts equally busy (`balance`).
//!
//! The paper's own equations were not available to us: this is our construction of what it describes, from the techniques
//! that it names, and no figure of the paper is claimed for it.

use adepts_core::{ConfigError, TabularSpec, Work};
use adepts_data::seed;
use adepts_ops::Level;
use adepts_ops::embedding::gather;
use adepts_ops::gate::kernel::Keep;
use adepts_ops::gate::{information, keep};
use adepts_ops::normal::{self, Noise};
use burn::tensor::{Device, Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};

use super::model::{Output, Term, Trunk};
use super::parts::embedding::DEVIATION;
use super::parts::gate;
use super::parts::slots::matrix;
use super::parts::{DomainField, Embedded, Layout, Named, Norm, Pass, Shape, Slots, Stack, linear};
use super::recipe::{Architecture, Input, positive, recipe, sum, widths};
use crate::parts::init;

/// The entry of the registry.
pub static SPEC: TabularSpec = TabularSpec {
    name: "cesaa",
    summary: "Each row takes its own few of many experts; a loss lets experts and domains find each other",
    paper: "Dong et al., Adaptive Conditional Expert Selection Network for Multi-domain Recommendation, 2024 (arXiv 2411.06826), \
            of which this is our construction, made without its equations; Shazeer et al., ICLR 2017; \
            Chen et al., CVPR 2023",
    example: include_str!("examples/cesaa.toml"),
    recipe: recipe::<CesaaConfig>,
};

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CesaaConfig {
    /// Floats of an embedding, that of the domain too.
    pub embedding: usize,
    /// Number of experts that the gate chooses from, N.
    pub experts: usize,
    /// Number of experts that every row meets.
    pub shared: usize,
    /// How many experts the gate keeps.
    pub k: usize,
    /// Widths of an expert's layers.
    pub hidden: Vec<usize>,
    /// Widths of the tower's layers before the logit.
    pub tower: Vec<usize>,
    /// What the tower knows of the domain.
    pub tower_domain: TowerDomain,
    /// Standard deviation of ε in training; with 0 there is no `W_n`.
    pub noise: f64,
    /// Weight of the mutual information.
    pub mi: f64,
    /// Weight of the losses that keep all experts equally busy, whatever the domains (Shazeer et al. 2017): the squared
    /// variations of the sums of shares, and, with noise, of the smoothed numbers of tabular data.
    pub balance: f64,
    /// The gate.
    pub gate: Gate,
    /// What stands between a layer and its ReLU.
    pub norm: Norm,
}

/// The gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gate {
    /// What it sees.
    pub input: GateInput,
}

/// What the gate sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateInput {
    /// An embedding of the domain.
    Domain,
    /// The embedded fields.
    Features,
    /// The fields, then the domain.
    #[default]
    Both,
}

/// What the tower knows of the domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TowerDomain {
    /// Nothing. Runs from before it was a setting are of this form.
    None,
    /// A number for each domain is added to the logit; to a vector, a vector.
    #[default]
    Bias,
    /// Its embedding stands beside what the experts give.
    Embedding,
}

impl Default for CesaaConfig {
    fn default() -> Self {
        Self {
            embedding: 16,
            experts: 8,
            shared: 1,
            k: 2,
            hidden: vec![64, 32],
            tower: vec![16],
            tower_domain: TowerDomain::default(),
            noise: 1.0,
            mi: 0.01,
            balance: 0.0,
            gate: Gate::default(),
            norm: Norm::None,
        }
    }
}

impl CesaaConfig {
    /// Width of what the gate sees.
    fn gate_width(&self, input: &Input) -> usize {
        match self.gate.input {
            GateInput::Domain => self.embedding,
            GateInput::Features => input.width,
            GateInput::Both => input.width + self.embedding,
        }
    }

    /// Whether anything sees an embedding of the domain.
    fn embeds_domain(&self) -> bool {
        self.gate.input != GateInput::Features || self.tower_domain == TowerDomain::Embedding
    }

    /// The shape of the numbers that are added to what the tower gives, if there are any.
    fn bias(&self, input: &Input) -> Option<[usize; 2]> {
        (self.tower_domain == TowerDomain::Bias).then_some([input.domains, input.output])
    }
}

impl Architecture for CesaaConfig {
    type Trunk = Cesaa;

    fn check(&self) -> Result<(), ConfigError> {
        positive("embedding", self.embedding)?;
        positive("experts", self.experts)?;
        if !(1..=self.experts).contains(&self.k) {
            let problem = format!("expected 1 to {} (the number of experts), found {}", self.experts, self.k);
            return Err(ConfigError::invalid("k", problem));
        }
        widths("hidden", &self.hidden, 1)?;
        widths("tower", &self.tower, 0)?;
        for (path, value) in [("noise", self.noise), ("mi", self.mi), ("balance", self.balance)] {
            if !(value >= 0.0 && value.is_finite()) {
                let problem = format!("expected a finite number of at least 0, found {value}");
                return Err(ConfigError::invalid(path, problem));
            }
        }
        Ok(())
    }

    fn layout(&self) -> Layout {
        Layout { width: self.embedding, domain: DomainField::Absent }
    }

    fn shapes(&self, input: &Input) -> Vec<Shape> {
        let all = self.experts + self.shared;
        let experts = Shape::new("experts", all, input.width, &self.hidden).active(self.k + self.shared);
        let beside = if self.tower_domain == TowerDomain::Embedding { self.embedding } else { 0 };
        let tower = Shape::new("tower", 1, experts.output() + beside, &self.tower).ending(input.output);
        vec![experts.norm(self.norm), tower.norm(self.norm)]
    }

    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Cesaa {
        let [experts, tower] = Stack::of(self.shapes(input), seed, device);
        let (width, domains) = (self.gate_width(input), input.domains);
        let domain = || {
            let values = init::normal(seed, "domain", domains * self.embedding, DEVIATION);
            Tensor::from_data(TensorData::new(values, [domains, self.embedding]), device).require_grad()
        };
        // Noise makes equal logits choose by chance. Without it the same experts would be chosen for all rows for ever.
        let gate = if self.noise > 0.0 {
            init::constant(0.0, [width, self.experts], device)
        } else {
            init::uniform(seed, "gate.weight", [width, self.experts], width, device)
        };
        Cesaa {
            config: self.clone(),
            experts,
            tower,
            domain: self.embeds_domain().then(domain),
            bias: self.bias(input).map(|shape| init::constant(0.0, shape, device)),
            gate,
            noise: (self.noise > 0.0).then(|| init::constant(0.0, [width, self.experts], device)),
            selected: None,
        }
    }

    fn work(&self, input: &Input) -> Work {
        let of_gate = self.gate_width(input) * self.experts;
        let parameters = if self.noise > 0.0 { 2 * of_gate } else { of_gate };
        // In prediction there is no noise.
        let gate = Work {
            parameters,
            activated_parameters: of_gate,
            multiply_adds: of_gate as f64,
            total_multiply_adds: of_gate as f64,
        };
        let [domains, output] = self.bias(input).unwrap_or_default();
        let bias = Work { parameters: domains * output, activated_parameters: output, ..Work::default() };
        self.shapes(input).iter().map(Shape::work).fold(sum(gate, bias), sum)
    }
}

/// The rows of a table that has one for each domain, if there is such a table.
fn of_domains(table: Option<&Tensor<2>>, rows: &Embedded) -> Option<Tensor<2>> {
    table.map(|table| gather(table.clone(), &rows.domain))
}

/// Experts, gate and tower.
#[derive(Clone, Debug)]
pub struct Cesaa {
    config: CesaaConfig,
    /// Those that the gate chooses from, then the shared ones.
    experts: Stack,
    tower: Stack,
    /// `[D, embedding]`.
    domain: Option<Tensor<2>>,
    /// What is added to the tower's output, `[D, output]`.
    bias: Option<Tensor<2>>,
    /// `W_g`.
    gate: Tensor<2>,
    /// `W_n`.
    noise: Option<Tensor<2>>,
    /// Where prediction is to select another number of experts than training.
    selected: Option<usize>,
}

impl Cesaa {
    /// The logits of the gate: `c = q W_g`, and behind it `q W_n` where there is noise; `[R, N]` or `[R, 2N]`.
    fn logits(&self, rows: &Embedded, noisy: bool) -> Tensor<2> {
        let domain = of_domains(self.domain.as_ref(), rows);
        let q = match (self.config.gate.input, domain) {
            (GateInput::Features, _) | (_, None) => rows.z.clone(),
            (GateInput::Domain, Some(domain)) => domain,
            (GateInput::Both, Some(domain)) => Tensor::cat(vec![rows.z.clone(), domain], 1),
        };
        // One product for both matrices.
        let weight = match &self.noise {
            Some(noise) if noisy => Tensor::cat(vec![self.gate.clone(), noise.clone()], 1),
            _ => self.gate.clone(),
        };
        linear(q, weight, rows.pass)
    }

    /// What the tower makes of what the experts gave.
    fn towered(&self, h: Tensor<2>, rows: &Embedded) -> Tensor<2> {
        let domain = self.domain.as_ref().filter(|_| self.config.tower_domain == TowerDomain::Embedding);
        let seen = match of_domains(domain, rows) {
            Some(domain) => Tensor::cat(vec![h, domain], 1),
            None => h,
        };
        let out = self.tower.one(seen, rows.pass);
        match of_domains(self.bias.as_ref(), rows) {
            Some(bias) => out + bias,
            None => out,
        }
    }

    /// The weights of the experts that logits and noise keep, and 1 for each of `shared` ones, `[R, N + shared]`.
    fn weights(&self, logits: Tensor<2>, noise: Option<&Noise>, shared: usize) -> Tensor<2> {
        let CesaaConfig { experts, k, .. } = self.config;
        match self.selected {
            // The scale of what the tower sees stays that of training.
            Some(selected) => gate::select(&logits, selected, k == 1, shared),
            None => keep(logits, noise, Keep { experts, k, shared }),
        }
    }

    /// What is added to the loss.
    fn terms(&self, rows: &Embedded, logits: &Tensor<2>, shares: Tensor<2>, noise: Option<&Noise>) -> Vec<Term> {
        let CesaaConfig { experts, k, mi, balance, .. } = self.config;
        let mut terms =
            vec![Term { name: "mi", weight: -mi, value: information(logits.clone(), experts, &rows.domain) }];
        if balance > 0.0 {
            let mut value = gate::variation(shares.narrow(1, 0, experts));
            if let Some(noise) = noise.filter(|_| k < experts) {
                let eps = normal::draw(Level::best(), noise, rows.rows(), experts);
                let eps = Tensor::from_data(TensorData::new(eps, [rows.rows(), experts]), &rows.z.device());
                let [clean, raw] = [0, experts].map(|from| logits.clone().narrow(1, from, experts));
                // softplus(x) = −log σ(−x)
                let deviation = -activation::log_sigmoid(-raw);
                let noisy = clean.clone() + deviation.clone() * eps;
                value = value + gate::variation(gate::load(clean, &noisy, deviation * self.config.noise, k));
            }
            terms.push(Term { name: "balance", weight: balance, value });
        }
        terms
    }

    /// A pass with this noise ε, `[R, N]`, or none.
    #[must_use]
    pub fn forward_with(&self, rows: &Embedded, noise: Option<&Noise>) -> Output {
        let noise = noise.filter(|_| self.noise.is_some());
        let logits = self.logits(rows, noise.is_some());
        let gates = self.weights(logits.clone(), noise, self.config.shared);
        let h = self.experts.mix(rows.z.clone(), gates.clone(), rows.pass);
        let logit = self.towered(h, rows);
        let training = matches!(rows.pass, Pass::Training(_));
        Output { logit, terms: if training { self.terms(rows, &logits, gates, noise) } else { Vec::new() } }
    }
}

impl Named for Cesaa {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = self.experts.slots();
        slots.extend(self.tower.slots());
        if let Some(domain) = &mut self.domain {
            slots.push(matrix("domain", domain));
        }
        if let Some(bias) = &mut self.bias {
            slots.push(matrix("tower.domain", bias));
        }
        slots.push(matrix("gate.weight", &mut self.gate));
        if let Some(noise) = &mut self.noise {
            slots.push(matrix("gate.noise", noise));
        }
        slots
    }
}

impl Trunk for Cesaa {
    fn forward(&self, rows: &Embedded) -> Output {
        let noise = match rows.pass {
            Pass::Training(step) if self.noise.is_some() => Some(Noise::Drawn {
                key: seed::key(step.seed, "gate noise", &[step.taken]),
                scale: self.config.noise as f32,
            }),
            _ => None,
        };
        self.forward_with(rows, noise.as_ref())
    }

    fn experts(&self) -> usize {
        self.config.experts
    }

    fn outputs(&self, rows: &Embedded) -> Vec<Tensor<2>> {
        self.experts.each(self.config.experts, &rows.z, rows.pass)
    }

    fn gates(&self, rows: &Embedded) -> Option<Tensor<2>> {
        Some(self.weights(self.logits(rows, false), None, 0))
    }

    fn selected(&self) -> Option<usize> {
        Some(self.selected.unwrap_or(self.config.k))
    }

    fn selecting(&self, k: usize, work: Work) -> Option<(Self, Work)> {
        let CesaaConfig { experts, k: trained, shared, .. } = self.config;
        assert!(k > 0 && k <= experts, "selecting: {k} of {experts} experts");
        if k == trained {
            return Some((self.clone(), work));
        }
        let [before, after] = [trained, k].map(|k| self.experts.work(k + shared));
        let work = Work {
            activated_parameters: work.activated_parameters - before.activated_parameters + after.activated_parameters,
            multiply_adds: work.multiply_adds - before.multiply_adds + after.multiply_adds,
            ..work
        };
        Some((Self { selected: Some(k), ..self.clone() }, work))
    }
}
