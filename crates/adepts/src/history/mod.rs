//! The history family: an experiment with a history model, its run folder, its evaluation and its answers.

pub mod answers;
pub mod average;
pub mod compare;
pub mod config;
pub mod evaluate;
pub mod experiment;
pub(crate) mod finalize;
pub mod probes;
pub mod quickstart;
pub mod record;
pub mod report;
pub mod request;
pub mod run;
mod save;
pub mod titles;

pub use answers::Artefact;
pub use config::HistoryExperiment;
pub use run::HistoryRun;
