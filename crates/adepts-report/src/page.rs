//! The page: all sections that have something to say, in one file.

use adepts_eval::SeedComparison;
use askama::Template;

use crate::blocks::{Block, Section};
use crate::input::ReportInput;
use crate::sections::{self, final_form, glossary, seeds};
use crate::view::View;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A report needs something to report on.
    #[error("a report needs at least one run, but none was given")]
    NoRuns,
    /// A template failed.
    #[error("the report cannot be put together: {source}")]
    Template {
        /// What the template engine says.
        #[from]
        source: askama::Error,
    },
}

/// By this every page is known to be one of ours.
pub const MARK: &str = r#"<meta name="generator" content="adepts">"#;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    /// What is set side by side: one of them, several, and their names.
    shown: (&'a str, &'a str, Vec<&'a str>),
    sections: Vec<Section>,
}

/// The report as one self-contained HTML file: no scripts, and nothing to load from elsewhere.
///
/// # Errors
/// [`ReportError::NoRuns`] without a run. Unknown numbers (not finite), empty groups and missing logs are no errors: what
/// cannot be shown is left out.
pub fn page(input: &ReportInput) -> Result<String, ReportError> {
    if input.runs.is_empty() {
        return Err(ReportError::NoRuns);
    }
    let view = View::new(input);
    let own = input.final_form.as_ref().map(final_form::section);
    let sections = own.into_iter().chain(sections::of(&view).iter().filter_map(|section| section(&view))).collect();
    let runs = input.runs.iter().map(|run| run.summary.name.as_str()).collect();
    let title = if input.title.is_empty() { "Report" } else { &input.title };
    Ok(Page { title, shown: ("run", "runs", runs), sections }.render()?)
}

/// The comparison of models over seeds, as a file like [`page()`].
///
/// # Errors
/// [`ReportError::NoRuns`] without a model.
pub fn seeds_page(title: &str, comparison: &SeedComparison) -> Result<String, ReportError> {
    let models: Vec<&str> =
        comparison.groups.first().iter().flat_map(|group| &group.models).map(|model| model.model.as_str()).collect();
    if models.is_empty() {
        return Err(ReportError::NoRuns);
    }
    let heading = format!("{} over seeds", models.join(", "));
    let title = if title.is_empty() { &heading } else { title };
    let sections = vec![seeds::section(comparison), glossary::of_metric()];
    Ok(Page { title, shown: ("model", "models", models), sections }.render()?)
}
