//! The models that can be asked for by name.

use adepts_core::Spec;

use crate::history::mixture::presets;
use crate::history::{ease, itemknn, popularity};

/// Every model, simple ones first.
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

/// The model of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Spec> {
    MODELS.iter().copied().find(|spec| spec.name == name)
}

/// The model whose name is nearest to a misspelt one.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    adepts_core::config::nearest(name, MODELS.iter().map(|spec| spec.name))
}
