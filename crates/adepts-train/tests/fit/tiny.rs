//! A small learner with all that the loop must carry: three kinds of parameters, noise, signals, a gate.

use std::sync::Arc;

use adepts_core::{
    Fit, HistoryBatch, HistoryLearner, HistoryLoss, HistoryModel, Known, Parameter, Step, Tensors, TensorsError,
    tensors,
};
use adepts_data::seed;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::rand_core::Rng;

/// Breaks the loss of one update.
#[derive(Clone, Copy)]
pub(crate) struct Poison {
    pub(crate) taken: u64,
    pub(crate) part: &'static str,
}

/// A linear autoencoder with a multinomial likelihood.
pub(crate) struct Tiny {
    encoder: Tensor<2>,
    decoder: Tensor<3>,
    bias: Tensor<1>,
    unused: Option<Tensor<1>>,
    pub(crate) poison: Option<Poison>,
    pub(crate) rename: bool,
}

fn uniform(purpose: &str, place: &[u64], n: usize) -> Vec<f32> {
    let mut stream = seed::stream(1, purpose, place);
    (0..n).map(|_| (f64::from(stream.next_u32()) / f64::from(u32::MAX)) as f32 - 0.5).collect()
}

fn leaf<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff()).require_grad()
}

impl Tiny {
    pub(crate) fn new(items: usize, hidden: usize) -> Self {
        Self {
            encoder: leaf(uniform("encoder", &[], items * hidden), [items, hidden]),
            decoder: leaf(uniform("decoder", &[], items * hidden), [1, hidden, items]),
            bias: leaf(vec![0.0; items], [items]),
            unused: None,
            poison: None,
            rename: false,
        }
    }

    pub(crate) fn with_unused(mut self) -> Self {
        self.unused = Some(leaf(vec![0.0; 3], [3]));
        self
    }

    fn input(&self, batch: &HistoryBatch) -> Vec<f32> {
        let items = self.items();
        let mut dense = vec![0.0; batch.rows() * items];
        for row in 0..batch.rows() {
            batch.input.row(row).iter().for_each(|item| dense[row * items + *item as usize] = 1.0);
        }
        dense
    }

    /// `[rows, items]`
    fn log_likelihood(&self, input: Tensor<2>) -> Tensor<2> {
        let decoder = self.decoder.clone().squeeze_dim::<2>(0);
        let logits = input.matmul(self.encoder.clone()).matmul(decoder) + self.bias.clone().unsqueeze::<2>();
        log_softmax(logits, 1)
    }

    fn tensor(&self, values: Vec<f32>, rows: usize) -> Tensor<2> {
        let columns = values.len() / rows;
        Tensor::from_data(TensorData::new(values, [rows, columns]), &self.encoder.device())
    }
}

impl HistoryLearner for Tiny {
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)> {
        let encoder = if self.rename { "other" } else { "encoder" };
        let mut all: Vec<(String, Parameter<'_>)> = vec![
            (encoder.to_owned(), (&mut self.encoder).into()),
            ("decoder".to_owned(), (&mut self.decoder).into()),
            ("bias".to_owned(), (&mut self.bias).into()),
        ];
        all.extend(self.unused.as_mut().map(|unused| ("unused".to_owned(), unused.into())));
        all
    }

    fn loss(&self, batch: &HistoryBatch, step: &Step) -> HistoryLoss {
        let (rows, items) = (batch.rows(), self.items());
        let clean = self.input(batch);
        let mut noise = seed::stream(step.seed, "noise", &[step.epoch as u64, step.taken]);
        let noisy: Vec<f32> = clean.iter().map(|x| if noise.next_u32().is_multiple_of(5) { 0.0 } else { *x }).collect();
        let likelihood = self.log_likelihood(self.tensor(noisy, rows)) * self.tensor(clean, rows);
        let per_row = -likelihood.sum_dim(1);
        let signal = tensors::values(&per_row.clone().inner());
        let weights = self.tensor(batch.weights.clone(), rows);
        let mut total: Tensor<1> = (per_row * weights).squeeze_dim::<1>(1).mean();
        let mut ce = f64::from(signal.iter().sum::<f32>()) / rows as f64;
        if let Some(Poison { taken, part }) = self.poison
            && taken == step.taken
        {
            if part == "ce" { ce = f64::INFINITY } else { total = total * f32::NAN }
        }
        let share = |loss: &f32| [0.25 + 0.25 * (loss / items as f32).fract(), 0.25, 0.5];
        let shares = signal.iter().flat_map(|loss| {
            let [a, b, _] = share(loss);
            [a, b, 1.0 - a - b]
        });
        HistoryLoss { total, parts: vec![("ce", ce)], shares: shares.collect(), signal }
    }

    /// Users whose loss grew weigh more, those seen only once weigh .5.
    fn row_weights(&self, known: &Known<'_>) -> Option<Vec<f32>> {
        let latest: Vec<&Vec<f32>> = known.signals.iter().rev().take(2).collect();
        let [now, before] = latest[..] else { return Some(vec![0.5; known.mainstream.len()]) };
        let weight = |(now, before): (&f32, &f32)| {
            if now.is_nan() || before.is_nan() { 0.5 } else { (now / before).clamp(0.5, 2.0) }
        };
        Some(now.iter().zip(before).map(weight).collect())
    }

    fn signal_window(&self) -> usize {
        2
    }

    fn weight_floor(&self) -> Option<f32> {
        Some(0.5)
    }

    fn l2_divisor(&self) -> f64 {
        2.0
    }
}

impl HistoryModel for Tiny {
    fn items(&self) -> usize {
        self.encoder.dims()[0]
    }

    fn experts(&self) -> usize {
        3
    }

    fn score(&self, batch: &HistoryBatch, scores: &mut [f32], _: &mut [f32]) {
        let input = self.tensor(self.input(batch), batch.rows());
        scores.copy_from_slice(&tensors::values(&self.log_likelihood(input).inner()));
    }

    fn fit(&mut self) -> Fit<'_> {
        Fit::Steps(self)
    }

    fn save(&self) -> Tensors {
        let mut all = Tensors::default();
        all.insert_tensor("encoder", &self.encoder.clone().inner());
        all.insert_tensor("decoder", &self.decoder.clone().inner());
        all.insert_tensor("bias", &self.bias.clone().inner());
        all
    }

    fn load(&mut self, all: &Tensors) -> Result<(), TensorsError> {
        let device = self.encoder.device();
        self.encoder = all.tensor("encoder", self.encoder.dims(), &device)?.require_grad();
        self.decoder = all.tensor("decoder", self.decoder.dims(), &device)?.require_grad();
        self.bias = all.tensor("bias", self.bias.dims(), &device)?.require_grad();
        Ok(())
    }
}

/// Mean log-likelihood of the validation items.
pub(crate) fn likelihood(model: &dyn HistoryModel, train: &adepts_data::Rows, validation: &adepts_data::Rows) -> f64 {
    let items = model.items();
    let batch = HistoryBatch {
        users: (0..train.len() as u32).collect(),
        input: Arc::new(adepts_ops::Csr::from_rows(items, train.iter())),
        gate: None,
        weights: Vec::new(),
    };
    let mut scores = vec![0.0; train.len() * items];
    model.score(&batch, &mut scores, &mut []);
    let of = |(user, row): (usize, &[u32])| -> f64 {
        row.iter().map(|item| f64::from(scores[user * items + *item as usize])).sum()
    };
    validation.iter().enumerate().map(of).sum::<f64>() / validation.pairs() as f64
}
