//! What is a model? Traits, batches, the configuration contract, the saved run.

pub mod log;
