//! What looks wrong with a log.

use super::guess::Looks;
use super::summary::Pairs;
use super::{ColumnSummary, Inspection};
use crate::config::SplitConfig;
use crate::error::DataError;
use crate::interactions::Interactions;
use crate::place::shortened;
use crate::source::Role;
use crate::time;
use crate::words::{agreeing, counted};

/// Ids that stand for nobody as often as not.
const NOBODY: [&str; 10] = ["na", "n/a", "nan", "null", "none", "unknown", "anonymous", "guest", "0", "-1"];

/// What was decided of the log, and what could be.
pub(super) fn notes(seen: &Inspection, left: Option<&Interactions>) -> Vec<String> {
    let mut notes = Vec::new();
    let with_role = |role| seen.columns.iter().find(|c| c.role == Some(role));
    if let Some(c) = with_role(Role::Time) {
        let unit = c.time_unit.map_or(String::new(), |unit| time::note(&c.name, unit) + "; ");
        let times = left.and_then(|log| log.time.as_ref());
        if let Some((first, last)) = times.and_then(|times| times.iter().min().zip(times.iter().max())) {
            notes.push(format!("{unit}times are from {} to {}", time::shown(*first), time::shown(*last)));
        }
    } else {
        let dates = seen.columns.iter().filter(|c| c.role.is_none() && c.kind == "time");
        let recent = |c: &&ColumnSummary| c.role.is_none() && c.looks_recent();
        notes.extend(dates.chain(seen.columns.iter().filter(recent)).map(|c| {
            format!(
                "column `{0}` seems to hold times; if that is when each row happened, set `--time {0}` (data.time)",
                c.name
            )
        }));
    }
    match (with_role(Role::Rating), seen.min_rating) {
        (Some(c), Some(least)) => {
            let (all, kept) = seen.ratings.iter().fold((0, 0), |(all, kept), count| {
                (all + count.rows, kept + if count.rating >= least { count.rows } else { 0 })
            });
            notes.push(format!(
                "`--min-rating {least}` is proposed, so that a low `{}` does not count as liking; it keeps {:.1} % of the rows",
                c.name,
                100.0 * kept as f64 / (all as f64).max(1.0)
            ));
        }
        (Some(c), None) => notes.push(format!(
            "no least rating is proposed for `{}`, so a row counts whatever its rating; `--min-rating` sets one",
            c.name
        )),
        (None, _) => {}
    }
    if let Some(split) = &seen.split {
        notes.push(match split {
            SplitConfig::Temporal { .. } => "`--split temporal` is proposed, which tests on what happened last in the whole log; \
                                             `--split leave-last` would test on each user's last item"
                .to_owned(),
            _ => "`--split leave-last` is proposed, which tests on each user's last item: most users who would be tested by \
                  `--split temporal` have no earlier rows"
                .to_owned(),
        });
    }
    notes.extend(left.and_then(super::advice::core));
    notes
}

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
            "the first row looks like data, not like names: `{}`; `--no-header` (data.header = false) is proposed",
            shortened(first)
        ));
    }
    if let (bad @ 1.., Some(example)) = (seen.bad_rows, &seen.bad_example) {
        let bad = counted(bad, "row");
        warn(format!("{bad} cannot be read; the first: {example}; `--bad-rows skip` (data.bad_rows) skips such rows"));
    }
    if let Some(error) = unreadable {
        warn(format!("the log cannot be prepared as it is: {error}"));
    }
    for (role, key) in [(Role::User, "user"), (Role::Item, "item")] {
        match seen.columns.iter().find(|c| c.role == Some(role)) {
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
    if let Some((user, rows)) = pairs.and_then(Pairs::most) {
        let nobody =
            if NOBODY.contains(&user.to_lowercase().as_str()) { ", and the id looks like that of nobody" } else { "" };
        warn(format!(
            "the user `{user}` has {:.1} % of the rows ({rows}){nobody}; if it stands for many people or none, take these \
             rows out of the log",
            100.0 * rows as f64 / seen.looked_at.max(1) as f64
        ));
    }
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
