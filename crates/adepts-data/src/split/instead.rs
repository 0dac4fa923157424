//! What to change where a split leaves a part empty: splits that work on the same log.

use super::{ByUser, FEWEST_TO_JUDGE, SplitError, cut};
use crate::config::SplitConfig;
use crate::interactions::Interactions;

/// Shares of validation and test, from those that are the defaults to larger ones.
const SHARES: [(f64, f64); 5] = [(0.1, 0.2), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.05, 0.05)];

/// The error, where it is about a part or users that are missing, with what works instead.
pub(super) fn with_instead(error: SplitError, log: &Interactions, config: &SplitConfig, seed: u64) -> SplitError {
    match error {
        SplitError::PartEmpty { kind, part, rows, users, .. } => {
            SplitError::PartEmpty { kind, part, rows, users, instead: instead(log, config, seed) }
        }
        SplitError::TooFewUsers { able, held_out, users, .. } => {
            SplitError::TooFewUsers { able, held_out, users, instead: instead(log, config, seed) }
        }
        other => other,
    }
}

fn instead(log: &Interactions, config: &SplitConfig, seed: u64) -> String {
    let same_kind = |other: &SplitConfig| std::mem::discriminant(other) == std::mem::discriminant(config);
    let (own, others): (Vec<SplitConfig>, Vec<SplitConfig>) = candidates(config).into_iter().partition(same_kind);
    let works = |candidates: Vec<SplitConfig>| candidates.into_iter().find(|split| cut(log, split, seed).is_ok());
    let found: Vec<String> = [works(own), works(others)].into_iter().flatten().map(|split| typed(&split)).collect();
    match &found[..] {
        [] => missing(log),
        [one] => format!("on this log {one} works (split)"),
        _ => format!("on this log {} work (split)", found.join(" and ")),
    }
}

/// Splits that may work, those with the settings that are usual first.
fn candidates(config: &SplitConfig) -> Vec<SplitConfig> {
    let (input, known) = match config {
        SplitConfig::Users { input, known, .. } => (*input, *known),
        _ => (0.8, 0.0),
    };
    let temporal = SHARES.map(|(validation, test)| SplitConfig::Temporal { validation, test });
    let users = SHARES.map(|(validation, test)| SplitConfig::Users { validation, test, input, known, seed: None });
    let by_user = [SplitConfig::default(), SplitConfig::LeaveLast { validation: 1, test: 1 }];
    by_user.into_iter().chain(temporal).chain(users).collect()
}

/// The options that ask for a split.
fn typed(split: &SplitConfig) -> String {
    let shares =
        |kind: &str, validation: f64, test: f64| format!("`--split {kind} --validation {validation} --test {test}");
    match split {
        SplitConfig::Random { validation, test, .. } => shares("random", *validation, *test) + "`",
        SplitConfig::LeaveLast { validation, test } => {
            format!("`--split leave-last --validation {validation} --test {test}`")
        }
        SplitConfig::Temporal { validation, test } => shares("temporal", *validation, *test) + "`",
        SplitConfig::Users { validation, test, input, known, .. } => {
            let input = if *input == 0.8 { String::new() } else { format!(" --input-share {input}") };
            let known = if *known == 0.0 { String::new() } else { format!(" --known-share {known}") };
            shares("users", *validation, *test) + &input + &known + "`"
        }
        SplitConfig::Column { .. } | SplitConfig::All {} => String::new(),
    }
}

/// What a log lacks on which no split works.
fn missing(log: &Interactions) -> String {
    let rows = ByUser::new(log);
    let most = (0..rows.users()).map(|user| rows.places(user).len()).max().unwrap_or(0);
    if rows.len() < FEWEST_TO_JUDGE {
        return "no split works on so few; give a log of more rows, or let the filters drop less (data.filter)"
            .to_owned();
    }
    let by_user = format!(
        "random, users and leave-last hold items out of users with at least {FEWEST_TO_JUDGE}, and the most that a user has \
         here is {most}: name the column of the users with `--user` (data.user) if it is another one, or let the \
         filters drop less (data.filter)"
    );
    if log.time.is_some() {
        return format!("{by_user}; temporal needs {FEWEST_TO_JUDGE} different times");
    }
    format!(
        "{by_user}; a log with times can be cut by `--time COLUMN --split temporal` (data.time, split.kind), one that says \
         where each row belongs by `--split-column COLUMN`"
    )
}
