//! What goes to stdout: text or one JSON object.

pub(crate) mod lists;
pub(crate) mod rows;

use std::io::{IsTerminal as _, Write as _, stdout};

use adepts::data::tabular::{CatalogueNote, FieldColumn, SeenNote, TabularManifest};
use adepts::data::{Manifest, Part, SeenCount, agreeing, counted};
use adepts::eval::Summary;
use adepts::eval::main_row_metric;
use adepts::page::table::TextTable;
use adepts::page::{domains_table, groups_table, summary_table, tabular_table};
use serde::Serialize;

/// Prints text, ending in one line break.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.trim_end_matches('\n').as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// The characters of a line of the terminal that stdout is; `None` where it is a file or a pipe, in which nothing is cut.
pub(crate) fn width() -> Option<usize> {
    /// Of a terminal that does not say.
    const USUAL: usize = 100;
    let known = || terminal_size::terminal_size_of(stdout()).map_or(USUAL, |(width, _)| width.0.into());
    stdout().is_terminal().then(known)
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    text(&serde_json::to_string_pretty(value)?)
}

/// `12.3 s`, `4 min`, `1.5 h`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.995 => format!("{s:.2} s"),
        s if s < 99.5 => format!("{s:.1} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Prints an evaluation.
pub(crate) fn summary(summary: &Summary, as_json: bool) -> anyhow::Result<()> {
    if as_json { json(summary) } else { text(&tables(summary)) }
}

/// The runs side by side, and by group the metric that decides who is served worst.
pub(crate) fn tables(summary: &Summary) -> String {
    if summary.runs.iter().any(|run| !run.domains.is_empty()) {
        let metric = summary
            .runs
            .iter()
            .find_map(|run| Some(run.worst.as_ref()?.metric.as_str()))
            .unwrap_or(main_row_metric().about.name);
        return format!("{}\n{}", tabular_table(summary), domains_table(summary, metric));
    }
    let of_groups = summary.runs.iter().flat_map(|run| run.groups.iter().flat_map(|group| group.metrics.keys()));
    let worst = summary.runs.iter().filter_map(|run| run.worst.as_ref()).map(|worst| &worst.metric).next();
    let metric = worst.or(of_groups.min()).cloned().unwrap_or_default();
    let mut lines = vec![summary_table(summary)];
    lines.extend(Some(groups_table(summary, &metric)).filter(|table| !table.is_empty()));
    let protocols = summary.runs.iter().map(|run| &run.protocol);
    // Runs on the same data have as many.
    if let Some(protocol) = protocols.max_by_key(|protocol| protocol.without_history)
        && protocol.without_history > 0
    {
        let (without, have) = (protocol.without_history, agreeing(protocol.without_history, "has", "have"));
        let are = agreeing(without, "is", "are");
        lines.push(format!(
            "{without} of {} {have} no training items and {are} judged by the list that they would get, the items that most users \
             have\n",
            counted(protocol.users, "user")
        ));
        if protocol.without_history == protocol.users {
            lines.push(
                "So none of these figures measures a model: with this split all users are new. `--split random` or \
                        `leave-last` tests on users with a history\n"
                    .into(),
            );
        }
    }
    lines.join("\n")
}

/// What a preparation kept, dropped and cut.
pub(crate) fn preparation(manifest: &Manifest) -> String {
    let mut steps = TextTable::new(["step", "dropped", "interactions", "users", "items"]);
    let known = |count: Option<u64>| count.map_or(String::new(), |count| count.to_string());
    for step in &manifest.steps {
        steps.row([
            step.step.clone(),
            step.dropped.to_string(),
            step.rows.to_string(),
            known(step.users),
            known(step.items),
        ]);
    }
    let Manifest { train, validation, test, train_only_users, held_out_users, skipped_rows, .. } = manifest;
    let mut lines = vec![steps.render()];
    lines.extend(layout(manifest).map(|layout| format!("the log was read {layout}")));
    lines.extend(manifest.notes.iter().cloned());
    if lines.len() > 1 {
        lines.push(String::new());
    }
    if *skipped_rows > 0 {
        lines.push(format!(
            "{} could not be read and {}, such as",
            counted(*skipped_rows, "row"),
            skipped(*skipped_rows)
        ));
        lines.extend(manifest.skipped_examples.iter().map(|example| format!("  {example}")));
        lines.push(String::new());
    }
    lines.push(format!("{train} training, {validation} validation and {test} test interactions"));
    lines.extend(seen(manifest));
    if *train_only_users > 0 {
        let (users, have) = (counted(*train_only_users, "user"), agreeing(*train_only_users, "has", "have"));
        let train = agreeing(*train_only_users, "trains", "train");
        lines.push(format!("{users} {have} fewer than three interactions and only {train}"));
    }
    if *held_out_users > 0 {
        let (users, are) = (counted(*held_out_users, "user"), agreeing(*held_out_users, "is", "are"));
        lines.push(format!("{users} {are} held out whole, to validate or to test; nothing is learned from them"));
    }
    lines.join("\n") + "\n"
}

/// What of the dropped rows counts as seen.
fn seen(manifest: &Manifest) -> Option<String> {
    let Manifest { seen: seen_pairs, seen_rows, .. } = manifest;
    let some = seen_rows.iter().filter(|seen| seen.rows > 0 && *seen_pairs > 0);
    some.clone().next()?;
    let rows = some.map(|SeenCount { what, rows }| format!("{what}: {}", counted(*rows, "row")));
    let are = agreeing(*seen_pairs, "is", "are");
    Some(format!(
        "{} that users have only seen {are} stored separately: not learned from, and not recommended ({})",
        counted(*seen_pairs, "pair"),
        rows.collect::<Vec<_>>().join("; ")
    ))
}

/// What became of rows that could not be read.
pub(crate) fn skipped(rows: u64) -> &'static str {
    agreeing(rows, "was skipped", "were skipped")
}

/// How a text file was read, where that is not as its name says.
fn layout(manifest: &Manifest) -> Option<String> {
    let delimiter = manifest.data.delimiter.as_ref().map(|d| format!("as separated by `{}`", d.escape_default()));
    let header = (manifest.data.header == Some(false)).then(|| "without a header".to_owned());
    let known: Vec<String> = delimiter.into_iter().chain(header).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// What a preparation of tabular data made.
pub(crate) fn tabular_data(manifest: &TabularManifest) -> String {
    let mut domains = TextTable::new(["domain", "training", "validation", "test", "positive"]);
    for domain in &manifest.domains {
        let rows = |part| domain.rows.of(part).to_string();
        let base_rate = format!("{:.1} %", 100.0 * domain.base_rate(Part::Train));
        domains.row([domain.name.clone(), rows(Part::Train), rows(Part::Validation), rows(Part::Test), base_rate]);
    }
    let mut lines = vec![domains.render()];
    for FieldColumn { name, size, missing, unknown, .. } in &manifest.fields {
        let values = counted(size.saturating_sub(1), "value");
        let mut told = vec![format!("field {name}: {values} and one for what is unknown")];
        let (missing, unknown) = (missing.total(), unknown.total());
        told.extend((missing > 0).then(|| format!("{} without a value", counted(missing, "row"))));
        let count = agreeing(unknown, "counts", "count");
        told.extend((unknown > 0).then(|| format!("{} that {count} as unknown", counted(unknown, "value"))));
        lines.push(told.join("; "));
    }
    lines.extend(
        manifest.dense.iter().map(|dense| {
            format!("dense field {}: {} without a value", dense.name, counted(dense.missing.total(), "row"))
        }),
    );
    if let Some(CatalogueNote { items, untrained, negative_rows }) = manifest.catalogue {
        lines.push(format!("{} to be found, {untrained} of which no training row has", counted(items, "item")));
        let (rows, are) = (counted(negative_rows, "row"), agreeing(negative_rows, "is", "are"));
        lines.push(format!("{rows} {are} not positive; nothing is learned from them"));
    }
    if let Some(SeenNote { pairs, .. }) = &manifest.seen {
        let (pairs, are) = (pairs.total(), agreeing(pairs.total(), "is", "are"));
        lines.push(format!(
            "{} that users have only seen {are} stored separately: not learned from, and not recommended",
            counted(pairs, "pair")
        ));
    }
    lines.extend(manifest.notes.iter().cloned());
    lines.extend(lost_tabular(manifest));
    let rows = |part| manifest.rows.of(part);
    let (train, validation, test) = (rows(Part::Train), rows(Part::Validation), rows(Part::Test));
    lines.push(format!("{train} training, {validation} validation and {test} test rows"));
    lines.join("\n") + "\n"
}

/// Rows of a source of tabular data that were not kept.
pub(crate) fn lost_tabular(manifest: &TabularManifest) -> Vec<String> {
    let mut lines = Vec::new();
    if manifest.skipped_rows > 0 {
        let rows = manifest.skipped_rows;
        lines.push(format!("{} could not be read and {}:", counted(rows, "row"), skipped(rows)));
        if manifest.skipped_reasons.is_empty() {
            lines.extend(manifest.skipped_examples.iter().map(|example| format!("  {example}")));
        }
        lines.extend(manifest.skipped_reasons.iter().map(|reason| format!("  {reason}")));
    }
    if manifest.other_domains > 0 {
        let rows = manifest.other_domains;
        let (of, left) = (agreeing(rows, "is of a domain", "are of domains"), agreeing(rows, "was", "were"));
        lines.push(format!("{} {of} that data.domains does not list and {left} left out", counted(rows, "row")));
    }
    let without_user = manifest.without_user.total();
    if without_user > 0 {
        let (rows, have) = (counted(without_user, "row"), agreeing(without_user, "has", "have"));
        let they = agreeing(without_user, "it does", "they do");
        lines.push(format!("{rows} {have} no user; {they} not count for measures by user"));
    }
    let left_out = manifest.left_out.total();
    if left_out > 0 {
        let (of, left) = (agreeing(left_out, "is of a domain", "are of domains"), agreeing(left_out, "was", "were"));
        let rows = counted(left_out, "validation or test row");
        lines.push(format!("{rows} {of} without training rows and {left} left out"));
    }
    for dense in manifest.dense.iter().filter(|dense| dense.clipped.total() > 0) {
        let clipped = dense.clipped.total();
        let (lie, were) = (agreeing(clipped, "lies", "lie"), agreeing(clipped, "was", "were"));
        let numbers = counted(clipped, "number");
        lines.push(format!(
            "{numbers} of {} {lie} far outside of what training rows have and {were} clipped",
            dense.name
        ));
    }
    lines
}
