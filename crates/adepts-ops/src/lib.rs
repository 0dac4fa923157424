//! How is it computed fast? The fused operations of the expert models and their kernels.
#![allow(unsafe_code, reason = "the one crate whose kernels need it; each block says why it is sound")]

pub mod adam;
mod buffer;
pub mod csr;
pub mod latent;
pub mod level;
mod math;
pub mod matrix;
pub mod mixture;
pub mod row_losses;
pub mod sparse_linear;
pub mod top_k;

pub use csr::Csr;
pub use level::Level;
