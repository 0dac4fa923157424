//! Rows normalised by mean and variance of the rows of their domain (partitioned normalisation, Sheng et al. 2021): for training.
//! In prediction running statistics take their place, which is no work worth a kernel.

pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{composed_partitioned_norm, partitioned_norm};

pub use crate::norm::Statistics;

/// Added to variances.
pub const EPSILON: f32 = 1e-6;
