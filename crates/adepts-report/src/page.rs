//! The page: all sections that have something to say, in one file.

use askama::Template;

use crate::blocks::{Block, Section};
use crate::input::ReportInput;
use crate::sections::SECTIONS;
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

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    runs: Vec<&'a str>,
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
    let sections = SECTIONS.iter().filter_map(|section| section(&view)).collect();
    let runs = input.runs.iter().map(|run| run.summary.name.as_str()).collect();
    let title = if input.title.is_empty() { "Report" } else { &input.title };
    Ok(Page { title, runs, sections }.render()?)
}
