//! Small mixtures and batches.

use std::sync::Arc;

use adepts_core::batch::gate_from_histories;
use adepts_core::{
    GateView, HistoryBatch, HistoryLearner, HistoryLoss, HistoryModel, Probe, ProbeSplit, Values, tensors,
};
use adepts_data::seed;
use adepts_models::history::mixture::config::{Gate, GateScore, Kl, Reduce, Weights};
use adepts_models::history::mixture::model::Inputs;
use adepts_models::history::mixture::{Mixture, MixtureConfig};
use adepts_ops::Csr;
use adepts_ops::latent::kernel::Noise;
use burn::tensor::{Device, Gradients, Tensor};
use rand::RngExt;

pub(crate) fn driven(probe: Probe) -> Gate {
    Gate::LossDriven { score: GateScore::Inverse, reduce: Reduce::Sum, temperature: 1.0, detach: false, probe }
}

pub(crate) fn config(experts: usize, hidden: &[usize], gate: Gate) -> MixtureConfig {
    MixtureConfig {
        experts,
        hidden: hidden.to_vec(),
        dropout: 0.0,
        noise: 0.5,
        kl: Kl { reduce: Reduce::Sum, cap: 0.2, steps: 0 },
        gate,
        weights: Weights::Uniform {},
    }
}

/// A mixture whose parameters are larger than initial ones, so that the experts differ.
pub(crate) fn mixture(config: &MixtureConfig, items: usize) -> Mixture {
    let mut model = Mixture::new(config.clone(), items, 3, &Device::flex().autodiff());
    let mut tensors = model.save();
    let names: Vec<String> = tensors.names().map(str::to_owned).collect();
    for name in names {
        let array = tensors.remove(&name).unwrap();
        tensors.insert(name, &array.shape, array.values.iter().map(|x| 2.0 * x).collect());
    }
    model.load(&tensors).unwrap();
    model
}

/// Histories and held-out items of random users; one in four has nothing held out, one in ten a short history.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    pub(crate) items: usize,
    pub(crate) histories: Vec<Vec<u32>>,
    pub(crate) held: Vec<Vec<u32>>,
}

impl Users {
    pub(crate) fn random(users: usize, items: usize) -> Self {
        let mut random = seed::stream(5, "users of a test", &[users as u64, items as u64]);
        let mut chance = |p: f64| random.random::<f64>() < p;
        let (mut histories, mut held) = (Vec::new(), Vec::new());
        for _ in 0..users {
            let density = if chance(0.1) { 0.05 } else { 0.45 };
            let out = if chance(0.25) { 0.0 } else { 0.4 };
            let (mut history, mut of_held) = (Vec::new(), Vec::new());
            for item in 0..items as u32 {
                if chance(density) {
                    history.push(item);
                } else if chance(out) {
                    of_held.push(item);
                }
            }
            histories.push(history);
            held.push(of_held);
        }
        Self { items, histories, held }
    }

    /// The same user alone.
    pub(crate) fn one(&self, user: usize) -> Self {
        let of = |rows: &[Vec<u32>]| vec![rows[user].clone()];
        Self { items: self.items, histories: of(&self.histories), held: of(&self.held) }
    }

    pub(crate) fn batch(&self, probe: Option<Probe>) -> HistoryBatch {
        let input = Arc::new(csr(self.items, &self.histories));
        let gate = probe.map(|probe| match probe {
            Probe::Validation => GateView { seen: Arc::clone(&input), probe: Arc::new(csr(self.items, &self.held)) },
            Probe::History => {
                gate_from_histories(9, ProbeSplit::default(), self.items, self.histories.iter().map(Vec::as_slice))
            }
        });
        let weights = (0..self.histories.len()).map(|user| 0.3 + (user % 5) as f32 * 0.4).collect();
        HistoryBatch { users: (0..self.histories.len() as u32).collect(), input, gate, weights }
    }
}

pub(crate) fn csr(items: usize, rows: &[Vec<u32>]) -> Csr {
    Csr::from_rows(items, rows.iter().map(Vec::as_slice))
}

pub(crate) fn normalised(rows: &Csr) -> Csr {
    Csr::from_rows(rows.columns(), (0..rows.rows()).map(|r| rows.row(r))).normalised(1.0)
}

/// Inputs of a step without dropout, with the same noise at each call.
pub(crate) fn inputs(config: &MixtureConfig, batch: &HistoryBatch) -> Inputs {
    let mut random = seed::stream(6, "noise of a test", &[]);
    let count = config.experts * batch.rows() * config.latent();
    let noise = (0..count).map(|_| random.random::<f32>() - 0.5).collect();
    let seen = batch.gate.as_ref().filter(|gate| !Arc::ptr_eq(&gate.seen, &batch.input));
    Inputs {
        input: Arc::new(normalised(&batch.input)),
        seen: seen.map(|gate| Arc::new(normalised(&gate.seen))),
        noise: Noise::Given(Arc::new(noise)),
    }
}

/// Scores and shares of a batch.
pub(crate) fn scores(model: &Mixture, batch: &HistoryBatch) -> (Vec<f32>, Vec<f32>) {
    let (mut scores, mut shares) =
        (vec![f32::NAN; batch.rows() * model.items()], vec![f32::NAN; batch.rows() * model.experts()]);
    model.score(batch, &mut scores, &mut shares);
    (scores, shares)
}

pub(crate) fn total(loss: &HistoryLoss) -> f32 {
    tensors::values(&loss.total)[0]
}

/// The gradient of a parameter; a parameter that the loss does not depend on has none.
fn gradient<const D: usize>(tensor: &Tensor<D>, gradients: &Gradients) -> Vec<f32> {
    tensor.grad(gradients).map_or_else(|| vec![0.0; tensor.shape().num_elements()], |g| tensors::values(&g))
}

/// The gradient of every parameter.
pub(crate) fn gradients(model: &mut Mixture, loss: &HistoryLoss) -> Vec<(String, Vec<f32>)> {
    let gradients = loss.total.backward();
    let parameters = model.parameters().into_iter();
    parameters
        .map(|(name, parameter)| match parameter.values {
            Values::One(tensor) => (name, gradient(tensor, &gradients)),
            Values::Two(tensor) => (name, gradient(tensor, &gradients)),
            Values::Three(tensor) => (name, gradient(tensor, &gradients)),
        })
        .collect()
}

/// Differences up to `tolerance` of the largest entry.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-3f64, |top, x| top.max(x.abs()));
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let close = (f64::from(*got) - want).abs() <= tolerance * largest;
        assert!(close, "{what}[{at}] is {got}, not {want}; the largest is {largest}");
    }
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}
