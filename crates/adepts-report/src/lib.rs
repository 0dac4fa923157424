//! How does a person see it? Terminal tables, plots, and one HTML page.
//!
//! The page is written for someone who has a log of interactions and a question, not for someone who read the papers:
//! it opens with what was found in plain words, shows every number with its uncertainty, repeats the groups by
//! activity because "niche" often only means "short history", and ends with how it was measured and a glossary.
//! It is one file without scripts, fonts or pictures to load, so that it can be mailed, archived and printed.
//!
//! Tabular runs (summaries with domains) have sections of their own, in `sections/tabular`.
//!
//! A section is a function `fn(&View) -> Option<Section>`; one without data returns `None` and leaves no trace. It
//! hands over *blocks* (sentences, tables, plots); the templates alone know HTML, and they escape everything but the
//! plots. Plots are drawn by `kuva`, whose colours pass through to the SVG as they are: CSS variables and
//! `currentColor`, so that one drawing follows the reader's light or dark scheme. Series differ in shape or dash as
//! well as in colour.
//!
//! ```
//! use adepts_report::{DatasetFacts, ReportInput, RunInput, page};
//!
//! let mut run = RunInput::default();
//! run.summary.name = "ease-ml-1m".into();
//! run.summary.metrics.insert("ndcg@20".into(), 0.34);
//! let dataset = DatasetFacts::of_users(3260, &[21, 35, 217], &[0.02, 0.05, 0.11]);
//! let html = page(&ReportInput { title: "MovieLens".into(), dataset, runs: vec![run], ..ReportInput::default() })?;
//! assert!(html.contains("ease-ml-1m"));
//! # Ok::<(), adepts_report::ReportError>(())
//! ```

mod blocks;
mod chart;
mod format;
mod heat;
mod input;
mod look;
mod page;
mod sections;
pub mod table;
mod view;

pub use input::{DatasetFacts, FieldFacts, FinalForm, LeftOut, Limits, ReportInput, RunInput, TabularFacts};
pub use page::{MARK, ReportError, page, seeds_page};
pub use sections::tabular::nothing_learned;
pub use sections::weights::mostly_at_floor;
pub use table::{
    comparison_table, domains_table, gains_table, groups_table, seeds_table, summary_table, tabular_table,
};
