//! What can be wrong with a split.

use crate::config::FEWEST_TO_JUDGE;
use crate::words::counted;

/// A setting of the split as it is typed, and its key.
fn option(key: &str) -> String {
    let option = match key {
        "input" => "input-share",
        "known" => "known-share",
        key => key,
    };
    format!("`--{option}` (split.{key})")
}

/// What can be wrong with a split: what, where, and what was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A share is not between 0 and 1.
    #[error("split {kind}: the share {} is {value}, expected more than 0 and less than 1", option(share))]
    Share {
        /// The kind of split.
        kind: &'static str,
        /// Which share.
        share: &'static str,
        /// What it is.
        value: f64,
    },
    /// The shares leave nothing to train on.
    #[error(
        "split {kind}: validation {validation} and test {test} leave nothing to train on, expected a sum of `--validation` and `--test` below 1"
    )]
    SharesTooLarge {
        /// The kind of split.
        kind: &'static str,
        /// The share for validation.
        validation: f64,
        /// The share for test.
        test: f64,
    },
    /// A number of held-out items is zero.
    #[error("split {kind}: {} is {count}, expected at least 1 item per user", option(part))]
    Count {
        /// The kind of split.
        kind: &'static str,
        /// Which part.
        part: &'static str,
        /// What it is.
        count: usize,
    },
    /// A split by time of a log without times.
    #[error("split {kind}: the log has no times; set `--time` (data.time) to the column that holds them")]
    WithoutTimes {
        /// The kind of split.
        kind: &'static str,
    },
    /// A split by column of a log whose column was not read.
    #[error(
        "split column: the log has no column with the split, expected one that holds `train`, `validation` and `test`"
    )]
    WithoutColumn,
    /// Too few users for holding out whole users.
    #[error(
        "split users: {held_out} users would be held out, but there are {able} with at least {FEWEST_TO_JUDGE} \
         interactions, of {users} in all; expected that some users are left to learn from; {instead}"
    )]
    TooFewUsers {
        /// Users with enough interactions to be held out.
        able: usize,
        /// How many should be.
        held_out: usize,
        /// All users.
        users: usize,
        /// What to change.
        instead: String,
    },
    /// A split that holds nothing out, where something is to be chosen or judged by.
    #[error(
        "split all: nothing is held out, so nothing could be chosen or judged by; expected another kind of split, such as \
         random. A final model, which is trained on everything, is made of an evaluated run: `adepts finalize RUN --out DIR`"
    )]
    All,
    /// A part came out empty.
    #[error(
        "split {kind}: the {part} part is empty after cutting {} of {}, expected at least one interaction in each of train, \
         validation and test; {instead}",
        counted(*rows, "interaction"),
        counted(*users, "user")
    )]
    PartEmpty {
        /// The kind of split.
        kind: &'static str,
        /// Which part.
        part: &'static str,
        /// Interactions in the log.
        rows: usize,
        /// Users in the log.
        users: usize,
        /// What to change.
        instead: String,
    },
}
