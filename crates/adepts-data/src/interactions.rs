//! The log after reading and filtering: who used what, once per pair.

use crate::id::Vocabulary;

/// The log after reading and filtering, as columns of equal length; every user-item pair stands once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interactions {
    /// The users that are left; each has at least one row.
    pub users: Vocabulary,
    /// The items that are left; each has at least one row.
    pub items: Vocabulary,
    /// User index of each row.
    pub user: Vec<u32>,
    /// Item index of each row.
    pub item: Vec<u32>,
    /// Nanoseconds since 1970 of each row, if the log has times.
    pub time: Option<Vec<i64>>,
    /// The part of each row, if the split is in the log.
    pub part: Option<Vec<Part>>,
    /// Groups of the user's own.
    pub columns: Vec<UserColumn>,
}

/// A property of users, such as a known community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserColumn {
    /// The name of the column in the log.
    pub name: String,
    /// The distinct values, ascending.
    pub values: Vec<String>,
    /// For each user the index of the value; `None` where the log has none.
    pub of_user: Vec<Option<u16>>,
}

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose by.
    Validation,
    /// To judge by.
    Test,
}
