//! Why events cannot be kept or read.

use std::path::PathBuf;

use super::{FIRST_TIME, LAST_TIME, LONGEST_ID};

/// Why events cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The folder of the state cannot be made.
    #[error("cannot create the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Nothing was ever kept there.
    #[error("{} holds no events: it has no {}; expected the folder that `adepts serve … --state` was given", folder.display(), super::schema::FILE)]
    NoState {
        /// The folder.
        folder: PathBuf,
    },
    /// A file that is no store of events, or a damaged one.
    #[error("{} is no store of events: {found}", path.display())]
    NotEvents {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The store was made by a later version.
    #[error("{} has format {found}, this version of adepts reads up to {known}; use a newer adepts", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// The store does not take or give.
    #[error("cannot {action} {}: {source}", path.display())]
    Store {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The store's answer.
        source: rusqlite::Error,
    },
    /// The thread that writes cannot be started.
    #[error("cannot start the thread that keeps events: {0}")]
    Thread(std::io::Error),
    /// What was read cannot be written out.
    #[error("cannot write the events: {0}")]
    Write(std::io::Error),
    /// An id that is not kept.
    #[error("event {index} has {found} as its `{field}`, expected 1 to {LONGEST_ID} bytes without control characters")]
    BadId {
        /// Its place in the delivery, from 0.
        index: usize,
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
    },
    /// A time that no calendar has.
    #[error(
        "event {index} has the time {time}, expected whole seconds since 1970 from {FIRST_TIME} to {LAST_TIME} (1677-09-21 to \
         2262-04-11); milli-, micro- and nanoseconds are to be divided"
    )]
    BadTime {
        /// Its place in the delivery, from 0.
        index: usize,
        /// The time.
        time: i64,
    },
}
