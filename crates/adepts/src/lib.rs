//! The front hall: where configuration, data, models, training, evaluation and report are joined.

pub mod config;
pub mod error;
pub mod evaluate;
pub mod experiment;
pub mod run;

pub use config::Experiment;
pub use error::{Error, RunError};
pub use run::Run;
