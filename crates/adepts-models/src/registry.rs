//! The models that can be asked for by name.

use adepts_core::{ExampleSpec, Spec};

use crate::history::mixture::presets;
use crate::history::{ease, itemknn, popularity};
use crate::ranker::{cesaa, epnet, fm, mlp, mmoe, ple, shared_bottom, single, star};

/// Every model of histories, simple ones first.
pub static MODELS: &[&Spec] = &[
    &popularity::SPEC,
    &itemknn::SPEC,
    &ease::SPEC,
    &presets::MULTVAE,
    &presets::WL,
    &presets::MOE,
    &presets::LMOE,
    &presets::TALL,
];

/// Every model of examples, simple ones first.
pub static RANKERS: &[&ExampleSpec] = &[
    &fm::SPEC,
    &mlp::SPEC,
    &single::SPEC,
    &shared_bottom::SPEC,
    &mmoe::SPEC,
    &ple::SPEC,
    &star::SPEC,
    &epnet::SPEC,
    &cesaa::SPEC,
];

/// The model of histories of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Spec> {
    MODELS.iter().copied().find(|spec| spec.name == name)
}

/// The model of examples of this name.
#[must_use]
pub fn find_ranker(name: &str) -> Option<&'static ExampleSpec> {
    RANKERS.iter().copied().find(|spec| spec.name == name)
}

/// The names of the models of both families.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|spec| spec.name).chain(RANKERS.iter().map(|spec| spec.name))
}

/// The model of either family whose name is nearest to a misspelt one.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    adepts_core::config::nearest(name, names())
}
