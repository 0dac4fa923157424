//! The models that can be asked for by name.

use adepts_core::{HistorySpec, TabularSpec};

use crate::history::mixture::presets;
use crate::history::{ease, itemknn, popularity};
use crate::tabular::{cesaa, epnet, fm, mlp, mmoe, ple, shared_bottom, single, star};

/// Every history model, simple ones first.
pub static HISTORY_MODELS: &[&HistorySpec] = &[
    &popularity::SPEC,
    &itemknn::SPEC,
    &ease::SPEC,
    &presets::MULTVAE,
    &presets::WL,
    &presets::MOE,
    &presets::LMOE,
    &presets::TALL,
];

/// Every tabular model, simple ones first.
pub static TABULAR_MODELS: &[&TabularSpec] = &[
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

/// The history model of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static HistorySpec> {
    HISTORY_MODELS.iter().copied().find(|spec| spec.name == name)
}

/// The tabular model of this name.
#[must_use]
pub fn find_tabular(name: &str) -> Option<&'static TabularSpec> {
    TABULAR_MODELS.iter().copied().find(|spec| spec.name == name)
}

/// The names of the models of both families.
pub fn names() -> impl Iterator<Item = &'static str> {
    HISTORY_MODELS.iter().map(|spec| spec.name).chain(TABULAR_MODELS.iter().map(|spec| spec.name))
}

/// The model of either family whose name is nearest to a misspelt one.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    adepts_core::config::nearest(name, names())
}
