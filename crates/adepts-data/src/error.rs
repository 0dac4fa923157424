//! What can be wrong with a log or a prepared folder.

use std::path::PathBuf;

/// What can be wrong with a log or a prepared folder: always what, where, and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create` …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A share of a split is not between 0 and 1.
    #[error("split {kind}: the share `{share}` is {value}, expected more than 0 and less than 1")]
    SplitShare {
        /// The kind of split.
        kind: &'static str,
        /// Which share.
        share: &'static str,
        /// What it is.
        value: f64,
    },
    /// The shares of a split leave nothing to train on.
    #[error("split {kind}: validation {validation} and test {test} leave nothing to train on, expected a sum below 1")]
    SplitSharesTooLarge {
        /// The kind of split.
        kind: &'static str,
        /// The share for validation.
        validation: f64,
        /// The share for test.
        test: f64,
    },
    /// A number of held-out items is zero.
    #[error("split {kind}: `{part}` is {count}, expected at least 1 item per user")]
    SplitCount {
        /// The kind of split.
        kind: &'static str,
        /// Which part.
        part: &'static str,
        /// What it is.
        count: usize,
    },
    /// A split by time of a log without times.
    #[error("split {kind}: the log has no times; set `time` in [data] to the column that holds them")]
    SplitWithoutTimes {
        /// The kind of split.
        kind: &'static str,
    },
    /// A split by column of a log whose column was not read.
    #[error(
        "split column: the log has no column with the split, expected one that holds `train`, `validation` and `test`"
    )]
    SplitWithoutColumn,
    /// Too few users for holding out whole users.
    #[error(
        "split users: {held_out} users would be held out, but of those with at least {fewest} interactions there are \
         {able}; expected that some users are left to learn from"
    )]
    SplitTooFewUsers {
        /// Users who could be held out.
        able: usize,
        /// How many should be.
        held_out: usize,
        /// The fewest interactions of a user who can be held out.
        fewest: usize,
    },
    /// A part of a split came out empty.
    #[error(
        "split {kind}: the {part} part is empty after cutting {rows} interactions of {users} users, expected at least \
         one interaction in each of train, validation and test"
    )]
    SplitPartEmpty {
        /// The kind of split.
        kind: &'static str,
        /// Which part.
        part: &'static str,
        /// Interactions in the log.
        rows: usize,
        /// Users in the log.
        users: usize,
    },
    /// A number of groups that cannot be.
    #[error("groups by {by}: `parts` is {parts}, expected 2 to {most}")]
    GroupParts {
        /// What the groups are by.
        by: &'static str,
        /// What it is.
        parts: usize,
        /// The most there can be.
        most: usize,
    },
    /// Groups by a column that the data set does not have.
    #[error("groups by column: there is no column `{column}`; {}", known(nearest.as_deref(), have))]
    UnknownGroupColumn {
        /// What was asked for.
        column: String,
        /// The one with the nearest name.
        nearest: Option<String>,
        /// Those that there are.
        have: Vec<String>,
    },
    /// A field of a simulation that cannot be.
    #[error("simulate: `{field}` is {value}, expected {expected}")]
    Simulation {
        /// The field.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it should be.
        expected: String,
    },
}

fn known(nearest: Option<&str>, have: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? (there are: {})", have.join(", ")),
        None if have.is_empty() => "the data set has no such columns; name them in `groups` of [data]".to_owned(),
        None => format!("there are: {}", have.join(", ")),
    }
}
