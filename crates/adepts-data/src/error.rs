//! What can be wrong with a log or a prepared folder.

mod folder;
mod group;
mod simulation;
mod split;
mod tabular;

use std::path::{Path, PathBuf};

use crate::place::{Place, listed, shortened};
pub use folder::FolderError;
pub use group::{GroupError, MOST_PARTS};
pub use simulation::SimulationError;
pub use split::SplitError;
pub use tabular::{SkippedReason, TabularError};

/// What can be wrong with a log or a prepared folder: always what, where, and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A split that cannot be made.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// Groups that cannot be made.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// Tabular data that cannot be prepared.
    #[error(transparent)]
    Tabular(#[from] TabularError),
    /// A simulation that cannot be run.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
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
    #[error("the folder {} holds no file ending in {expected}{}", path.display(), hint.as_deref().unwrap_or_default())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
        /// The suffixes that are known.
        expected: &'static str,
        /// Where such files are, if they are in folders below.
        hint: Option<String>,
    },
    /// A file of a kind that is not read.
    #[error("{} is {what}, which is not read; {instead}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it is, such as `a PNG image`.
        what: String,
        /// What to do.
        instead: &'static str,
    },
    /// A file that is of another format than is said.
    #[error(
        "{}: `--format {said}` (data.format) is set, but the file is {found}; leave the format out to detect it from the content",
        path.display()
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format that is said.
        said: &'static str,
        /// What the file is.
        found: String,
    },
    /// A line that is too long to be a row.
    #[error("{place} is longer than {} MiB, the most that a line may have; is this a log, with a row a line?", limit >> 20)]
    LongLine {
        /// Where.
        place: Place,
        /// The most, in bytes.
        limit: usize,
    },
    /// More columns than a log has.
    #[error("{} has more than {limit} columns, the most that are read", path.display())]
    TooManyColumns {
        /// The file.
        path: PathBuf,
        /// The most.
        limit: usize,
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

    /// A further file whose values stand apart otherwise than those of the first.
    #[error(
        "{}: the values are separated by `{}`, those of {} by `{}`; the files of a source need one delimiter",
        path.display(), found.escape_default(), first.display(), expected.escape_default()
    )]
    OtherDelimiter {
        /// The file.
        path: PathBuf,
        /// Its delimiter.
        found: String,
        /// That of the first file.
        expected: String,
        /// The first file.
        first: PathBuf,
    },

    // --- columns ---
    /// Two columns of one name, which is asked for.
    #[error(
        "{}: two columns are called `{column}`, at positions {first} and {second}; rename one of them, so that it is plain which is meant",
        path.display()
    )]
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
    #[error("{} has no column `{}`{}; it has {}", path.display(), shortened(column), hint.as_ref().map(|h| format!(" (did you mean `{}`?)", shortened(h))).unwrap_or_default(), listed(columns))]
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
    #[error(
        "{}: which column is the {role}? Set `--{role}` (data.{role}) to one of {}{}",
        path.display(),
        listed(columns),
        if *named { "; if these are values of a first row, add `--no-header` (data.header = false) and give the column's position from 1" } else { "" }
    )]
    NoColumnFor {
        /// The file.
        path: PathBuf,
        /// The key of `[data]`: `user`, `item`.
        role: &'static str,
        /// The names that there are.
        columns: Vec<String>,
        /// Whether they are those of the header of a text file.
        named: bool,
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
    /// Users and items in one column.
    #[error(
        "users and items are the same column `{column}`; set `--user` and `--item` (data.user, data.item) to different columns"
    )]
    SameColumn {
        /// The column.
        column: String,
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
    #[error(
        "nothing is left: the step `{step}` dropped {} that came to it{}",
        if *before == 1 { "the only interaction".to_owned() } else { format!("all {before} interactions") },
        instead.as_ref().map(|instead| format!("; {instead}")).unwrap_or_default()
    )]
    EmptyResult {
        /// The step.
        step: String,
        /// Interactions before it.
        before: u64,
        /// What to change.
        instead: Option<String>,
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
        move |source| Self::Io { action, path, source: plain(source) }
    }
}

/// The system's answer alone: errors about temporary files bring the names of these along, which nobody knows.
#[must_use]
pub fn plain(error: std::io::Error) -> std::io::Error {
    let told = error.to_string();
    match told.split_once(" at path \"") {
        Some((plain, _)) if error.get_ref().is_some() => std::io::Error::new(error.kind(), plain.to_owned()),
        _ => error,
    }
}
