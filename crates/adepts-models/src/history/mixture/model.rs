//! The mixture of MultVAE experts: forward pass, loss and scores.

use std::sync::Arc;

use adepts_core::memory::elements;
use adepts_core::{
    Fit, HistoryBatch, HistoryLearner, HistoryLoss, HistoryModel, Known, Parameter, Probe, Step, Tensors, TensorsError,
    tensors,
};
use adepts_data::seed;
use adepts_ops::latent::kernel::Noise;
use adepts_ops::mixture::kernel::{Cut, TILE};
use adepts_ops::row_losses::{Judged, row_losses};
use adepts_ops::{Csr, mixture};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;

use super::config::{Gate, MixtureConfig, Reduce, Weights};
use super::expert::{Experts, sample};
use super::weights::{self, row_weights};

/// The largest block of logits that prediction holds at once, in elements.
const BLOCK: usize = 1 << 27;

/// Rows that prediction takes at once: a multiple of [`TILE`].
#[must_use]
pub fn block_rows(experts: usize, items: usize) -> usize {
    (BLOCK / elements(&[experts, items]).max(1) / TILE * TILE).clamp(TILE, 1024)
}

/// A mixture of MultVAE experts (Liang et al. 2018) with a gate and row weights (Pan et al. 2024).
#[derive(Debug)]
pub struct Mixture {
    config: MixtureConfig,
    items: usize,
    device: Device,
    experts: Experts,
}

/// What a pass through the experts gives.
struct Mixed {
    /// Rows that begin with the mixed logits: `[R, ≥ I]`.
    packed: Tensor<2>,
    /// Shares `[R, K]`.
    shares: Tensor<2>,
}

impl Mixture {
    /// An untrained mixture.
    #[must_use]
    pub fn new(config: MixtureConfig, items: usize, seed: u64, device: &Device) -> Self {
        let experts = Experts::init(&config, items, seed, device);
        Self { config, items, device: device.clone(), experts }
    }

    /// A mixture with saved parameters.
    pub fn restore(
        config: MixtureConfig,
        items: usize,
        device: &Device,
        tensors: Tensors,
    ) -> Result<Self, TensorsError> {
        let experts = Experts::restore(&config, items, device, tensors)?;
        Ok(Self { config, items, device: device.clone(), experts })
    }

    fn equal_shares(&self, rows: usize, device: &Device) -> Tensor<2> {
        let experts = self.config.experts;
        Tensor::from_data(TensorData::new(vec![1.0 / experts as f32; rows * experts], [rows, experts]), device)
    }

    /// Mixes the experts' decoders for latents `z`; a loss-driven gate without a view mixes equally.
    fn mix(
        &self,
        experts: &Experts,
        z: Tensor<3>,
        input: &Arc<Csr>,
        view: Option<(&Arc<Csr>, &Arc<Csr>)>,
        cut: Cut,
    ) -> Mixed {
        let last = experts.output();
        let (weight, bias) = (last.weight.clone(), last.bias.clone());
        let z = experts.decode(z, cut);
        let (rows, k) = (input.rows(), self.config.experts);
        let given = |z, shares: Tensor<2>| {
            let packed = mixture::given(z, weight.clone(), bias.clone(), shares.clone(), cut);
            Mixed { packed, shares }
        };
        match (self.config.gate.rule(), view) {
            (Some(rule), Some((seen, probe))) if k > 1 => {
                let packed = mixture::driven(z, weight, bias, seen, probe, rule, cut);
                let shares = packed.clone().narrow(1, self.items + k, k);
                Mixed { packed, shares }
            }
            _ if matches!(self.config.gate, Gate::Mlp { .. }) => given(z, experts.network_shares(input, cut)),
            _ => {
                let shares = self.equal_shares(rows, &z.device());
                given(z, shares)
            }
        }
    }

    /// The loss of a batch with the given latent noise and input dropout already applied.
    #[must_use]
    pub fn loss_with(&self, batch: &HistoryBatch, inputs: &Inputs, beta: f64) -> HistoryLoss {
        let (experts, rows) = (&self.experts, batch.rows());
        let (z, kl) = sample(experts.encode(&inputs.input), &inputs.noise);
        let view = batch.gate.as_ref().map(|gate| (&gate.seen, &gate.probe));
        let (mixed, judged) = match (view, &inputs.seen) {
            // A gate that looks at a part of the history decides in a pass of its own, on the rest of it.
            (Some((seen, probe)), Some(seen_input)) if self.config.gate.rule().is_some() && self.config.experts > 1 => {
                let (z_seen, _) = sample(experts.encode(seen_input), &inputs.noise);
                let first = self.mix(experts, z_seen, seen, view, Cut::Whole);
                let found = row_losses(first.packed.detach(), seen, Some((seen, probe)));
                let last = experts.output();
                let z = experts.decode(z, Cut::Whole);
                let (weight, bias) = (last.weight.clone(), last.bias.clone());
                let packed = mixture::given(z, weight, bias, first.shares.clone(), Cut::Whole);
                let judged = row_losses(packed.clone(), &batch.input, None);
                (Mixed { packed, shares: first.shares }, Judged { probe: found.probe, ..judged })
            }
            // Row weights that look at a part of the history ask experts that have not seen it.
            (Some((seen, probe)), Some(seen_input)) => {
                let mixed = self.mix(experts, z, &batch.input, None, Cut::Whole);
                let judged = row_losses(mixed.packed.clone(), &batch.input, None);
                let still = experts.inner();
                let (z_seen, _) = sample(still.encode(seen_input), &inputs.noise);
                let first = self.mix(&still, z_seen, seen, None, Cut::Whole);
                let found = row_losses(first.packed, seen, Some((seen, probe)));
                (mixed, Judged { probe: found.probe, ..judged })
            }
            _ => {
                let mixed = self.mix(experts, z, &batch.input, view, Cut::Whole);
                let held = view.map(|(seen, probe)| (&**seen, &**probe));
                let judged = row_losses(mixed.packed.clone(), &batch.input, held);
                (mixed, judged)
            }
        };
        let total_weight: f64 = batch.weights.iter().map(|w| f64::from(*w)).sum();
        // Where no row has weight (`mainstream` gives the most mainstream user none), nothing is divided by nothing.
        let divisor = if total_weight == 0.0 { 1.0 } else { total_weight };
        let scaled = batch.weights.iter().map(|w| (f64::from(*w) / divisor) as f32).collect();
        let weights = Tensor::<1>::from_data(TensorData::new(scaled, [rows]), &self.device);
        let ce = (judged.cross_entropy * weights).sum();
        let kl = kl.mean_dim(1).reshape([1, self.config.experts]);
        let kl = (mixed.shares.clone().sum_dim(0) * kl).sum();
        let kl = if self.config.kl.reduce == Reduce::Mean { kl / rows as f32 } else { kl };
        let parts = vec![("ce", number(&ce)), ("kl", number(&kl)), ("beta", beta)];
        let mut signal = judged.probe;
        if let Some((_, probe)) = view {
            for (row, signal) in signal.iter_mut().enumerate() {
                let items = probe.row(row).len();
                if items == 0 {
                    *signal = f32::NAN;
                } else if self.config.weights.reduce() == Some(Reduce::Mean) {
                    *signal /= items as f32;
                }
            }
        }
        let shares = if self.config.experts > 1 { tensors::values(&mixed.shares) } else { Vec::new() };
        HistoryLoss { total: ce + kl * beta as f32, parts, signal, shares }
    }

    /// The inputs of the experts in training: normalised, with dropout, and the noise.
    fn inputs(&self, batch: &HistoryBatch, step: &Step) -> Inputs {
        let noise =
            Noise::Drawn { key: seed::key(step.seed, "latent noise", &[step.taken]), scale: self.config.noise as f32 };
        let seen = batch.gate.as_ref().filter(|gate| !Arc::ptr_eq(&gate.seen, &batch.input));
        Inputs {
            input: Arc::new(self.drop_out(&batch.input, "dropout", step)),
            seen: seen.map(|gate| Arc::new(self.drop_out(&gate.seen, "dropout of the gate's view", step))),
            noise,
        }
    }

    /// Rows of length 1, of which each item is left out with the configured probability and the others scaled up.
    fn drop_out(&self, rows: &Csr, purpose: &str, step: &Step) -> Csr {
        let dropout = self.config.dropout;
        let all = || (0..rows.rows()).map(|r| rows.row(r));
        if dropout == 0.0 {
            return Csr::from_rows(self.items, all()).normalised(1.0);
        }
        let mut random = seed::stream(step.seed, purpose, &[step.taken]);
        let kept: Vec<Vec<u32>> =
            all().map(|row| row.iter().copied().filter(|_| random.random::<f64>() >= dropout).collect()).collect();
        let scale = all().map(|row| (1.0 / ((1.0 - dropout) * (row.len().max(1) as f64).sqrt())) as f32).collect();
        Csr::from_rows(self.items, kept.iter().map(Vec::as_slice)).scaled(scale)
    }

    /// Whether the experts are judged by a part of the history and then answer for the whole of it.
    fn folds_in(&self, seen: Option<&Arc<Csr>>, input: &Arc<Csr>) -> bool {
        self.config.experts > 1
            && self.config.gate.rule().is_some()
            && seen.is_some_and(|seen| !Arc::ptr_eq(seen, input))
    }

    /// Scores of a block of rows, a multiple of [`TILE`] or, where a history is folded in, of [`mixture::fold_in_tile`].
    fn score_block(&self, experts: &Experts, input: &Arc<Csr>, view: Option<(&Arc<Csr>, &Arc<Csr>)>) -> Mixed {
        let normalised =
            |rows: &Csr| Arc::new(Csr::from_rows(self.items, (0..rows.rows()).map(|r| rows.row(r))).normalised(1.0));
        let latent = self.config.latent();
        let means = |rows: &Csr| experts.means(&normalised(rows), latent);
        match (view, self.config.gate.rule()) {
            (Some((seen, probe)), Some(rule)) if self.folds_in(Some(seen), input) => {
                let [z_seen, z] = [seen, input].map(|rows| experts.decode(means(rows), Cut::Tiles));
                let last = experts.output();
                let packed = mixture::fold_in(z_seen, z, last.weight.clone(), last.bias.clone(), seen, probe, rule);
                let shares = packed.clone().narrow(1, self.items, self.config.experts);
                Mixed { packed, shares }
            }
            (view, rule) => {
                let view = view.filter(|_| rule.is_some());
                self.mix(experts, means(input), input, view, Cut::Tiles)
            }
        }
    }
}

/// The inputs of a training step.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The normalised histories: `[R, I]`.
    pub input: Arc<Csr>,
    /// The normalised part of the histories that gate and row weights see, if it is not all.
    pub seen: Option<Arc<Csr>>,
    /// The latent noise.
    pub noise: Noise,
}

fn number(tensor: &Tensor<1>) -> f64 {
    f64::from(tensors::values(tensor)[0])
}

impl HistoryModel for Mixture {
    fn items(&self) -> usize {
        self.items
    }

    fn experts(&self) -> usize {
        self.config.experts
    }

    fn probe(&self) -> Option<Probe> {
        self.config.probe()
    }

    fn gate_probe(&self) -> Option<Probe> {
        self.config.gate_probe()
    }

    fn stops_as_published(&self) -> bool {
        self.config.gate.is_published()
    }

    fn score(&self, batch: &HistoryBatch, scores: &mut [f32], shares: &mut [f32]) {
        let (rows, items, k) = (batch.rows(), self.items, self.config.experts);
        assert_eq!(scores.len(), rows * items, "score: [{rows}, {items}]");
        let experts = self.experts.inner();
        let block = block_rows(k, items);
        let folds_in = self.folds_in(batch.gate.as_ref().map(|gate| &gate.seen), &batch.input);
        for first in (0..rows).step_by(block) {
            let count = block.min(rows - first);
            // Hidden layers of the decoders are multiplied tile by tile.
            let free = folds_in && experts.decoder.len() == 1;
            let tile = if free { mixture::fold_in_tile(&experts.output().weight, count) } else { TILE };
            let part = |rows: &Csr| Arc::new(padded(rows, first, count.next_multiple_of(tile), items));
            let input = part(&batch.input);
            let view = batch.gate.as_ref().map(|gate| {
                let seen = if Arc::ptr_eq(&gate.seen, &batch.input) { Arc::clone(&input) } else { part(&gate.seen) };
                (seen, part(&gate.probe))
            });
            let mixed = self.score_block(&experts, &input, view.as_ref().map(|(seen, probe)| (seen, probe)));
            let width = mixed.packed.dims()[1];
            let values = tensors::values(&mixed.packed);
            let places = scores[first * items..][..count * items].chunks_mut(items);
            for (place, row) in places.zip(values.chunks(width)) {
                place.copy_from_slice(&row[..items]);
            }
            if !shares.is_empty() {
                shares[first * k..][..count * k].copy_from_slice(&tensors::values(&mixed.shares)[..count * k]);
            }
        }
    }

    fn fit(&mut self) -> Fit<'_> {
        Fit::Steps(self)
    }

    fn save(&self) -> Tensors {
        self.experts.save()
    }

    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        self.experts.load(tensors)
    }
}

/// The rows from `first` on, `count` of them or as many as there are, filled up with empty rows to `count`.
fn padded(rows: &Csr, first: usize, count: usize, items: usize) -> Csr {
    let there = first..rows.rows().min(first + count);
    let padding = count - there.len();
    let rows = there.map(|r| rows.row(r)).chain(std::iter::repeat_n([].as_slice(), padding));
    Csr::from_rows(items, rows)
}

impl HistoryLearner for Mixture {
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)> {
        self.experts.parameters()
    }

    fn loss(&self, batch: &HistoryBatch, step: &Step) -> HistoryLoss {
        self.loss_with(batch, &self.inputs(batch, step), self.config.kl.beta(step.taken))
    }

    fn row_weights(&self, known: &Known<'_>) -> Option<Vec<f32>> {
        row_weights(&self.config.weights, known)
    }

    fn signal_window(&self) -> usize {
        match self.config.weights {
            Weights::Adaptive { window, .. } => window + 1,
            _ => 0,
        }
    }

    fn weight_floor(&self) -> Option<f32> {
        matches!(self.config.weights, Weights::Adaptive { .. }).then_some(weights::FLOOR)
    }

    fn l2_divisor(&self) -> f64 {
        self.config.experts as f64
    }
}
