//! Gates that keep a few experts for each row, and the information between experts and domains.

pub mod information;
pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{composed_information, composed_keep, information, keep};
