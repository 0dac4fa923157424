//! The real binary, verb by verb. One test binary, so that there is one thing to link.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "../../../adepts-serve/tests/serve/client.rs"]
mod client;
mod data;
mod domains;
mod doors;
mod evaluation;
mod finalize;
mod keeping;
mod locking;
mod newcomer;
mod proposals;
mod reading;
mod resuming;
mod retrieval;
mod seen;
mod server;
mod serving;
mod statistics;
mod support;
mod training;
mod working;
