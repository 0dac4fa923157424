//! What can be wrong with a prepared folder.

use std::path::PathBuf;

/// What can be wrong with a prepared folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A folder that would have to be replaced, but is not a prepared folder.
    #[error("{} is there and is not a prepared folder of adepts: {reason}; it is left as it is", path.display())]
    WouldReplace {
        /// The folder.
        path: PathBuf,
        /// Why it does not count as one.
        reason: String,
    },
    /// A folder that is not a prepared folder.
    #[error("{} is not a prepared folder: it has no {missing}", path.display())]
    NotPrepared {
        /// The folder.
        path: PathBuf,
        /// The file that is missing.
        missing: &'static str,
    },
    /// A folder written by a later version.
    #[error("{} has format {found}; this version of adepts reads up to {known}", path.display())]
    NewerFormat {
        /// The manifest.
        path: PathBuf,
        /// The format that it has.
        found: u64,
        /// The latest that is known.
        known: u32,
    },
    /// A manifest that cannot be understood.
    #[error("{}: {reason}", path.display())]
    BadManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A file of a prepared folder with other columns than it must have.
    #[error("{}: found {found}, expected {expected}", path.display())]
    WrongSchema {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What it must have.
        expected: String,
    },
    /// A number of things that is not the number in the manifest.
    #[error("{}: {found} {what}, the manifest says {expected}", path.display())]
    CountMismatch {
        /// The file.
        path: PathBuf,
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there must be.
        expected: u64,
    },
    /// An index outside its range.
    #[error("{}, row {row}: {what} {index} is outside the {limit} {what}s", path.display())]
    IndexOutOfRange {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: u64,
        /// `user` or `item`.
        what: &'static str,
        /// The index.
        index: u64,
        /// How many there are.
        limit: u64,
    },
    /// Rows that are not in the order they must have, or stand twice.
    #[error("{}, row {row}: out of order; expected {expected}", path.display())]
    OutOfOrder {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: u64,
        /// The order.
        expected: &'static str,
    },
    /// Content that is not what was written.
    #[error("{}: the content has changed: its hash is {found}, the manifest says {expected}", path.display())]
    WrongHash {
        /// The folder.
        path: PathBuf,
        /// The hash of what is there.
        found: String,
        /// The hash of what was written.
        expected: String,
    },
    /// Settings that a prepared folder cannot follow any more.
    #[error("{} was prepared with another `{what}`; prepare it again from the log, or leave `{what}` out", path.display())]
    PreparedOtherwise {
        /// The folder.
        path: PathBuf,
        /// `filter`, `split`, or a column such as `user column`.
        what: &'static str,
    },
}
