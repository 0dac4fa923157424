//! A bank of small networks, one per expert, and the gated sum of their outputs: only what a row's gates select is computed.

pub(crate) mod gradient;
pub mod kernel;
pub(crate) mod layers;
pub(crate) mod routes;
pub(crate) mod together;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub(crate) use operation::check;
#[cfg(feature = "burn")]
pub use operation::{composed_expert_bank, expert_bank};

/// What follows the last layer of an expert. ReLU follows every other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// ReLU.
    Relu,
    /// Nothing.
    Linear,
}
