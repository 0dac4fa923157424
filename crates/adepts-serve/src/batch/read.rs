//! Whom a file asks about: a table with a user or a history in each row, streamed.

use std::io::Read as _;
use std::ops::ControlFlow;

use adepts_data::source::{At, Cell, Flow, Role, Sink, Source, usual_column};
use adepts_data::{BadRows, Column, DataError, Id, Progress};

use super::Skipped;
use super::error::BatchError;

/// What the column of histories is usually called.
const HISTORY: [&str; 3] = ["history", "histories", "items"];

/// A table of users or histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// A file, a glob or a folder of files (CSV, JSON lines, Parquet).
    pub source: String,
    /// The column of users; by default the one that is usually called so, or the only one.
    pub user: Option<String>,
    /// The column of histories; by default `history` or `items`.
    pub history: Option<String>,
    /// What stands between the ids of a history that is written as text.
    pub separator: String,
    /// What happens to rows that cannot be read.
    pub bad_rows: BadRows,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Its number among all rows of the table, from 1; rows that were skipped count.
    pub(super) number: u64,
    /// The user: who is asked about, or whose history this is.
    pub(super) user: Option<Id>,
    /// What he has used, if the table has histories.
    pub(super) history: Option<Vec<Id>>,
}

/// A table whose columns were found.
pub(super) struct Table {
    source: Source,
    user: Option<usize>,
    history: Option<usize>,
    separator: String,
    bad_rows: BadRows,
    origin: String,
}

impl Table {
    pub(super) fn open(file: &TableFile) -> Result<Self, BatchError> {
        let column = |name: &String| name.parse().map_or_else(|_| Column::Name(name.clone()), Column::Position);
        let given = [&file.user, &file.history].into_iter().flatten().map(column).collect();
        let source = Source::guess(&file.source, given, &file.separator)?;
        let find = |name: &Option<String>| name.as_ref().map(|name| source.find(&column(name))).transpose();
        let columns = source.columns();
        let history = match find(&file.history)? {
            None => HISTORY.iter().find_map(|name| columns.iter().position(|column| column.to_lowercase() == *name)),
            found => found,
        };
        let user = match find(&file.user)? {
            None if columns.len() == 1 && history.is_none() => Some(0),
            None => usual_column(Role::User, columns).filter(|user| Some(*user) != history),
            found => found,
        };
        if user.is_none() && history.is_none() {
            return Err(BatchError::NoColumn { table: file.source.clone(), columns: columns.to_vec() });
        }
        let TableFile { source: origin, separator, bad_rows, .. } = file.clone();
        Ok(Self { source, user, history, separator, bad_rows, origin })
    }

    /// Whether its rows have users.
    pub(super) fn users(&self) -> bool {
        self.user.is_some()
    }

    /// Whether its rows have histories.
    pub(super) fn histories(&self) -> bool {
        self.history.is_some()
    }

    /// What stands between the ids of a history.
    pub(super) fn separator(&self) -> &str {
        &self.separator
    }

    /// Hash over the content of its files.
    pub(super) fn hash(&self) -> Result<String, BatchError> {
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; 1 << 20];
        for file in self.source.files() {
            let failed = |source| BatchError::Io { action: "read", path: file.path.clone(), source };
            let mut bytes = std::fs::File::open(&file.path).map_err(failed)?;
            hasher.update(&file.bytes.to_le_bytes());
            loop {
                match bytes.read(&mut piece).map_err(failed)? {
                    0 => break,
                    read => hasher.update_rayon(&piece[..read]),
                };
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Hands over its rows but for the first `skip` that can be read, in order, until there are no more or one is refused. Gives
    /// those that could not be read, also of the first.
    pub(super) fn read(
        &self,
        skip: u64,
        each: &mut dyn FnMut(Row) -> Result<(), BatchError>,
        progress: Progress<'_>,
    ) -> Result<Skipped, BatchError> {
        let wanted: Vec<usize> = [self.user, self.history].into_iter().flatten().collect();
        let mut rows = Rows { table: self, skip, read: 0, skipped: Skipped::default(), each, failed: None };
        self.source.read_with_lists(&wanted, &mut rows, progress)?;
        if rows.read == 0 && !rows.skipped.is_empty() {
            let Skipped { rows, mut first } = rows.skipped;
            return Err(BatchError::AllBad { table: self.origin.clone(), rows, first: first.swap_remove(0) });
        }
        rows.failed.map_or(Ok(rows.skipped), Err)
    }
}

struct Rows<'a> {
    table: &'a Table,
    skip: u64,
    /// Rows that could be read.
    read: u64,
    skipped: Skipped,
    each: &'a mut dyn FnMut(Row) -> Result<(), BatchError>,
    failed: Option<BatchError>,
}

impl Sink for Rows<'_> {
    fn row(&mut self, _: At<'_>, cells: &[Cell<'_>]) -> Flow {
        self.read += 1;
        if self.read <= self.skip {
            return Ok(ControlFlow::Continue(()));
        }
        let Table { user, history, separator, .. } = self.table;
        let mut cells = cells.iter();
        let user = user.and_then(|_| id(cells.next()?));
        let history = history.and_then(|_| Some(ids(cells.next()?, separator)));
        match (self.each)(Row { number: self.read + self.skipped.rows, user, history }) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => {
                self.failed = Some(error);
                Ok(ControlFlow::Break(()))
            }
        }
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        if self.table.bad_rows == BadRows::Fail {
            return Err(error);
        }
        self.skipped.note(&error);
        Ok(ControlFlow::Continue(()))
    }
}

/// The id that a cell is; `None` where there is nothing.
fn id(cell: &Cell<'_>) -> Option<Id> {
    match cell {
        Cell::Int(id) => Some(Id::Int(*id)),
        Cell::Missing => None,
        cell => Some(Id::Text(cell.spelling().trim().into())).filter(|id| *id != Id::Text("".into())),
    }
}

/// The ids of a history: a list, or text. Where nothing stands the history is empty.
fn ids(cell: &Cell<'_>, separator: &str) -> Vec<Id> {
    match cell {
        Cell::Missing => Vec::new(),
        Cell::List(cells) => cells.iter().filter_map(id).collect(),
        Cell::Raw(text) | Cell::Text(text) => {
            let list = bracketed(text.trim());
            let (text, separator) = match list {
                Some(list) if list.contains(separator) => (list, separator),
                Some(list) => (list, if list.contains(',') { "," } else { " " }),
                None => (*text, separator),
            };
            let ids = text.split(separator).map(str::trim);
            let ids = ids.map(|id| if list.is_some() { unquoted(id) } else { id }).filter(|id| !id.is_empty());
            ids.map(|id| Id::Text(id.into())).collect()
        }
        cell => id(cell).into_iter().collect(),
    }
}

/// What stands between brackets, as programs write a list into a text: `[3, 5]`, `['a', 'b']`.
fn bracketed(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

/// An id without the quotes around it.
fn unquoted(id: &str) -> &str {
    let within = |quote: char| id.strip_prefix(quote).and_then(|id| id.strip_suffix(quote));
    within('\'').or_else(|| within('"')).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_were_written_as_text_are_read() {
        let of = |text: &str| ids(&Cell::Raw(text), "|").iter().map(ToString::to_string).collect::<Vec<_>>();
        for text in ["3|5", "[3, 5]", "[3 5]", "['3', '5']", "[\"3\",\"5\"]", "[3|5]", " 3 | 5 "] {
            assert_eq!(of(text), ["3", "5"], "{text}");
        }
        assert_eq!((of("[]").len(), of("").len(), of("[7]"), of("3 5")), (0, 0, vec!["7".into()], vec!["3 5".into()]));
    }
}
