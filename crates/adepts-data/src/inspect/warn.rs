//! What looks wrong with a log.

use super::Inspection;
use super::guess::Looks;
use crate::error::DataError;
use crate::place::shortened;
use crate::source::Role;

/// Times above this are in the year 5138 if they are seconds, and in 1973 or later if they are milliseconds.
const MILLISECONDS: f64 = 1e11;

pub(super) fn warnings(seen: &Inspection, looks: &Looks, unreadable: Option<&DataError>) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |text: String| warnings.push(text);
    if let Some(first) = &looks.header_like_data {
        warn(format!(
            "the first row looks like data, not like names: `{}`; `--no-header` (data.header = false) is proposed",
            shortened(first)
        ));
    }
    if let (bad @ 1.., Some(example)) = (seen.bad_rows, &seen.bad_example) {
        warn(format!("{bad} rows cannot be read; the first: {example}; `--bad-rows skip` (data.bad_rows) skips them"));
    }
    if let Some(error) = unreadable {
        warn(format!("the log cannot be prepared as it is: {error}"));
    }
    for (role, key) in [(Role::User, "user"), (Role::Item, "item")] {
        match seen.columns.iter().find(|c| c.role == Some(role)) {
            None => warn(format!("no column has a usual name for the {key}; set `--{key}` (data.{key})")),
            Some(c) => {
                if c.missing > 0 {
                    warn(format!("column `{}`: {} rows have no {key}", c.name, c.missing));
                }
                if c.leading_zeros > 0 {
                    warn(format!(
                        "column `{}`: {} ids have leading zeros; ids are kept as text",
                        c.name, c.leading_zeros
                    ));
                } else if c.odd_ones > 0 {
                    warn(format!(
                        "column `{}`: {} ids are no whole numbers among ids that are; ids are kept as text",
                        c.name, c.odd_ones
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
            warn(format!("column `{}`: {} rows have no rating", c.name, c.missing));
        }
    }
    if let Some(c) = seen.columns.iter().find(|c| c.role == Some(Role::Time)) {
        if c.least().is_some_and(|least| least > MILLISECONDS) {
            warn(format!(
                "column `{}`: the times look like milliseconds; they are used as they are, so bounds of the filter must be milliseconds too",
                c.name
            ));
        }
        if c.missing > 0 {
            warn(format!("column `{}`: {} rows have no time", c.name, c.missing));
        }
    }
    if let Some(share) = seen.repeated_pairs.filter(|&share| share > 0.0) {
        warn(format!(
            "{:.1} % of the rows repeat a pair of user and item; one row of each pair is kept",
            100.0 * share
        ));
    }
    if let (Some(one @ 1..), Some(users @ 1..)) = (seen.users_with_one_row, seen.users) {
        let share = 100.0 * one as f64 / users as f64;
        warn(format!("{one} users ({share:.1} %) have a single row; with fewer than three, users only train"));
    }
    warnings
}
