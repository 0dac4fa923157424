//! The mixture of the experts' decoders: logits of all experts, the gate, the mix, in one operation.

mod decoders;
mod fold_in;
pub mod kernel;
mod row_pass;
mod rule;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{composed_driven, composed_given, driven, fold_in, fold_in_tile, given};
pub use row_pass::LEAST_LOSS;
