//! The front hall: where configuration, data, models, training, evaluation and report are joined.

pub mod answers;
pub mod any;
mod baseline;
pub mod compare;
pub mod error;
mod excluding;
pub mod family;
pub mod files;
pub mod finalize;
pub mod folder;
mod hints;
pub mod history;
pub mod manifest;
pub mod overrides;
pub mod pages;
pub mod part;
mod quickstart;
pub mod record;
pub mod tabular;
pub mod work;

pub use adepts_ops::allocator;
pub use any::AnyExperiment;
pub use error::{Error, RunError};
pub use history::{Artefact, HistoryExperiment, HistoryRun};
pub use tabular::{TabularExperiment, TabularRun};

// What the command line and the Python package need of the rooms behind.
pub use adepts_core as contract;
pub use adepts_data as data;
pub use adepts_eval as eval;
pub use adepts_models::registry as models;
pub use adepts_ops::Level;
pub use adepts_report as page;
pub use adepts_serve as serve;
pub use adepts_train as train;
