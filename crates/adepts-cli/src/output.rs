//! What goes to stdout: text or one JSON object.

use std::io::{Write as _, stdout};

use adepts::eval::Summary;
use adepts::page::{groups_table, summary_table};
use serde::Serialize;

/// Prints text, ending in one line break.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.trim_end_matches('\n').as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
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

/// The runs side by side, and by group the metric that decides who is served worst.
pub(crate) fn tables(summary: &Summary) -> String {
    let of_groups = summary.runs.iter().flat_map(|run| run.groups.iter().flat_map(|group| group.metrics.keys()));
    let worst = summary.runs.iter().filter_map(|run| run.worst.as_ref()).map(|worst| &worst.metric).next();
    let metric = worst.or(of_groups.min()).cloned().unwrap_or_default();
    format!("{}\n{}", summary_table(summary), groups_table(summary, &metric))
}
