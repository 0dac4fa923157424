//! The sections of a page of examples, in order. One without data is `None`.

mod domains;
mod experts;
mod found;
mod glossary;
mod learning;
mod protocol;
mod reliability;
mod runs;

use adepts_eval::{DomainSummary, Estimate, RunSummary};

use crate::blocks::Section;
use crate::format::{exact, score};
use crate::view::{View, bounded};

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
            domains.push(Domain { name: &domain.name, rows: domain.rows, base_rate: domain.base_rate });
        }
    }
    domains.sort_by_key(|domain| std::cmp::Reverse(domain.rows));
    domains
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
