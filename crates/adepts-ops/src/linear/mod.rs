//! A product with a matrix of weights, without bias: what [`crate::expert_bank`] would do for one expert of all rows, in fewer
//! passes.

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{composed_linear, linear};
