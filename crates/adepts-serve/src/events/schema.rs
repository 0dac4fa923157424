//! The file of the events, and who opens it how.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::EventsError;

/// The file in the folder of the state.
pub(crate) const FILE: &str = "events.sqlite";

/// The newest format of the file.
const FORMAT: i64 = 1;

/// Marks the file as ours: `adpt`.
const MARK: i64 = 0x6164_7074;

/// How long a connection waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        user TEXT NOT NULL,
        item TEXT NOT NULL,
        time INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX events_of_user ON events (user, seq);
";

/// By this index the latest events of a user are found. Stores of earlier versions get it when they are opened for writing;
/// those versions go on reading and writing them.
const BY_TIME: &str = "CREATE INDEX IF NOT EXISTS events_by_time ON events (user, time, seq)";

/// Wraps what the store says.
pub(super) fn store(action: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> EventsError {
    move |source| EventsError::Store { action, path: path.to_owned(), source }
}

/// Opens the store of a folder for writing; makes it where there is none.
pub(super) fn create(folder: &Path) -> Result<(PathBuf, Connection), EventsError> {
    std::fs::create_dir_all(folder).map_err(|source| EventsError::Folder { path: folder.to_owned(), source })?;
    let path = folder.join(FILE);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags).map_err(store("open", &path))?;
    prepare(&connection, &path)?;
    if state(&connection, &path)? == State::New {
        let mut make = || -> rusqlite::Result<()> {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            // Another process may have made them in the meantime.
            let made: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if made == 0 {
                transaction.execute_batch(TABLES)?;
                transaction.pragma_update(None, "application_id", MARK)?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
            }
            transaction.commit()
        };
        make().map_err(store("create", &path))?;
    }
    connection.execute_batch(BY_TIME).map_err(store("create", &path))?;
    Ok((path, connection))
}

/// Opens the store of a folder that has one, for reading.
pub(super) fn open(folder: &Path) -> Result<(PathBuf, Connection), EventsError> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Err(EventsError::NoState { folder: folder.to_owned() });
    }
    // A log that a killed writer left behind is taken in by whoever opens the file next, who must be able to write for it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(store("open", &path))?;
    prepare(&connection, &path)?;
    match state(&connection, &path)? {
        State::New => Err(EventsError::NoState { folder: folder.to_owned() }),
        State::Ours => Ok((path, connection)),
    }
}

/// Sets what holds for a connection: commits are on disk when they return, readers and the writer do not wait for each other.
fn prepare(connection: &Connection, path: &Path) -> Result<(), EventsError> {
    let set = || -> rusqlite::Result<()> {
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Where the system only hands a sync on to the drive, this asks the drive as well.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "trusted_schema", false)
    };
    set().map_err(|source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            EventsError::NotEvents { path: path.to_owned(), found: source.to_string() }
        }
        _ => store("open", path)(source),
    })
}

#[derive(PartialEq)]
enum State {
    New,
    Ours,
}

fn state(connection: &Connection, path: &Path) -> Result<State, EventsError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<(i64, i64, i64)> {
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((tables, number("application_id")?, number("user_version")?))
    };
    match read().map_err(store("read", path))? {
        (0, 0, 0) => Ok(State::New),
        (_, MARK, FORMAT) => Ok(State::Ours),
        (_, MARK, found) if found > FORMAT => Err(EventsError::Newer { path: path.to_owned(), found, known: FORMAT }),
        (_, MARK, found) => Err(EventsError::NotEvents { path: path.to_owned(), found: format!("format {found}") }),
        _ => Err(EventsError::NotEvents { path: path.to_owned(), found: "a database of another program".into() }),
    }
}
