//! What is a model? Traits, batches, the configuration contract, the arrays of a saved model.
//!
//! No algorithm lives here. A model is a line of a registry ([`HistorySpec`]), a configuration that knows what it will take before
//! anything is allocated ([`HistoryRecipe`]), and an object that scores ([`HistoryModel`]) and either learns update by update
//! ([`HistoryLearner`]) or is fitted at once ([`ClosedForm`]). What it may look at is in its batch, as named fields
//! ([`HistoryBatch`]). Tabular models, rows of fields with a label, have the same three sides ([`tabular`]); those for
//! retrieval answer with vectors ([`Towers`]).

pub mod answered;
pub mod batch;
pub mod config;
pub mod log;
pub mod memory;
pub mod model;
pub mod retrieval;
pub mod stopwatch;
pub mod tabular;
pub mod tensors;

pub use answered::answered;
pub use batch::{Batcher, GateView, HistoryBatch, NOBODY, Probe, ProbeSplit, fold_in};
pub use config::ConfigError;
pub use log::{EpochGroup, EpochRecord, GateStats};
pub use memory::{Bytes, Memory};
pub use model::{
    ClosedForm, Fit, FitError, HistoryLearner, HistoryLoss, HistoryModel, HistoryRecipe, HistorySizes, HistorySpec,
    Known, Parameter, Step, Values,
};
pub use retrieval::{Towers, TowersConfig};
pub use stopwatch::Stopwatch;
pub use tabular::{
    LazyTables, Leaf, TabularLearner, TabularLoss, TabularModel, TabularRecipe, TabularSizes, TabularSpec, Work,
};
pub use tensors::{Array, Tensors, TensorsError};
