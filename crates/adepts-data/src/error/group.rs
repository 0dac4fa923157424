//! What can be wrong with a request for groups.

/// The most groups by rank; more than this would be no groups any more.
pub const MOST_PARTS: usize = 100;

/// What can be wrong with a request for groups.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// A number of groups that cannot be.
    #[error("groups by {by}: `parts` is {parts}, expected 2 to {MOST_PARTS}")]
    Parts {
        /// What the groups are by.
        by: &'static str,
        /// What it is.
        parts: usize,
    },
    /// A column that the data set does not have.
    #[error("groups by column: there is no column `{column}`; {}", known(nearest.as_deref(), have))]
    UnknownColumn {
        /// What was asked for.
        column: String,
        /// The one with the nearest name.
        nearest: Option<String>,
        /// Those that there are.
        have: Vec<String>,
    },
}

fn known(nearest: Option<&str>, have: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? (there are: {})", have.join(", ")),
        None if have.is_empty() => {
            "the data set has no such columns; prepare it with `--group` (data.groups)".to_owned()
        }
        None => format!("there are: {}", have.join(", ")),
    }
}
