//! Every operation: kernel against default body with every gradient, every instruction set, any number of threads.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod adam;
mod composed;
mod expert_bank;
mod fold_in;
mod gate;
mod linear;
mod noise;
mod normed_bank;
mod partitioned_norm;
mod slices;
mod support;
mod table;
