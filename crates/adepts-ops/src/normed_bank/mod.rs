//! A bank of experts with batch normalisation between a layer and its ReLU (Ioffe & Szegedy 2015): for training, where the
//! statistics are those of the rows that meet an expert. In prediction running statistics are folded into the weights of an
//! ordinary [bank](crate::expert_bank).

pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{NormedLayer, composed_normed_bank, normed_bank};

/// Added to variances.
pub const EPSILON: f32 = 1e-5;

/// The statistics of a layer that was normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// The mean over the rows that meet each expert, `[E, out]`; 0 where there is none.
    pub mean: Vec<f32>,
    /// The same of the squared distance from the mean.
    pub variance: Vec<f32>,
    /// How many rows meet each expert.
    pub counts: Vec<f32>,
}
