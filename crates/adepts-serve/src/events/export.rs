//! The events as a log, from which the next model can be trained.

use std::io::Write;
use std::path::Path;

use rusqlite::params;

use super::EventsError;
use super::schema::{self, store};

/// Rows that are read at a time; between them, whoever writes can tidy up.
const PAGE: i64 = 10_000;

/// Writes the events that the store in a folder holds now as CSV, in the order in which they came, with the columns `user`,
/// `item`, `time` (seconds since 1970) and `id`. A server may go on writing. Returns their number.
pub fn export(folder: &Path, out: impl Write) -> Result<u64, EventsError> {
    let (path, connection) = schema::open(folder)?;
    let failed = store("read", &path);
    let mut out = csv::Writer::from_writer(out);
    out.write_record(["user", "item", "time", "id"]).map_err(written)?;
    let last: i64 =
        connection.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0)).map_err(&failed)?;
    let (mut done, mut count) = (0, 0);
    let mut page = connection
        .prepare("SELECT seq, user, item, time, id FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?")
        .map_err(&failed)?;
    while done < last {
        let mut rows = page.query(params![done, last, PAGE]).map_err(&failed)?;
        let before = done;
        while let Some(row) = rows.next().map_err(&failed)? {
            let text = |column: usize| row.get::<_, String>(column).map_err(&failed);
            let time: i64 = row.get(3).map_err(&failed)?;
            out.write_record([text(1)?, text(2)?, time.to_string(), text(4)?]).map_err(written)?;
            done = row.get(0).map_err(&failed)?;
            count += 1;
        }
        if done == before {
            break;
        }
    }
    out.flush().map_err(EventsError::Write)?;
    Ok(count)
}

fn written(error: csv::Error) -> EventsError {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => EventsError::Write(source),
        kind => EventsError::Write(std::io::Error::other(format!("{kind:?}"))),
    }
}
