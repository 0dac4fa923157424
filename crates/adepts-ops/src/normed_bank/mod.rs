//! A bank of experts with batch normalisation between a layer and its ReLU (Ioffe & Szegedy 2015): for training, where the
//! statistics are those of the rows that meet an expert. In prediction running statistics are folded into the weights of an
//! ordinary [bank](crate::expert_bank).

pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{NormedLayer, composed_normed_bank, normed_bank};

pub use crate::norm::Statistics;

/// Added to variances.
pub const EPSILON: f32 = 1e-5;
