//! The sections of the page, in order. One without data is `None`.

pub(crate) mod compared;
mod dataset;
mod epochs;
mod experts;
pub(crate) mod final_form;
pub(crate) mod glossary;
mod groups;
mod headline;
mod lists;
mod protocol;
mod runs;
pub(crate) mod seeds;
pub(crate) mod tabular;
pub(crate) mod weights;

use crate::blocks::Section;
use crate::view::View;

/// All sections of a page of histories, in order.
static SECTIONS: &[fn(&View) -> Option<Section>] = &[
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

/// The sections for these runs, in the order of the page: those of tabular data where a run has domains.
pub(crate) fn of(view: &View) -> &'static [fn(&View) -> Option<Section>] {
    if view.runs().iter().any(|run| !run.summary.domains.is_empty()) { tabular::SECTIONS } else { SECTIONS }
}
