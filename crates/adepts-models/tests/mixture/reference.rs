//! The mixture in plain 64-bit arithmetic, row by row, written from the equations.

use std::collections::BTreeMap;

use adepts_core::{HistoryBatch, Tensors};
use adepts_models::history::mixture::MixtureConfig;
use adepts_models::history::mixture::config::{Gate, GateScore, Reduce};
use adepts_models::history::mixture::model::Inputs;
use adepts_ops::Csr;
use adepts_ops::latent::kernel::Noise;

/// A mixture: its parameters by name.
pub(crate) struct Reference {
    config: MixtureConfig,
    items: usize,
    pub(crate) arrays: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

/// What a step gives.
pub(crate) struct Result {
    pub(crate) loss: f64,
    pub(crate) signal: Vec<f64>,
    pub(crate) shares: Vec<Vec<f64>>,
}

/// One row's input, `[I]`.
fn row_of(rows: &Csr, r: usize) -> Vec<f64> {
    let mut x = vec![0.0; rows.columns()];
    for item in rows.row(r) {
        x[*item as usize] = f64::from(rows.scale(r));
    }
    x
}

fn softmax(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|x| x.exp() / sum).collect()
}

/// log Σ exp over the items that are not `out`.
fn log_sum(logits: &[f64], out: &[u32]) -> f64 {
    let open = logits.iter().enumerate().filter(|(item, _)| !out.contains(&(*item as u32)));
    open.map(|(_, x)| x.exp()).sum::<f64>().ln()
}

fn probe_loss(logits: &[f64], seen: &[u32], probe: &[u32]) -> f64 {
    probe.iter().map(|item| log_sum(logits, seen) - logits[*item as usize]).sum()
}

impl Reference {
    pub(crate) fn new(config: &MixtureConfig, items: usize, tensors: &Tensors) -> Self {
        let of = |name: &str| {
            let array = tensors.array(name).unwrap();
            (array.shape.clone(), array.values.iter().map(|x| f64::from(*x)).collect())
        };
        let arrays = tensors.names().map(|name| (name.to_owned(), of(name))).collect();
        Self { config: config.clone(), items, arrays }
    }

    fn layer(&self, name: &str, expert: usize, x: &[f64]) -> Vec<f64> {
        let (shape, weight) = &self.arrays[&format!("{name}.weight")];
        let bias = &self.arrays[&format!("{name}.bias")].1;
        let (inputs, outputs) = (shape[1], shape[2]);
        let weight = &weight[expert * inputs * outputs..][..inputs * outputs];
        let of =
            |o: usize| bias[expert * outputs + o] + (0..inputs).map(|i| x[i] * weight[i * outputs + o]).sum::<f64>();
        (0..outputs).map(of).collect()
    }

    /// Layers with tanh between them.
    fn stack(&self, name: &str, expert: usize, x: Vec<f64>) -> Vec<f64> {
        (0..self.config.hidden.len()).fold(x, |x, n| {
            let x = if n == 0 { x } else { x.into_iter().map(f64::tanh).collect() };
            self.layer(&format!("{name}.{n}"), expert, &x)
        })
    }

    /// Logits `[K][I]` and divergences `[K]` of a row; without noise from the means.
    fn experts(&self, rows: &Csr, r: usize, noise: Option<&[f32]>) -> (Vec<Vec<f64>>, Vec<f64>) {
        let hidden = self.config.latent();
        let expert = |k: usize| {
            let h = self.stack("encoder", k, row_of(rows, r));
            let (mu, log_var) = h.split_at(hidden);
            let eps = |j: usize| noise.map_or(0.0, |noise| f64::from(noise[(k * rows.rows() + r) * hidden + j]));
            let z = (0..hidden).map(|j| mu[j] + eps(j) * (0.5 * log_var[j]).exp()).collect();
            let kl: f64 = (0..hidden).map(|j| 0.5 * (log_var[j].exp() + mu[j] * mu[j] - 1.0 - log_var[j])).sum();
            (self.stack("decoder", k, z), kl)
        };
        (0..self.config.experts).map(expert).unzip()
    }

    /// Shares of a row, given what the experts that the gate judges say.
    fn shares(&self, judged: &[Vec<f64>], batch: &HistoryBatch, r: usize) -> Vec<f64> {
        let equal = vec![1.0 / self.config.experts as f64; self.config.experts];
        match (self.config.gate, &batch.gate) {
            (Gate::LossDriven { score, reduce, temperature, .. }, Some(view)) if !view.probe.row(r).is_empty() => {
                let n = if reduce == Reduce::Mean { view.probe.row(r).len() as f64 } else { 1.0 };
                let loss = |logits: &Vec<f64>| probe_loss(logits, view.seen.row(r), view.probe.row(r)).max(1e-6) / n;
                let score = |logits: &Vec<f64>| match score {
                    GateScore::Inverse => 1.0 / loss(logits) / temperature,
                    GateScore::Negative => -loss(logits) / temperature,
                };
                softmax(&judged.iter().map(score).collect::<Vec<_>>())
            }
            (Gate::Mlp { .. }, _) => {
                let h = self.layer("gate.0", 0, &row_of(&batch.input, r));
                softmax(&self.layer("gate.1", 0, &h.into_iter().map(|x| x.max(0.0)).collect::<Vec<_>>()))
            }
            _ => equal,
        }
    }

    fn mix(&self, logits: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
        (0..self.items).map(|i| logits.iter().zip(shares).map(|(e, g)| g * e[i]).sum()).collect()
    }

    /// Scores `[I]` and shares `[K]` of a row.
    pub(crate) fn score(
        &self,
        batch: &HistoryBatch,
        input: &Csr,
        seen: Option<&Csr>,
        r: usize,
    ) -> (Vec<f64>, Vec<f64>) {
        let (logits, _) = self.experts(input, r, None);
        let judged = seen.map(|seen| self.experts(seen, r, None).0);
        let shares = self.shares(judged.as_ref().unwrap_or(&logits), batch, r);
        (self.mix(&logits, &shares), shares)
    }

    /// A training step; `frozen` shares stand in for a gate that passes no gradient.
    pub(crate) fn step(&self, batch: &HistoryBatch, inputs: &Inputs, beta: f64, frozen: Option<&[Vec<f64>]>) -> Result {
        let Noise::Given(noise) = &inputs.noise else { panic!("the reference does not draw") };
        let rows = batch.rows();
        let experts = self.config.experts;
        let (mut ce, mut kls, mut summed) = (0.0, vec![0.0; experts], vec![0.0; experts]);
        let (mut signal, mut all_shares) = (Vec::new(), Vec::new());
        for r in 0..rows {
            let (logits, kl) = self.experts(&inputs.input, r, Some(noise));
            let seen = inputs.seen.as_ref().map(|seen| self.experts(seen, r, Some(noise)).0);
            let judged = seen.as_ref().unwrap_or(&logits);
            let shares = frozen.map_or_else(|| self.shares(judged, batch, r), |frozen| frozen[r].clone());
            let mixed = self.mix(&logits, &shares);
            let target = batch.input.row(r);
            let of_row: f64 = target.iter().map(|item| log_sum(&mixed, &[]) - mixed[*item as usize]).sum();
            ce += f64::from(batch.weights[r]) * of_row;
            if let Some(view) = &batch.gate {
                let (seen, probe) = (view.seen.row(r), view.probe.row(r));
                signal.push(if probe.is_empty() {
                    f64::NAN
                } else {
                    probe_loss(&self.mix(judged, &shares), seen, probe)
                });
            }
            for k in 0..experts {
                kls[k] += kl[k] / rows as f64;
                summed[k] += shares[k];
            }
            all_shares.push(shares);
        }
        ce /= batch.weights.iter().map(|w| f64::from(*w)).sum::<f64>();
        let kl: f64 = kls.iter().zip(&summed).map(|(kl, share)| kl * share).sum();
        let kl = if self.config.kl.reduce == Reduce::Mean { kl / rows as f64 } else { kl };
        Result { loss: ce + beta * kl, signal, shares: all_shares }
    }
}
