//! The real binary, verb by verb. One test binary, so that there is one thing to link.
#![allow(missing_docs, reason = "tests")]

mod data;
mod doors;
mod evaluation;
mod resuming;
mod serving;
mod support;
mod training;
