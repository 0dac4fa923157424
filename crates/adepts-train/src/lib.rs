//! How are parameters found? One loop, optimizers, stopping, checkpoints.
//!
//! [`fit`] is the loop, and fits on one screen: an update per batch of users, a validation per epoch, the best epoch kept on
//! disk, an end by patience. It knows neither models nor metrics: a model is a [`adepts_core::HistoryLearner`], which says what its
//! loss is and how rows are weighted, and validation reaches the loop as a closure.
//!
//! The two families of models differ in what an epoch goes through, users with their histories or streamed rows, and in
//! nothing else: one loop serves both.
//!
//! Training is a function of configuration, data and seed, bit for bit: the order of an epoch follows from seed and epoch,
//! row weights from what was seen in the epochs before, noise from [`adepts_core::Step`]. So a checkpoint holds only what
//! does not follow — parameters, moments, sums, signals — and a training that is stopped or killed at any moment ends, once
//! resumed, with the same bytes as one that is not. Files of a run directory:
//!
//! | file | what it is | when it is written |
//! |---|---|---|
//! | `epochs.jsonl` | the log, one [`adepts_core::EpochRecord`] per line | at the end of each epoch |
//! | `best.safetensors` | parameters of the best epoch, as [`adepts_core::HistoryModel::save`] names them | at each new best |
//! | `checkpoint.safetensors` | all that is needed to go on | every few minutes, on request, and at the end (small) |
//!
//! Nothing is printed: an [`Observer`] is told. The clock decides nothing but when a checkpoint is due.

mod arrays;
mod checkpoint;
mod config;
mod course;
mod error;
mod fingerprint;
mod fit;
mod journal;
mod observer;
mod optimizer;
mod run;
mod state;
mod sums;

pub use config::{Metric, OptimizerConfig, StopConfig, TablesConfig, TrainConfig};
pub use error::TrainError;
pub use fingerprint::Fingerprint;
pub use fit::{
    Outcome, Summary, TabularTraining, Training, ValidateError, Validation, fit, fit_all, fit_all_tabular, fit_tabular,
};
pub use observer::{Beginning, Observer, Progress};
pub use optimizer::Adam;
