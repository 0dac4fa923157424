//! Which models are there? One file each under [`history`] and [`tabular`], and one line each in the [`registry`].
//!
//! The history models differ in two places, *how experts are mixed* and *how rows are weighted*: two small policies of
//! one [`history::mixture`], not five copies of a training loop. Beside them stand the simple baselines that any reader
//! compares with. The tabular models, under [`tabular`], differ in their trunk, what stands between embedded fields and
//! logit.

pub mod history;
pub mod parts;
pub mod registry;
pub mod tabular;
