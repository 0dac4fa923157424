//! The front hall: where configuration, data, models, training, evaluation and report are joined.

pub mod answers;
pub mod average;
mod baseline;
pub mod compare;
pub mod config;
pub mod error;
pub mod evaluate;
pub mod experiment;
pub mod files;
pub mod finalize;
pub mod folder;
mod hints;
pub mod pages;
pub mod probes;
pub mod quickstart;
pub mod ranker;
pub mod report;
pub mod run;
pub mod titles;

pub use adepts_ops::allocator;
pub use answers::Artefact;
pub use config::Experiment;
pub use error::{Error, RunError};
pub use ranker::{RankerExperiment, RankerRun};
pub use run::Run;

// What the command line and the Python package need of the rooms behind.
pub use adepts_core as contract;
pub use adepts_data as data;
pub use adepts_eval as eval;
pub use adepts_models::registry as models;
pub use adepts_ops::Level;
pub use adepts_report as page;
pub use adepts_serve as serve;
pub use adepts_train as train;
