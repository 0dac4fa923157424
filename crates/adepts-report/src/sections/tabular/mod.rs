//! The sections of a page of tabular runs, in order. One without data is `None`.

mod dataset;
mod domains;
mod experts;
mod found;
mod glossary;
mod learned;
mod learning;
mod protocol;
mod reliability;
mod runs;

use adepts_eval::{About, DomainSummary, Estimate, ROW_METRICS, RunSummary, main_row_metric};

use crate::blocks::Section;
use crate::format::{counted, exact, metric_label, percent, score};
use crate::view::{View, bounded, in_order};

pub use learned::nothing_learned;

/// All sections, in the order of the page.
pub(super) static SECTIONS: &[fn(&View) -> Option<Section>] = &[
    found::section,
    runs::section,
    domains::section,
    experts::section,
    reliability::section,
    learning::section,
    dataset::section,
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
    /// In retrieval: the ranked lists in it.
    pub(crate) lists: Option<usize>,
    /// Whether they are enough for what is measured of them to say something.
    pub(crate) established: bool,
}

impl Domain<'_> {
    /// Its size in a sentence, with the share of positive rows where some are not.
    fn size(&self) -> String {
        match self.lists {
            Some(lists) => counted(lists, "list"),
            None => format!("{}, {} of them positive", counted(self.rows, "row"), percent(self.base_rate)),
        }
    }
}

/// The metric that decides which domain is served worst, and the words for it.
fn main_metric(view: &View) -> (String, String) {
    let metric = view.runs().iter().find_map(|run| Some(run.summary.worst.as_ref()?.metric.clone()));
    let metric = metric.unwrap_or_else(|| main_row_metric().about.name.into());
    let label = metric_label(&metric);
    (metric, label)
}

/// What runs are judged by first.
struct Headline {
    /// The metric, as it stands among the intervals of a run.
    metric: String,
    /// The words for it, such as “AUC, mean of domains”.
    label: String,
    /// Whether it is the mean over domains.
    over_domains: bool,
}

/// The mean over domains where there are several, because over all rows pooled a metric also rewards knowing which domains have more
/// positive rows. Lists are of one query each, which no base rate helps, and are pooled.
fn headline(view: &View) -> Headline {
    let (metric, label) = main_metric(view);
    let over_domains = format!("{metric}_macro");
    let lists = view.runs().iter().any(|run| retrieves(&run.summary));
    let known = || view.runs().iter().any(|run| overall(&run.summary, &over_domains).is_some());
    if lists {
        Headline { label: format!("{label}, pooled"), metric, over_domains: false }
    } else if by_size(view).len() > 1 && known() {
        Headline { label: format!("{label}, mean of domains"), metric: over_domains, over_domains: true }
    } else {
        Headline { metric, label, over_domains: false }
    }
}

/// Whether a run ranked items instead of giving rows probabilities.
pub(crate) fn retrieves(run: &RunSummary) -> bool {
    run.domains.iter().any(|domain| domain.lists.is_some())
}

/// The metrics of lists that these runs have, in order.
pub(crate) fn list_metrics<'a>(runs: impl Iterator<Item = &'a RunSummary>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for name in runs.filter(|run| retrieves(run)).flat_map(|run| run.domains.iter().flat_map(|d| d.metrics.keys())) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort_by_key(|name| in_order(name));
    names
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
            let DomainSummary { name, rows, base_rate, lists, .. } = domain;
            let established = domain.is_established();
            domains.push(Domain { name, rows: *rows, base_rate: *base_rate, lists: *lists, established });
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
    let few = domains.iter().find(|domain| !domain.established)?;
    Some(match few.lists {
        Some(_) => "† fewer than ten lists: not established",
        None => "† fewer than ten rows of one label: not established",
    })
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

/// The metrics within users that a run lacks although it has the main metric of rows.
pub(crate) fn without_users(run: &RunSummary) -> Vec<&'static About> {
    if !run.metrics.contains_key(main_row_metric().about.name) {
        return Vec::new();
    }
    let within = ROW_METRICS.iter().map(|metric| &metric.about).filter(|about| about.within_users);
    within.filter(|about| !run.metrics.contains_key(about.name)).collect()
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
