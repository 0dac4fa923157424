//! How are parameters found? One loop, optimizers, stopping, checkpoints.

mod config;
mod error;
mod fingerprint;
mod fit;
mod observer;

pub use config::{Metric, OptimizerConfig, StopConfig, TrainConfig};
pub use error::TrainError;
pub use fingerprint::Fingerprint;
pub use fit::{Outcome, Summary, Training, ValidateError, Validation, fit};
pub use observer::{Observer, Progress};
