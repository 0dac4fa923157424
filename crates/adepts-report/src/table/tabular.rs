//! The tables of tabular runs.

use adepts_eval::{
    ComparedRun, DomainComparison, ROW_METRICS, Resampled, RunSummary, Summary, main_row_metric, row_metric,
};

use super::{TextTable, because, corrected, p_value};
use crate::format::{UNKNOWN, count, exact, metric_label, metric_within, percent, score, seconds, signed};
use crate::sections::compared::verdict;
use crate::sections::tabular::{
    Domain, in_domain, largest_first, list_metrics, mark_in_words, marked, overall, retrieves, without_users,
};
use crate::view::bounded;

/// What stands in a column for a run, if anything.
type Cell<'a> = Box<dyn Fn(&RunSummary) -> Option<String> + 'a>;

/// The runs side by side, a line each; columns that no run has anything in are left out.
#[must_use]
pub fn tabular_table(summary: &Summary) -> String {
    if summary.runs.iter().any(retrieves) {
        return lists_table(summary);
    }
    let metric = |name: String| move |run: &RunSummary| overall(run, &name).map(|e| exact(e.mean));
    let worst = |run: &RunSummary| run.worst.as_ref().filter(|worst| worst.mean.is_finite()).cloned();
    let main = main_row_metric().about.name;
    let label = metric_label(main);
    let mut columns: Vec<(String, Cell<'_>)> = vec![
        (format!("{label}, mean of domains"), Box::new(metric(format!("{main}_macro")))),
        ("worst domain".into(), Box::new(|run| Some(worst(run)?.group))),
        (format!("its {label}"), Box::new(|run| Some(exact(worst(run)?.mean)))),
        (format!("{label}, pooled"), Box::new(metric(main.into()))),
    ];
    let others = ROW_METRICS.iter().map(|metric| metric.about.name).filter(|name| *name != main);
    columns.extend(others.map(|name| (metric_within(name), Box::new(metric(name.into())) as Cell<'_>)));
    columns.push(("parameters per row".into(), Box::new(|run| run.work.map(|work| count(work.activated_parameters)))));
    columns.push(("train".into(), Box::new(|run| run.seconds.get("train").map(|&value| seconds(value)))));
    let used = || columns.iter().filter(|(_, of)| summary.runs.iter().any(|run| of(run).is_some()));
    let mut table = TextTable::new(["run", "model"].into_iter().chain(used().map(|(heading, _)| heading.as_str())));
    for run in &summary.runs {
        let cells = used().map(|(_, of)| of(run).unwrap_or(UNKNOWN.into()));
        table.row([run.name.clone(), run.model.clone()].into_iter().chain(cells));
    }
    table.render()
}

/// Runs of retrieval side by side, a line each.
fn lists_table(summary: &Summary) -> String {
    let runs = || summary.runs.iter();
    let metrics = list_metrics(runs());
    let main = runs().find_map(|run| Some(run.worst.as_ref()?.metric.as_str())).unwrap_or_default();
    let head = ["run", "model"].map(str::to_owned).into_iter().chain(metrics.iter().map(|name| metric_label(name)));
    let label = metric_label(main);
    let behind = [format!("{label}, mean of domains"), "worst domain".into(), format!("its {label}"), "train".into()];
    let mut table = TextTable::new(head.chain(behind));
    let macro_mean = format!("{main}_macro");
    for run in runs() {
        let figure = |name: &str| overall(run, name).map_or(UNKNOWN.into(), |e| exact(e.mean));
        let worst = run.worst.as_ref();
        let behind = [
            figure(&macro_mean),
            worst.map_or(UNKNOWN.into(), |worst| worst.group.clone()),
            worst.map_or(UNKNOWN.into(), |worst| exact(worst.mean)),
            run.seconds.get("train").map_or(UNKNOWN.into(), |&value| seconds(value)),
        ];
        let of_lists = metrics.iter().map(|name| figure(name));
        table.row([run.name.clone(), run.model.clone()].into_iter().chain(of_lists).chain(behind));
    }
    table.render()
}

/// The metric (such as `auc`) by domain, the largest first, a column per run; nothing without domains.
#[must_use]
pub fn domains_table(summary: &Summary, metric: &str) -> String {
    let domains = largest_first(summary.runs.iter());
    if domains.is_empty() {
        return String::new();
    }
    let retrieval = domains.iter().any(|domain| domain.lists.is_some());
    let sizes = if retrieval { ["domain", "lists", "to be found"] } else { ["domain", "rows", "positive"] };
    let head = sizes.into_iter().chain(summary.runs.iter().map(|run| run.name.as_str()));
    let mut table = TextTable::new(head);
    for domain in &domains {
        let cell = |run: &RunSummary| match in_domain(run, domain.name, metric) {
            None => UNKNOWN.into(),
            Some(e) if bounded(e) => format!("{} ({}–{})", exact(e.mean), score(e.lower), score(e.upper)),
            Some(e) => exact(e.mean),
        };
        let sizes = match domain.lists {
            Some(lists) => [count(lists), count(domain.rows)],
            None => [count(domain.rows), percent(domain.base_rate)],
        };
        let facts = [marked(domain)].into_iter().chain(sizes);
        table.row(facts.chain(summary.runs.iter().map(cell)));
    }
    let mark = mark_in_words(&domains).map(|mark| format!("{mark}\n")).unwrap_or_default();
    let (undefined, drawn, without) = (undefined(summary, &domains, metric), drawn(summary), without_rows(summary));
    format!("{} by domain\n{}{mark}{undefined}{drawn}{without}", metric_label(metric), table.render())
}

/// The domains in which the metric has no value although rows of them were judged, in a line.
fn undefined(summary: &Summary, domains: &[Domain<'_>], metric: &str) -> String {
    let has_none = |domain: &&Domain<'_>| summary.runs.iter().all(|run| in_domain(run, domain.name, metric).is_none());
    let names: Vec<&str> = domains.iter().filter(has_none).map(|domain| domain.name).collect();
    if names.is_empty() {
        return String::new();
    }
    let (label, of) = (metric_label(metric), names.len());
    let one_label = row_metric(metric).is_some_and(|metric| metric.needs_both_labels && !metric.about.within_users);
    let why = if one_label { ", whose rows all have one label" } else { "" };
    format!(
        "no {label} of {}{why}: left out of the means, which are over {} of {} domains\n",
        names.join(", "),
        domains.len() - of,
        domains.len()
    )
}

/// What the intervals take as independent, in a line; nothing where there are none.
fn drawn(summary: &Summary) -> &'static str {
    let with_intervals = summary.runs.iter().map(|run| &run.protocol).find(|protocol| protocol.bootstrap.1 > 0);
    match with_intervals.map(|protocol| protocol.resampled) {
        Some(Resampled::Users) => "95 % intervals over users, each with all of his rows\n",
        Some(Resampled::Rows) => {
            "95 % intervals over rows: too narrow if rows of one user are alike (`user` in [data] names the user)\n"
        }
        Some(Resampled::Lists) => {
            "95 % intervals over lists: too narrow if lists of one user are alike (`user` in [data] names the user)\n"
        }
        Some(Resampled::Unknown) | None => "",
    }
}

/// The domains of which no row was judged, in a line, and why there is no GAUC.
fn without_rows(summary: &Summary) -> String {
    let mut told = Vec::new();
    let mut names: Vec<&str> =
        summary.runs.iter().flat_map(|run| &run.domains).filter(|d| d.rows == 0).map(|d| d.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        told.push(format!("no row was judged of {}\n", names.join(", ")));
    }
    if let Some((run, missing)) = summary.runs.iter().find_map(|run| Some((run, *without_users(run).first()?))) {
        let why = match run.protocol.users {
            0 => "the data names no user of a row (`user` in [data])",
            _ => "no user has judged rows of both labels",
        };
        told.push(format!("no {}: {why}\n", missing.label));
    }
    told.concat()
}

/// The gains over the baseline, a line per domain and run, with interval, corrected p-value and verdict.
#[must_use]
pub fn gains_table(comparison: &DomainComparison) -> String {
    let lists = comparison.weighted_mean.is_empty();
    let rows = if lists { "lists" } else { "rows" };
    let head = ["domain", rows, "run", "mean", "gain", "95 % interval", "p", "p (Holm)", "verdict"];
    let mut table = TextTable::new(head);
    let mut lines = |name: &str, rows: usize, runs: &[ComparedRun]| {
        for (place, run) in runs.iter().enumerate() {
            let [name, rows] = if place == 0 { [name.to_owned(), count(rows)] } else { Default::default() };
            let found = run.difference.map_or(["baseline", "", "", "", ""].map(str::to_owned), |d| {
                let interval = format!("{} to {}", signed(d.lower), signed(d.upper));
                [signed(d.mean), interval, p_value(d.p), corrected(d.p_holm), verdict(d).into()]
            });
            table.row([name, rows, run.run.clone(), exact(run.mean)].into_iter().chain(found));
        }
    };
    let (pooled, mean) = (("all, pooled", &comparison.pooled), ("mean of domains", &comparison.macro_mean));
    let all = if lists {
        vec![pooled, mean]
    } else {
        // Pooled rows also reward knowing base rates.
        vec![mean, pooled, ("mean weighted by rows", &comparison.weighted_mean)]
    };
    for (name, runs) in all {
        lines(name, comparison.rows, runs);
    }
    let mut domains: Vec<_> = comparison.domains.iter().collect();
    domains.sort_by_key(|domain| std::cmp::Reverse(domain.rows));
    for domain in domains {
        lines(&domain.name, domain.rows, &domain.runs);
    }
    let title = format!(
        "{} against {}{} on the same {} {rows}{}; p (Holm) is corrected over the domains\n",
        metric_label(&comparison.metric),
        comparison.baseline,
        because(&comparison.baseline_reason),
        count(comparison.rows),
        match comparison.resampled {
            Resampled::Users => ", drawn by user",
            Resampled::Rows | Resampled::Lists => ", each drawn by itself because users are not known",
            Resampled::Unknown => "",
        }
    );
    title + &table.render()
}
