//! What looks wrong with a log.

use super::guess::Looks;
use super::pairs::Pairs;
use super::{ColumnSummary, Inspection};
use crate::error::DataError;
use crate::place::shortened;
use crate::source::Role;
use crate::words::{agreeing, counted};

/// Rows that lack what the column is for.
fn without(column: &ColumnSummary, what: &str) -> String {
    let ColumnSummary { name, missing, .. } = column;
    format!("column `{name}`: {} {} no {what}", counted(*missing, "row"), agreeing(*missing, "has", "have"))
}

pub(super) fn warnings(
    seen: &Inspection,
    looks: &Looks,
    unreadable: Option<&DataError>,
    pairs: Option<&Pairs>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |text: String| warnings.push(text);
    if let Some(first) = &looks.header_like_data {
        warn(format!(
            "the first row looks like data and not like names: `{}`; it is read as data, and columns are called by their positions \
             (`--no-header`, data.header = false)",
            shortened(first)
        ));
    }
    if let (bad @ 1.., Some(example)) = (seen.bad_rows, &seen.bad_example) {
        let bad = counted(bad, "row");
        // Some examples say it themselves.
        let skip = "`--bad-rows skip` (data.bad_rows)";
        let hint = if example.contains(skip) { String::new() } else { format!("; {skip} skips such rows") };
        warn(format!("{bad} cannot be read; the first: {example}{hint}"));
    }
    if let Some(error) = unreadable {
        warn(format!("the log cannot be prepared as it is: {error}"));
    }
    for (role, key) in [(Role::User, "user"), (Role::Item, "item")] {
        match seen.columns.iter().find(|c| c.role == Some(role)) {
            None if seen.header == Some(false) => {
                warn(format!("no column seems to hold the ids of {key}s; set `--{key}` (data.{key})"));
            }
            None => warn(format!("no column has a usual name for the {key}; set `--{key}` (data.{key})")),
            Some(c) => {
                if c.missing > 0 {
                    warn(without(c, key));
                }
                if c.leading_zeros > 0 {
                    warn(format!(
                        "column `{}`: {} {} leading zeros; ids are kept as text",
                        c.name,
                        counted(c.leading_zeros, "id"),
                        agreeing(c.leading_zeros, "has", "have")
                    ));
                } else if c.odd_ones > 0 {
                    warn(format!(
                        "column `{}`: {} no whole {} among ids that are; ids are kept as text",
                        c.name,
                        counted(c.odd_ones, "id") + agreeing(c.odd_ones, " is", " are"),
                        agreeing(c.odd_ones, "number", "numbers")
                    ));
                }
                if c.kind == "number" {
                    warn(format!("column `{}`: ids have decimal points", c.name));
                }
                if c.distinct == 1 {
                    warn(format!("column `{}`: there is only one {key}", c.name));
                }
            }
        }
    }
    if let Some(c) = seen.columns.iter().find(|c| c.role == Some(Role::Rating)) {
        if c.distinct == 1 && seen.rows > 1 {
            warn(format!("column `{}`: all ratings are equal", c.name));
        }
        if c.missing > 0 {
            warn(without(c, "rating"));
        }
    }
    if let Some(c) = seen.columns.iter().find(|c| c.role == Some(Role::Time) && c.missing > 0) {
        warn(without(c, "time"));
    }
    pairs.map(Pairs::of_nobody).unwrap_or_default().into_iter().for_each(&mut warn);
    if let Some(share) = seen.repeated_pairs.filter(|&share| share > 0.0) {
        warn(format!(
            "{:.1} % of the rows repeat a pair of user and item; one row of each pair is kept",
            100.0 * share
        ));
    }
    if let (Some(one @ 1..), Some(users @ 1..)) = (seen.users_with_one_row, seen.users) {
        let share = 100.0 * one as f64 / users as f64;
        let (users, have) = (counted(one, "user"), agreeing(one, "has", "have"));
        warn(format!("{users} ({share:.1} %) {have} a single row; with fewer than three, users only train"));
    }
    warnings
}
