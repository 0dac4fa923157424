//! The tabular family in the front hall: an experiment with a ranker, its run folder, its predictions.
//!
//! Everything is as for histories — one file of settings, one loop, one layout of a run — except that a row is a row of
//! fields with a domain and a label, that it streams from the disk, and that figures are by domain instead of by group of
//! users.

pub mod answers;
pub mod config;
pub mod evaluate;
pub mod experiment;
mod experts;
pub(crate) mod finalize;
pub mod predict;
pub mod queries;
pub mod quickstart;
pub mod report;
pub mod retrieval;
pub mod run;
mod scored;
mod sheet;
mod table;

pub use config::TabularExperiment;
pub use run::TabularRun;
pub use sheet::Form;
