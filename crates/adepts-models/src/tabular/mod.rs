//! Tabular models: rows of fields, with a domain and a label.
//!
//! They differ in what stands between the embedded fields and the logit, the *trunk*; everything else, embeddings, loss,
//! scores, saving, is shared ([`model::TrunkModel`]). A model is a configuration ([`recipe::Architecture`]) and a [`model::Trunk`]
//! in one file. For retrieval the same trunk is the tower of users, beside one of items ([`towers::TwoTowers`]).

pub mod cesaa;
pub mod epnet;
pub mod fm;
pub mod mlp;
pub mod mmoe;
pub mod model;
pub mod parts;
pub mod ple;
pub mod recipe;
pub mod shared_bottom;
pub mod single;
pub mod softmax;
pub mod star;
pub mod towers;

pub use model::{Output, Term, Trunk, TrunkModel};
pub use recipe::{Architecture, Input};
