//! Models of users' histories.

pub mod mixture;
