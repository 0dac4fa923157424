//! The Gaussian latent of a variational autoencoder: the sample, and the divergence from the standard normal.

pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{composed_divergence, composed_sample, divergence, sample};
