//! The losses of every row of logits: cross-entropy of the history, and the probe loss of held-out items.

pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{Judged, composed_cross_entropy, row_losses};
