//! The mixture of experts: scores, losses and gradients against plain 64-bit arithmetic, and what must hold of them.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod gates;
mod gradients;
mod reference;
mod rows;
mod support;
