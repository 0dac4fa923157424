//! Stacked linear layers on the sparse rows of a batch: the first layer of every expert in one operation.

pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{composed, first_columns, sparse_linear};
