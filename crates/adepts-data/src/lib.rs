//! What happened, and how is it cut up? From raw interaction logs to a prepared data set.

pub mod config;
pub mod dataset;
pub mod error;
pub mod grouping;
pub mod id;
pub mod interactions;
pub mod progress;
pub mod rows;
pub mod seed;

pub use config::{BadRows, Column, DataConfig, Filter, Format, SplitConfig, TimeBound};
pub use dataset::{Dataset, MainstreamMethod, Manifest, StepCount, UserColumn};
pub use error::DataError;
pub use grouping::{GroupBy, Grouping};
pub use interactions::{Interactions, Part};
pub use progress::Progress;
pub use id::{Id, Vocabulary};
pub use rows::Rows;
