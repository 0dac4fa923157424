//! What a tabular model is: a recipe that is checked before anything is allocated, then a model that scores and learns.

use std::sync::Arc;

use adepts_data::tabular::{Schema, TabularBatch};
use adepts_ops::embedding::Codes;
use adepts_ops::table::Table;
use burn::tensor::{Device, Tensor};

use crate::config::ConfigError;
use crate::memory::Memory;
use crate::model::{Parameter, Step};
use crate::retrieval::{Towers, TowersConfig};
use crate::tensors::{Tensors, TensorsError};

/// One line of the registry of tabular models.
#[derive(Debug)]
pub struct TabularSpec {
    /// The name in configurations, such as `cesaa`.
    pub name: &'static str,
    /// One line: what it is.
    pub summary: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// A commented `[model]` table with the defaults.
    pub example: &'static str,
    /// Reads a `[model]` table (without `kind`).
    pub recipe: fn(toml::Table) -> Result<Box<dyn TabularRecipe>, ConfigError>,
}

/// The sizes that a tabular model is built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabularSizes {
    /// Its columns.
    pub schema: Schema,
    /// Rows to learn from.
    pub rows: usize,
    /// Rows of a training batch.
    pub batch: usize,
    /// Which embedding tables are updated row by row.
    pub lazy: LazyTables,
}

/// Which embedding tables stand outside automatic differentiation: an update then costs what its rows cost, and leaves
/// weights and moments of all others as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LazyTables {
    /// Those that are large, as the model counts.
    #[default]
    Large,
    /// All.
    All,
    /// None.
    None,
}

/// A tabular model as configured.
pub trait TabularRecipe: Send + Sync {
    /// The `[model]` table with every default written out (without `kind`).
    fn resolved(&self) -> toml::Table;

    /// What it will take in memory, before anything is allocated.
    fn memory(&self, sizes: &TabularSizes) -> Memory;

    /// The untrained model.
    fn build(&self, sizes: &TabularSizes, seed: u64, device: &Device) -> Box<dyn TabularModel>;

    /// The same model as the tower of users in retrieval.
    fn retrieval(&self, towers: &TowersConfig) -> Result<Box<dyn TabularRecipe>, ConfigError>;
}

/// What a row costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Parameters of the model without embeddings.
    pub parameters: usize,
    /// Those of them that a row meets.
    pub activated_parameters: usize,
    /// Multiply-adds of a row.
    pub multiply_adds: f64,
    /// Multiply-adds of a row if nothing were left out.
    pub total_multiply_adds: f64,
}

/// A model that gives the probability of a row's label, or, for retrieval, vectors of users and items.
pub trait TabularModel: Send + Sync {
    /// The probability of each row's label, for retrieval the score of its item: `[rows]`; the result for a row does not depend
    /// on the other rows.
    fn score(&self, batch: &TabularBatch, scores: &mut [f32]);

    /// Number of experts that a gate chooses from; 0 for models without a gate.
    fn experts(&self) -> usize {
        0
    }

    /// The gate's weights as in prediction, 0 where an expert is not selected: `[rows, experts]`; empty without a gate.
    fn gates(&self, batch: &TabularBatch) -> Vec<f32> {
        let _ = batch;
        Vec::new()
    }

    /// How many experts the gate selects for each row; `None` if it selects none.
    fn selected(&self) -> Option<usize> {
        None
    }

    /// As [`TabularModel::score`], with `k` experts selected for each row instead of as many as in training, `[rows]`, and what an
    /// row then costs; `None`, and nothing is written, where [`TabularModel::selected`] is none.
    ///
    /// # Panics
    /// If experts are selected, and `k` is 0 or exceeds their number.
    fn score_selecting(&self, k: usize, batch: &TabularBatch, scores: &mut [f32]) -> Option<Work> {
        let _ = (k, batch, scores);
        None
    }

    /// What each expert says of each row, those too that the gate does not select: `[experts, rows, width]`; empty without a
    /// gate.
    fn expert_outputs(&self, batch: &TabularBatch) -> Vec<f32> {
        let _ = batch;
        Vec::new()
    }

    /// What a row costs.
    fn work(&self) -> Work;

    /// The side of it that finds items; `None` unless it was made for retrieval.
    fn towers(&self) -> Option<&dyn Towers> {
        None
    }

    /// The side of it that learns.
    fn learner(&mut self) -> &mut dyn TabularLearner;

    /// The parameters by name, tables that are updated row by row among them.
    fn save(&self) -> Tensors;

    /// Replaces the parameters by saved ones of the same names and shapes.
    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError>;
}

/// A tabular model that learns by gradient descent.
pub trait TabularLearner {
    /// Each parameter with its name, always in the same order.
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)>;

    /// Embedding tables that are updated row by row and are no parameters, see [`LazyTables`]: each with its name, always in
    /// the same order.
    fn tables(&mut self) -> Vec<(String, &mut Table)> {
        Vec::new()
    }

    /// What is counted while parameters are learned, such as running means, and is no parameter; by name.
    fn counted(&mut self) -> Tensors {
        Tensors::default()
    }

    /// Replaces what is counted by what [`TabularLearner::counted`] gave before.
    fn recount(&mut self, counted: &Tensors) -> Result<(), TensorsError> {
        let _ = counted;
        Ok(())
    }

    /// The loss of a batch.
    fn loss(&self, batch: &TabularBatch, step: &Step) -> TabularLoss;
}

/// The loss of a batch of tabular data.
#[derive(Debug)]
pub struct TabularLoss {
    /// What is minimised: a single number.
    pub total: Tensor<1>,
    /// Its parts for the log, such as `bce`, or `softmax` in retrieval, and `mi`.
    pub parts: Vec<(&'static str, f64)>,
    /// What was gathered from such tables, in any order.
    pub leaves: Vec<Leaf>,
}

/// Rows that were gathered from a table that is updated row by row; their gradient is the table's.
#[derive(Debug)]
pub struct Leaf {
    /// Index into [`TabularLearner::tables`].
    pub table: usize,
    /// Which rows.
    pub codes: Arc<Codes>,
    /// The means of the rows, `[batch, width]`, a leaf of the graph that requires its gradient.
    pub rows: Tensor<2>,
}
