//! What can go wrong in a batch.

use std::path::PathBuf;

use adepts_data::DataError;

use crate::error::AnswerError;

/// What can go wrong in a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The table of users or histories.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What was asked for all rows.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The table has neither users nor histories.
    #[error(
        "{table}: which column holds the users (--user-column) or the histories (--history-column)? There are {}",
        columns.join(", ")
    )]
    NoColumn {
        /// The table.
        table: String,
        /// Its columns.
        columns: Vec<String>,
    },
    /// No row of the table can be read.
    #[error("{table}: {} be read; the first: {first}", if *rows == 1 { "its only row cannot".to_owned() } else { format!("none of the {rows} rows can") })]
    AllBad {
        /// The table.
        table: String,
        /// Its rows.
        rows: u64,
        /// The first of them, as a message.
        first: String,
    },
    /// The name of the output says no format.
    #[error("{}: expected a name that ends with .parquet, .csv or .jsonl", path.display())]
    Format {
        /// The output.
        path: PathBuf,
    },
    /// Explanations do not fit in a table.
    #[error("{}: explanations are written to .jsonl only", path.display())]
    Explained {
        /// The output.
        path: PathBuf,
    },
    /// There is something already.
    #[error("{} exists; name another file with --out, or --overwrite", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// A batch that was stopped is there already.
    #[error(
        "{} holds what was written before the work was stopped; continue it with --resume, or start again with --overwrite",
        path.display()
    )]
    Begun {
        /// The folder of its parts.
        path: PathBuf,
    },
    /// A batch that was stopped was about something else.
    #[error("{} was begun with {what}; --overwrite starts again", path.display())]
    Other {
        /// The folder of its parts.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The lists can no longer be written.
    #[error("the lists can no longer be written")]
    Stopped,
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}
