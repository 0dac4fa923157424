//! Tabular models: the golden step of `cesaa`, every model against plain 64-bit arithmetic, and what all must hold to.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod conformance;
mod equations;
mod experts;
mod golden;
mod large;
mod learning;
mod plain;
mod retrieval;
mod support;
