//! The sections of the page, in order. One without data is `None`.

pub(crate) mod compared;
mod dataset;
mod epochs;
mod experts;
pub(crate) mod glossary;
mod groups;
mod headline;
mod lists;
mod protocol;
mod runs;
pub(crate) mod seeds;
mod weights;

use crate::blocks::Section;
use crate::view::View;

/// All sections, in the order of the page.
pub(crate) static SECTIONS: &[fn(&View) -> Option<Section>] = &[
    headline::section,
    runs::section,
    groups::section,
    compared::section,
    epochs::section,
    weights::section,
    experts::section,
    dataset::section,
    lists::section,
    protocol::section,
    glossary::section,
];
