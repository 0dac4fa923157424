//! Mixtures of MultVAE experts: one model, two policies (how experts are mixed, how rows are weighted), and its presets.

pub mod config;
pub mod expert;
pub mod model;
pub mod presets;
pub mod weights;

pub use config::MixtureConfig;
pub use model::Mixture;
