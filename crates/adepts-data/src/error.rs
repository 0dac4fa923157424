//! What can be wrong with a log or a prepared folder.

use std::path::{Path, PathBuf};

use crate::place::{Place, listed};
use crate::store::FolderError;

/// What can be wrong with a log or a prepared folder: always what, where, and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A split that cannot be made.
    #[error(transparent)]
    Split(#[from] crate::split::SplitError),
    /// Groups that cannot be made.
    #[error(transparent)]
    Group(#[from] crate::grouping::GroupError),
    /// Examples that cannot be prepared.
    #[error(transparent)]
    Examples(#[from] crate::examples::ExamplesError),
    /// A simulation that cannot be run.
    #[error(transparent)]
    Simulation(#[from] crate::simulate::SimulationError),
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

    /// Another process writes there.
    #[error(
        "{} is being written by {by}; wait until that has ended, or use another folder{}",
        path.display(),
        remove.as_ref().map(|file| format!("; if that process no longer runs, remove {}", file.display())).unwrap_or_default()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who writes: the process and its machine.
        by: String,
        /// On a file system without locks: the file that stands for one.
        remove: Option<PathBuf>,
    },

    /// A file where a folder is needed.
    #[error("{} is a file, not a folder", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },

    // --- finding and opening files ---
    /// The source is not there.
    #[error("there is no file or folder {}", path.display())]
    MissingFile {
        /// What was asked for.
        path: PathBuf,
    },
    /// A glob that matches no file.
    #[error("no file matches {pattern}")]
    NothingMatches {
        /// The glob.
        pattern: String,
    },
    /// A glob that cannot be understood.
    #[error("{pattern} is not a pattern of file names: {reason}")]
    BadPattern {
        /// The glob.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder without a single file of a known format.
    #[error("the folder {} holds no file ending in {expected}", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
        /// The suffixes that are known.
        expected: &'static str,
    },
    /// A file name that does not say what the format is.
    #[error("{}: the name does not say the format; set `--format` (data.format), or name it {expected}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The suffixes that are known.
        expected: &'static str,
    },
    /// A file of no bytes, or of nothing but blank lines.
    #[error("{} is empty", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A file that breaks off before its end.
    #[error("{} breaks off: it is not a complete {kind} file", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// `gzip`, `zstd`, `Parquet` …
        kind: &'static str,
    },
    /// A file whose bytes are not what its format demands.
    #[error("{} is not a sound {kind} file: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// `gzip`, `zstd`, `Parquet`, `text` …
        kind: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// An empty delimiter, or one that cannot delimit.
    #[error("`{delimiter}` cannot be a delimiter: {reason}")]
    BadDelimiter {
        /// As given.
        delimiter: String,
        /// Why not.
        reason: &'static str,
    },

    // --- columns ---
    /// Two columns of one name.
    #[error("{}: the column `{column}` stands twice in the header, at positions {first} and {second}", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
        /// Position of the first, from 1.
        first: usize,
        /// Position of the second, from 1.
        second: usize,
    },
    /// A name that no column has.
    #[error("{} has no column `{column}`{}; it has {}", path.display(), hint.as_ref().map(|h| format!(" (did you mean `{h}`?)")).unwrap_or_default(), listed(columns))]
    UnknownColumn {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        column: String,
        /// The nearest name there is, if one is near.
        hint: Option<String>,
        /// The names that there are.
        columns: Vec<String>,
    },
    /// A position that no column has.
    #[error("{} has no column {position}; it has {columns} columns, counted from 1", path.display())]
    NoSuchPosition {
        /// The file.
        path: PathBuf,
        /// The position that was asked for.
        position: usize,
        /// Number of columns.
        columns: usize,
    },
    /// No column has a usual name for something that is needed.
    #[error("{}: which column is the {role}? Set `--{role}` (data.{role}) to one of {}", path.display(), listed(columns))]
    NoColumnFor {
        /// The file.
        path: PathBuf,
        /// The key of `[data]`: `user`, `item`.
        role: &'static str,
        /// The names that there are.
        columns: Vec<String>,
    },
    /// A filter or split that needs a column which the configuration does not name.
    #[error("{what} needs the column of the {role}: set `--{role}` (data.{role})")]
    NeedsColumn {
        /// What needs it, such as ``the split `temporal` ``.
        what: String,
        /// The key of `[data]`: `rating`, `event`, `time`.
        role: &'static str,
    },
    /// A column of a type that holds no single values.
    #[error("{}: the column `{column}` is of type {found}; expected {expected}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What can be read.
        expected: &'static str,
    },

    // --- rows ---
    /// A row that is not a row of its format.
    #[error("{place}: {reason}")]
    MalformedRow {
        /// Where.
        place: Place,
        /// What was found and what was expected.
        reason: String,
    },
    /// A row without a value that is needed.
    #[error("{place}, column `{column}`: the value is missing; expected {expected}")]
    MissingValue {
        /// Where.
        place: Place,
        /// The column.
        column: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A value that cannot be understood.
    #[error("{place}, column `{column}`: found `{value}`, expected {expected}")]
    BadValue {
        /// Where.
        place: Place,
        /// The column.
        column: String,
        /// The value, shortened.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A group that is not constant for a user.
    #[error(
        "{}, column `{column}`: user `{user}` is `{second}` here and `{first}` in {}; a group must be constant for each \
         user, so give each user one value, or leave the column out of the groups",
        places[1], places[0]
    )]
    GroupNotConstant {
        /// Where the first value stands, and where the second.
        places: Box<[Place; 2]>,
        /// The column.
        column: String,
        /// The user's id.
        user: String,
        /// The value in an earlier row.
        first: String,
        /// The value here.
        second: String,
    },
    /// A column with too many values to be a group.
    #[error("the column `{column}` has more than {limit} values; a group has fewer")]
    TooManyGroups {
        /// The column.
        column: String,
        /// The most that are possible.
        limit: usize,
    },
    /// More than can be counted with 32 bits.
    #[error("the log has more than {limit} {what}")]
    TooMany {
        /// `rows`, `users`, `items`.
        what: &'static str,
        /// The most that are possible.
        limit: u64,
    },

    // --- filters ---
    /// A setting of the filter that cannot be meant.
    #[error("`--{}` (data.filter.{key}) is {value}; expected {expected}", key.replace('_', "-"))]
    BadFilter {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A source without a single row.
    #[error("{origin} has no rows")]
    NoRows {
        /// The source.
        origin: String,
    },
    /// A filter that leaves nothing.
    #[error("nothing is left: the step `{step}` dropped all {before} interactions that came to it")]
    EmptyResult {
        /// The step.
        step: String,
        /// Interactions before it.
        before: u64,
    },

    // --- prepared folders ---
    /// What can be wrong with a prepared folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl DataError {
    /// What it means that a file cannot be written.
    pub fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::io("write", path)
    }

    /// An error of the system, with what was tried on which file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source: crate::atomic::plain(source) }
    }
}
