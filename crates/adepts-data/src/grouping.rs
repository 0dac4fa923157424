//! Groups of users: who is compared with whom.

use serde::{Deserialize, Serialize};

/// How users are put into groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum GroupBy {
    /// Equal parts by mainstream score, ascending: the first is the niche.
    Mainstream {
        /// Number of groups.
        #[serde(default = "five")]
        parts: usize,
    },
    /// Equal parts by length of the training history, ascending.
    Activity {
        /// Number of groups.
        #[serde(default = "five")]
        parts: usize,
    },
    /// Equal parts by mainstream score within each decile of activity, so that a group is not just short histories.
    MainstreamWithinActivity {
        /// Number of groups.
        #[serde(default = "five")]
        parts: usize,
    },
    /// The values of a column of the user's own, constant for each user.
    Column {
        /// The name of the column.
        column: String,
    },
}

fn five() -> usize {
    5
}

/// A partition of the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// What it is by: `mainstream`, `activity`, `mainstream_within_activity` or the name of a column.
    pub by: String,
    /// The names of the groups in order. Groups by mainstream score are named plainly (`low`, `med-low`,
    /// `medium`, `med-high`, `high`, or `1/4` … for another number of parts); those of other kinds carry a
    /// prefix (`activity:low`, `within-activity:low`, `community:jazz`), so that names are unique in a report.
    pub names: Vec<String>,
    /// The group of each user; `None` for a user without training history or without a value.
    pub of_user: Vec<Option<u16>>,
}
