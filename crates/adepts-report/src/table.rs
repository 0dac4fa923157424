//! The same results in a terminal: plain text, aligned.

use std::collections::BTreeSet;

use adepts_eval::{Comparison, RunSummary, SeedComparison, Summary, about};

use crate::format::{UNKNOWN, count, exact, grouping_label, measured, metric_label, quantity, score, seconds, signed};
use crate::sections::compared::{full_name, verdict};
use crate::sections::seeds;
use crate::view::{bounded, is_aggregate};

mod long;
mod tabular;

pub use long::LongTable;
pub use tabular::{domains_table, gains_table, tabular_table};

/// Rows of text under a heading; the first column is flush left, the others flush right unless they are said to hold text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTable {
    rows: Vec<Vec<String>>,
    left: Vec<usize>,
}

impl TextTable {
    /// A table with these names of columns.
    #[must_use]
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self { rows: vec![head.into_iter().map(Into::into).collect()], left: vec![0] }
    }

    /// The same with these columns, from 0, flush left as well: those that hold text.
    #[must_use]
    pub fn flush_left(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.left.extend(columns);
        self
    }

    /// Adds a row; cells that are missing at its end are empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table, a line per row, with a rule under the heading.
    #[must_use]
    pub fn render(&self) -> String {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
        let mut widths = Vec::new();
        for row in &rows {
            widen(&mut widths, row);
        }
        let mut out = String::new();
        for (i, row) in rows.iter().enumerate() {
            out += &line(row.iter().map(String::as_str), &widths, &self.left);
            if i == 0 {
                out += &rule(&widths);
            }
        }
        out
    }
}

/// A cell as it is shown. Names come from files: a line break in one must not break the table.
fn clean(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Makes columns as wide as these cells.
fn widen(widths: &mut Vec<usize>, cells: &[String]) {
    widths.resize(widths.len().max(cells.len()), 0);
    widths.iter_mut().zip(cells).for_each(|(width, cell)| *width = cell.chars().count().max(*width));
}

/// The cells of a row in columns of these widths; those columns flush left, the others flush right.
fn line<'a>(cells: impl IntoIterator<Item = &'a str>, widths: &[usize], left: &[usize]) -> String {
    let mut line = String::new();
    let cells = cells.into_iter().chain(std::iter::repeat(""));
    for (column, (&width, cell)) in widths.iter().zip(cells).enumerate() {
        let padding = " ".repeat(width - cell.chars().count());
        let between = if column == 0 { "" } else { "  " };
        line.extend(if left.contains(&column) { [between, cell, &padding] } else { [between, &padding, cell] });
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// What stands under the heading.
fn rule(widths: &[usize]) -> String {
    "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)) + "\n"
}

/// The runs side by side: the metric that decides who is served worst, recall and what is listed, the worst group and the
/// gap, the time to train. Other metrics would not fit a terminal; without a deciding metric all are shown.
#[must_use]
pub fn summary_table(summary: &Summary) -> String {
    let of_all = || summary.runs.iter().flat_map(|run| run.metrics.keys()).map(String::as_str);
    let worst_of = || summary.runs.iter().find_map(|run| Some(run.worst.as_ref()?.metric.as_str()));
    // Where no group has users, as where all of them are new, there is no worst one.
    let usual = || ["ndcg@20", "ndcg@10"].into_iter().find(|usual| of_all().any(|name| name == *usual));
    let main = worst_of().or_else(usual);
    let shown = |name: &&str| main.is_none_or(|main| *name == main || about(name).is_some_and(|about| about.overview));
    let mut names: Vec<&str> = of_all().filter(shown).collect::<BTreeSet<_>>().into_iter().collect();
    names.sort_by_key(|name| (is_aggregate(name), *name));
    let worst = summary.runs.iter().any(|run| run.worst.is_some());
    let timed = summary.runs.iter().any(|run| run.seconds.contains_key("train"));

    let mut head = vec!["run".to_owned(), "model".to_owned()];
    head.extend(names.iter().map(|name| metric_label(name)));
    // Beside the figure that counts stands that of the other protocol.
    let other = |run: &RunSummary, masked: bool| {
        let of_other = if masked { &run.metrics_validation_masked } else { &run.metrics_validation_unmasked };
        of_other.get(main?).copied().filter(|value| masked != run.protocol.mask_validation && value.is_finite())
    };
    let others: Vec<bool> = [false, true]
        .into_iter()
        .filter(|masked| summary.runs.iter().any(|run| other(run, *masked).is_some()))
        .collect();
    let label = metric_label(main.unwrap_or_default());
    head.extend(others.iter().map(|masked| format!("{label} {}*", if *masked { "masked" } else { "unmasked" })));
    if worst {
        head.extend(["worst group", "its mean", "gap"].map(str::to_owned));
    }
    if timed {
        head.push("training".into());
    }
    let mut table = TextTable::new(head);
    for run in &summary.runs {
        let mut row = vec![run.name.clone(), run.model.clone()];
        row.extend(names.iter().map(|name| {
            let value = run.metrics.get(*name).copied().unwrap_or(f64::NAN);
            measured(name, value, exact)
        }));
        row.extend(others.iter().map(|masked| other(run, *masked).map_or(UNKNOWN.into(), exact)));
        if worst {
            row.extend(
                run.worst
                    .as_ref()
                    .map_or([UNKNOWN; 3].map(str::to_owned), |w| [w.group.clone(), exact(w.mean), exact(w.gap)]),
            );
        }
        if timed {
            row.push(run.seconds.get("train").map_or(UNKNOWN.into(), |&s| seconds(s)));
        }
        table.row(row);
    }
    let mut text = table.render();
    for masked in others {
        text += if masked {
            "* with the validation items kept out of the lists, unlike the other figures\n"
        } else {
            "* with the validation items not kept out of the lists, as much published work has it\n"
        };
    }
    text
}

/// One metric by group, a column per run, with the 95 % intervals; a table for each grouping.
#[must_use]
pub fn groups_table(summary: &Summary, metric: &str) -> String {
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for group in summary.runs.iter().flat_map(|run| &run.groups).filter(|group| group.users > 0) {
        if !groups.contains(&(&group.by, &group.name)) {
            groups.push((&group.by, &group.name));
        }
    }
    let mut groupings: Vec<&str> = Vec::new();
    for (by, _) in &groups {
        if !groupings.contains(by) {
            groupings.push(by);
        }
    }
    let mut out = String::new();
    for by in groupings {
        if !out.is_empty() {
            out.push('\n');
        }
        out.extend([metric_label(metric), " by ".into(), grouping_label(by), ", with 95 % intervals\n".into()]);
        let facts = ["group", "users", "history"].map(str::to_owned);
        let mut table = TextTable::new(facts.into_iter().chain(summary.runs.iter().map(|run| run.name.clone())));
        for (_, name) in groups.iter().filter(|(b, _)| *b == by) {
            let of = |run: usize| summary.runs[run].groups.iter().find(|g| g.by == by && g.name == *name);
            let known = (0..summary.runs.len()).find_map(of);
            let mut row = vec![
                (*name).to_owned(),
                known.map_or(UNKNOWN.into(), |g| count(g.users)),
                known.map_or(UNKNOWN.into(), |g| quantity(g.history_median)),
            ];
            row.extend((0..summary.runs.len()).map(|run| {
                match of(run).and_then(|g| g.metrics.get(metric)).filter(|e| e.mean.is_finite()) {
                    None => UNKNOWN.into(),
                    Some(e) if bounded(*e) => format!("{} ({}–{})", exact(e.mean), score(e.lower), score(e.upper)),
                    Some(e) => exact(e.mean),
                }
            }));
            table.row(row);
        }
        out += &table.render();
    }
    out
}

/// The differences from the baseline, a line per group and run, with interval, corrected p-value and verdict.
#[must_use]
pub fn comparison_table(comparison: &Comparison) -> String {
    let head = ["group", "run", "mean", "difference", "95 % interval", "p", "p (Holm)", "verdict"];
    let mut table = TextTable::new(head);
    for group in &comparison.groups {
        for (place, run) in group.runs.iter().enumerate() {
            let name = if place == 0 { full_name(group) + &by(&group.by) } else { String::new() };
            let mut row = vec![name, run.run.clone(), exact(run.mean)];
            row.extend(run.difference.map_or(["baseline", "", "", "", ""].map(str::to_owned), |d| {
                let interval = format!("{} to {}", signed(d.lower), signed(d.upper));
                [signed(d.mean), interval, p_value(d.p), corrected(d.p_holm), verdict(d).into()]
            }));
            table.row(row);
        }
    }
    let title = format!(
        "{} against {}{}, {} users, paired; p (Holm) is corrected over the groups of a run\n",
        metric_label(&comparison.metric),
        comparison.baseline,
        because(&comparison.baseline_reason),
        count(comparison.users)
    );
    title + &table.render()
}

/// Models over seeds: means and differences from the baseline, a line per group and model, with intervals and p-value.
#[must_use]
pub fn seeds_table(comparison: &SeedComparison) -> String {
    let head =
        ["group", "model", "seeds", "mean", "95 % interval", "difference", "95 % interval", "p", "p (Holm)", "verdict"];
    let mut table = TextTable::new(head);
    for group in &comparison.groups {
        for (place, model) in group.models.iter().enumerate() {
            let name = if place == 0 { seeds::full_name(group) + &by(&group.by) } else { String::new() };
            let e = model.estimate;
            let row = [name, model.model.clone(), e.n.to_string(), exact(e.mean), seeds::interval(e, exact)];
            let tested = model.difference.filter(|d| d.difference.n > 1);
            let tested = tested.map(|d| [p_value(d.p), corrected(d.p_holm), seeds::verdict(d).to_owned()]);
            table.row(row.into_iter().chain(seeds::difference(comparison, model)).chain(tested.into_iter().flatten()));
        }
    }
    let title = format!(
        "{} against {}{}, paired by split and seed; p (Holm) is corrected over the groups of a model\n",
        metric_label(&comparison.metric),
        comparison.baseline,
        because(&comparison.baseline_reason)
    );
    title + &table.render()
}

/// A p-value in a column that is headed as such.
fn p_value(p: f64) -> String {
    match p {
        p if !p.is_finite() => UNKNOWN.into(),
        p if p < 0.001 => "< 0.001".into(),
        p => format!("{p:.3}"),
    }
}

/// The corrected p-value, or a dash for what is one question and needs no correction.
fn corrected(p_holm: Option<f64>) -> String {
    p_holm.map_or(UNKNOWN.into(), p_value)
}

/// Why the baseline is that one, to follow its name; nothing where nobody said.
fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

/// What a group is by, to follow its name.
fn by(grouping: &str) -> String {
    // The name of a domain needs no word of what it is one of.
    if ["", "domain"].contains(&grouping) { String::new() } else { format!(" by {}", grouping.replace('_', " ")) }
}
