//! What happened, and how is it cut up? From raw interaction logs to a prepared data set.

pub mod config;
pub mod dataset;
pub mod error;
pub mod grouping;
pub mod id;
pub mod interactions;
pub mod mainstream;
pub mod progress;
pub mod rows;
pub mod seed;
pub mod split;

pub use config::{BadRows, Column, DataConfig, Filter, Format, SplitConfig, TimeBound};
pub use dataset::{Dataset, MainstreamMethod, Manifest, StepCount, UserColumn};
pub use error::DataError;
pub use grouping::{GroupBy, Grouping};
pub use interactions::{Interactions, Part};
pub use progress::Progress;
pub use id::{Id, Vocabulary};
pub use mainstream::mainstream_scores;
pub use rows::Rows;
pub use split::{Cut, split};
