//! The sections of a page of examples, in order. One without data is `None`.

mod domains;
mod experts;
mod found;
mod glossary;
mod learned;
mod learning;
mod protocol;
mod reliability;
mod runs;

use adepts_eval::{DomainSummary, Estimate, RunSummary};

use crate::blocks::Section;
use crate::format::{exact, score};
use crate::view::{View, bounded};

pub use learned::nothing_learned;

/// All sections, in the order of the page.
pub(super) static SECTIONS: &[fn(&View) -> Option<Section>] = &[
    found::section,
    runs::section,
    domains::section,
    experts::section,
    reliability::section,
    learning::section,
    protocol::section,
    glossary::section,
];

/// A domain as the first run that has rows of it counts them.
pub(crate) struct Domain<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its rows.
    pub(crate) rows: usize,
    /// Share of them that are positive.
    pub(crate) base_rate: f64,
    /// Whether they are enough for what is measured of them to say something.
    pub(crate) established: bool,
}

/// The domains of all runs, the largest first.
fn by_size<'a>(view: &View<'a>) -> Vec<Domain<'a>> {
    largest_first(view.runs().iter().map(|run| &run.summary))
}

/// The domains of these runs, the largest first.
pub(crate) fn largest_first<'a>(runs: impl Iterator<Item = &'a RunSummary>) -> Vec<Domain<'a>> {
    let mut domains: Vec<Domain<'a>> = Vec::new();
    for domain in runs.flat_map(|run| &run.domains) {
        if domain.rows > 0 && domains.iter().all(|known| known.name != domain.name) {
            let (rows, base_rate, established) = (domain.rows, domain.base_rate, domain.is_established());
            domains.push(Domain { name: &domain.name, rows, base_rate, established });
        }
    }
    domains.sort_by_key(|domain| std::cmp::Reverse(domain.rows));
    domains
}

/// A domain's name, marked where its rows are too few for what is measured of them to say something.
pub(crate) fn marked(domain: &Domain<'_>) -> String {
    if domain.established { domain.name.to_owned() } else { format!("{} †", domain.name) }
}

/// What the mark of [`marked`] means; nothing where no domain has it.
pub(crate) fn mark_in_words(domains: &[Domain<'_>]) -> Option<&'static str> {
    let any = domains.iter().any(|domain| !domain.established);
    any.then_some("† fewer than ten rows of one label: not established")
}

fn domain<'a>(run: &'a RunSummary, name: &str) -> Option<&'a DomainSummary> {
    run.domains.iter().find(|domain| domain.name == name)
}

/// What a run reaches in a domain.
pub(crate) fn in_domain(run: &RunSummary, name: &str, metric: &str) -> Option<Estimate> {
    domain(run, name)?.metrics.get(metric).copied().filter(|e| e.mean.is_finite())
}

/// What a run reaches over all rows; the interval may be unknown.
pub(crate) fn overall(run: &RunSummary, metric: &str) -> Option<Estimate> {
    let bare = || run.metrics.get(metric).map(|&mean| Estimate { mean, lower: f64::NAN, upper: f64::NAN });
    run.intervals.get(metric).copied().or_else(bare).filter(|e| e.mean.is_finite())
}

/// An interval for small print, or nothing.
fn interval(e: Estimate) -> String {
    if bounded(e) && e.lower < e.upper { format!("{}–{}", exact(e.lower), exact(e.upper)) } else { String::new() }
}

/// A value in a sentence, with its interval where that is known.
fn with_interval(e: Estimate) -> String {
    if bounded(e) && e.lower < e.upper {
        format!("{} ({}–{})", score(e.mean), score(e.lower), score(e.upper))
    } else {
        score(e.mean)
    }
}
