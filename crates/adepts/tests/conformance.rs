//! What every model of the registry keeps, without a line by its author.
//!
//! Each test is a fact and goes through all models at small sizes: whatever has `experts` gets 3, whatever has `hidden`
//! gets 8, by the names in its own configuration.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

#[path = "conformance/answers.rs"]
mod answers;
#[path = "conformance/artefact.rs"]
mod artefact;
#[path = "conformance/batch.rs"]
mod batch;
#[path = "conformance/compat.rs"]
mod compat;
#[path = "conformance/compat_tabular.rs"]
mod compat_tabular;
#[path = "conformance/configs.rs"]
mod configs;
#[path = "conformance/damage.rs"]
mod damage;
#[path = "conformance/finalize.rs"]
mod finalize;
#[path = "conformance/finalize_tabular.rs"]
mod finalize_tabular;
#[path = "conformance/folders.rs"]
mod folders;
#[path = "conformance/learning.rs"]
mod learning;
#[path = "conformance/limits.rs"]
mod limits;
#[path = "conformance/predictions.rs"]
mod predictions;
#[path = "conformance/probes.rs"]
mod probes;
#[path = "conformance/readers.rs"]
mod readers;
#[path = "conformance/repeat.rs"]
mod repeat;
#[path = "conformance/retrieval.rs"]
mod retrieval;
#[path = "conformance/scores.rs"]
mod scores;
#[path = "conformance/seen.rs"]
mod seen;
#[path = "conformance/seen_retrieval.rs"]
mod seen_retrieval;
#[path = "conformance/specialise.rs"]
mod specialise;
#[path = "conformance/support.rs"]
mod support;
#[path = "conformance/tabular_models.rs"]
mod tabular_models;
