//! What can end training early.

use std::path::PathBuf;

use adepts_core::{ConfigError, TensorsError};

/// Why training could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The `[train]` table makes no sense.
    #[error("train: {0}")]
    Config(#[from] ConfigError),
    /// The model is fitted in closed form.
    #[error("this model is fitted in one go, not update by update")]
    NotALearner,
    /// There is nobody to learn from.
    #[error("there is nothing to learn from: no user with a training history, or no training row")]
    NoLearners,
    /// The rows could not be read.
    #[error(transparent)]
    Data(#[from] adepts_data::DataError),
    /// A loss is infinite or not a number.
    #[error(
        "the loss `{part}` is {value} in batch {batch} of epoch {epoch}; a smaller learning rate, or a look at the data, may help"
    )]
    NotFinite {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch, from 1.
        batch: usize,
        /// The part of the loss, or `total`.
        part: String,
        /// What it is.
        value: f64,
    },
    /// The validation score is infinite or not a number.
    #[error(
        "the validation score is {value} after epoch {epoch}; are there validation items of users, or validation rows of either label?"
    )]
    ScoreNotFinite {
        /// The epoch, from 1.
        epoch: usize,
        /// What it is.
        value: f64,
    },
    /// Validation failed.
    #[error("validation after epoch {epoch}: {source}")]
    Validation {
        /// The epoch, from 1.
        epoch: usize,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of the run could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file of the run is not what was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An array of a checkpoint is missing or has another shape.
    #[error("{}: {source}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<TensorsError>,
    },
    /// The checkpoint was written by another version.
    #[error("{} has format {found}, this version reads format {expected}; start afresh without resuming", path.display())]
    Format {
        /// The checkpoint.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The one that can be read.
        expected: u64,
    },
    /// The checkpoint belongs to another training.
    #[error("{} was written by another training: {}", path.display(), differences.join("; "))]
    OtherTraining {
        /// The checkpoint.
        path: PathBuf,
        /// What differs, such as `train.batch was 512 and is now 256`.
        differences: Vec<String>,
    },
    /// The log has fewer epochs than the checkpoint.
    #[error("{} holds {found} whole epochs, the checkpoint was written after {expected}; start afresh without resuming", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Epochs that it holds in order.
        found: usize,
        /// Epochs that it must hold.
        expected: usize,
    },
    /// The file of the best parameters is not of the best epoch.
    #[error("{} holds the parameters of epoch {found}, the best epoch is {expected}; start afresh without resuming", path.display())]
    OtherEpoch {
        /// The file.
        path: PathBuf,
        /// The epoch that it is of.
        found: String,
        /// The best epoch.
        expected: usize,
    },
}
