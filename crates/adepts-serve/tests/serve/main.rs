//! The server over real connections, with a model that is made up: what is tested is what lies between.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may fail where it stands")]

mod access;
mod answers;
mod bad_input;
mod client;
mod events;
mod interface;
mod limits;
mod reload;
mod support;
