//! The mixture of experts: scores, losses and gradients against plain 64-bit arithmetic, and what must hold of them.

mod gates;
mod gradients;
mod reference;
mod rows;
mod support;
