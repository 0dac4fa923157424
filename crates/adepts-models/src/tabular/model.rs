//! What all rankers share: embedded fields in, a trunk, the loss of its logits, and their probabilities out.

use std::fmt::Debug;

use adepts_core::{
    Parameter, Step, TabularLearner, TabularLoss, TabularModel, Tensors, TensorsError, Work, tensors::values,
};
use adepts_data::tabular::TabularBatch;
use adepts_ops::table::Table;
use burn::tensor::{Tensor, TensorData, activation};

use super::parts::slots::{counted, freeze, load, parameters, recount, save};
use super::parts::{Embedded, Embedding, Named, Pass};

/// Rows that prediction holds at once.
pub(super) const BLOCK: usize = 4096;

/// What stands between the embedded fields and the logit, or, where it is the tower of users, their vector.
pub trait Trunk: Named + Clone + Debug + Send + Sync {
    /// The logits of a batch.
    fn forward(&self, rows: &Embedded) -> Output;

    /// Number of experts that a gate chooses from; 0 without a gate.
    fn experts(&self) -> usize {
        0
    }

    /// The weights of the gate, `[R, experts]`.
    fn gates(&self, rows: &Embedded) -> Option<Tensor<2>> {
        let _ = rows;
        None
    }

    /// How many experts its gate selects for each row; `None` if it selects none.
    fn selected(&self) -> Option<usize> {
        None
    }

    /// The same trunk for prediction with `k` experts selected for each row, and its work, given its own; `None` where none are
    /// selected.
    ///
    /// # Panics
    /// If some are, and `k` is 0 or exceeds their number.
    fn selecting(&self, k: usize, work: Work) -> Option<(Self, Work)> {
        let _ = (k, work);
        None
    }

    /// What each expert says of each row, selected or not, `[R, width]` each, in the order of the gate's weights.
    fn outputs(&self, rows: &Embedded) -> Vec<Tensor<2>> {
        let _ = rows;
        Vec::new()
    }

    /// Weights of the rows in the loss, which add up to what the loss is worth; `None` for equal weights, the mean.
    fn row_weights(&self, batch: &TabularBatch) -> Option<Vec<f32>> {
        let _ = batch;
        None
    }
}

/// What a trunk gives.
#[derive(Debug)]
pub struct Output {
    /// `[R, 1]`, for retrieval `[R, dimension]`.
    pub logit: Tensor<2>,
    /// What is added to the loss; prediction does not look at it.
    pub terms: Vec<Term>,
}

/// A term of the loss.
#[derive(Debug)]
pub struct Term {
    /// Its name in the log.
    pub name: &'static str,
    /// What its value is multiplied with in the loss.
    pub weight: f64,
    /// A single number.
    pub value: Tensor<1>,
}

/// Logits alone.
impl From<Tensor<2>> for Output {
    fn from(logit: Tensor<2>) -> Self {
        Self { logit, terms: Vec::new() }
    }
}

/// A tabular model: the embedding of its fields and a trunk.
#[derive(Debug)]
pub struct TrunkModel<T> {
    embedding: Embedding,
    trunk: T,
    work: Work,
}

impl<T: Trunk> TrunkModel<T> {
    /// A model of these parts.
    #[must_use]
    pub fn new(embedding: Embedding, trunk: T, work: Work) -> Self {
        Self { embedding, trunk, work }
    }

    /// The trunk for prediction.
    fn frozen(&self) -> T {
        let mut trunk = self.trunk.clone();
        freeze(trunk.slots());
        trunk
    }

    /// The probabilities that a trunk for prediction gives.
    fn score_by(&self, trunk: &T, batch: &TabularBatch, scores: &mut [f32]) {
        assert_eq!(scores.len(), batch.rows(), "score: rows");
        for (first, rows) in self.blocks(batch) {
            let logits = values(&trunk.forward(&rows).logit);
            for (score, logit) in scores[first..][..logits.len()].iter_mut().zip(logits) {
                *score = probability(logit);
            }
        }
    }

    /// The batch for prediction, block by block, each with its first row.
    fn blocks(&self, batch: &TabularBatch) -> impl Iterator<Item = (usize, Embedded)> {
        let rows = batch.rows();
        (0..rows).step_by(BLOCK).map(move |first| {
            let block: Vec<u32> = (first as u32..rows.min(first + BLOCK) as u32).collect();
            (first, self.embedding.embed(&batch.select(&block), Pass::Prediction).0)
        })
    }
}

/// −log of the probability of each row's label (nats), in a form that neither overflows nor loses small numbers:
/// `(1 − y) x − log σ(x)` for the logit x.
///
/// # Shapes
/// logit `[R, 1]`, R labels → `[R, 1]`.
#[must_use]
pub fn cross_entropies(logit: Tensor<2>, label: &[f32]) -> Tensor<2> {
    let negative = label.iter().map(|y| 1.0 - y).collect::<Vec<_>>();
    let negative = Tensor::<2>::from_data(TensorData::new(negative, [label.len(), 1]), &logit.device());
    negative * logit.clone() - activation::log_sigmoid(logit)
}

fn probability(logit: f32) -> f32 {
    if logit >= 0.0 {
        1.0 / (1.0 + (-logit).exp())
    } else {
        let e = logit.exp();
        e / (1.0 + e)
    }
}

impl<T: Trunk> TabularModel for TrunkModel<T> {
    fn score(&self, batch: &TabularBatch, scores: &mut [f32]) {
        self.score_by(&self.frozen(), batch, scores);
    }

    fn selected(&self) -> Option<usize> {
        self.trunk.selected()
    }

    fn score_selecting(&self, k: usize, batch: &TabularBatch, scores: &mut [f32]) -> Option<Work> {
        let (trunk, work) = self.frozen().selecting(k, self.work)?;
        self.score_by(&trunk, batch, scores);
        Some(work)
    }

    fn experts(&self) -> usize {
        self.trunk.experts()
    }

    fn gates(&self, batch: &TabularBatch) -> Vec<f32> {
        let trunk = self.frozen();
        self.blocks(batch)
            .flat_map(|(_, rows)| trunk.gates(&rows).map_or_else(Vec::new, |gates| values(&gates)))
            .collect()
    }

    fn expert_outputs(&self, batch: &TabularBatch) -> Vec<f32> {
        let trunk = self.frozen();
        let all: Vec<u32> = (0..batch.rows() as u32).collect();
        let rows = self.embedding.embed(&batch.select(&all), Pass::Prediction).0;
        trunk.outputs(&rows).iter().flat_map(values).collect()
    }

    fn work(&self) -> Work {
        self.work
    }

    fn learner(&mut self) -> &mut dyn TabularLearner {
        self
    }

    fn save(&self) -> Tensors {
        let mut tensors = Tensors::default();
        self.embedding.save(&mut tensors);
        save(self.trunk.clone().slots(), &mut tensors);
        tensors
    }

    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        let mut known = self.embedding.load(tensors)?;
        known.extend(load(self.trunk.slots(), tensors)?);
        match tensors.names().find(|name| !known.iter().any(|k| k == name)) {
            Some(name) => Err(TensorsError::Unknown { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}

impl<T: Trunk> TabularLearner for TrunkModel<T> {
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)> {
        let mut slots = self.embedding.slots();
        slots.extend(self.trunk.slots());
        parameters(slots)
    }

    fn tables(&mut self) -> Vec<(String, &mut Table)> {
        self.embedding.tables()
    }

    fn counted(&mut self) -> Tensors {
        counted(self.trunk.slots())
    }

    fn recount(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        recount(self.trunk.slots(), tensors)
    }

    fn loss(&self, batch: &TabularBatch, step: &Step) -> TabularLoss {
        let rows = batch.rows();
        let (embedded, leaves) = self.embedding.embed(batch, Pass::Training(*step));
        let Output { logit, terms } = self.trunk.forward(&embedded);
        let losses = cross_entropies(logit, &batch.label);
        let bce = values(&losses).iter().map(|loss| f64::from(*loss)).sum::<f64>() / rows as f64;
        let weights = self.trunk.row_weights(batch).unwrap_or_else(|| vec![1.0 / rows as f32; rows]);
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [rows, 1]), &losses.device());
        let mut total = (losses * weights).sum();
        let mut parts = vec![("bce", bce)];
        for Term { name, weight, value } in terms {
            parts.push((name, f64::from(values(&value)[0])));
            total = total + value * weight as f32;
        }
        TabularLoss { total, parts, leaves }
    }
}
