//! How is it computed fast? The fused operations of the expert models and their kernels.
//!
//! [Burn](https://burn.dev) is the tensor library; model code is ordinary Burn code. Where composed operations are far from
//! what a processor can do, this crate has one operation of its own: a kernel on slices that knows nothing of Burn (with a
//! hand-written backward), a *default body* of ordinary tensor operations that serves every other device, and a test that
//! they agree in the result and in every gradient. What pays:
//!
//! - [`sparse_linear`]: the first layer of all experts on the sparse histories of a batch;
//! - [`latent`]: sample and divergence of the Gaussian latents;
//! - [`mixture`]: the experts' decoders, the gate and the mixed logits, with the logits held once and their gradient
//!   written in place;
//! - [`row_losses`]: cross-entropy and probe loss of wide rows;
//! - [`expert_bank`]: networks of experts for the rows that select them, and their gated sum; [`normed_bank`], the same with batch
//!   normalisation;
//! - [`partitioned_norm`]: rows normalised by the statistics of their domain;
//! - [`linear`]: one product of all rows, with its gradient;
//! - [`gate`]: noise, the largest logits and their softmax, and the information between experts and domains;
//! - [`embedding`]: the rows of a table that categorical fields name, and [`table`], the same for tables outside automatic
//!   differentiation, of which only the rows that were used are updated;
//! - [`adam`]: the optimizer in one pass;
//! - [`top_k`]: the best items of a row;
//! - [`shares`]: how evenly a gate shares out.
//!
//! Kernels choose their instruction set at run time ([`Level`]) and split work by shapes alone, never by the number of
//! threads, so a result is the same, bit for bit, for any number of them.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![allow(
    clippy::inline_always,
    reason = "a body becomes vectors only where it is compiled into the function of an instruction set"
)]
#![allow(unsafe_code, reason = "the one crate whose kernels need it; each block says why it is sound")]

pub mod adam;
#[cfg(feature = "allocator")]
pub mod allocator;
mod buffer;
pub mod csr;
#[cfg(feature = "burn")]
mod dense;
pub mod embedding;
pub mod expert_bank;
#[cfg(feature = "burn")]
mod extend;
mod few_rows;
pub mod gate;
pub mod latent;
pub mod level;
pub mod linear;
mod math;
pub mod matrix;
pub mod mixture;
mod norm;
pub mod normal;
pub mod normed_bank;
pub mod partitioned_norm;
pub mod row_losses;
mod rows;
pub mod shares;
pub mod sparse_linear;
pub mod table;
pub mod top_k;

pub use csr::Csr;
pub use level::Level;
