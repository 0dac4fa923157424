//! Whom a file asks about: a table with a user or a history in each row, streamed.

use std::io::Read as _;
use std::ops::ControlFlow;

use adepts_data::source::{At, Cell, Flow, Role, Sink, Source, usual_column};
use adepts_data::{BadRows, Column, DataError, Encoding, Id, Progress};

use super::Skipped;
use super::error::BatchError;

/// What the column of histories is usually called.
const HISTORY: [&str; 3] = ["history", "histories", "items"];

/// The most ids of a history.
const LONGEST_HISTORY: usize = 1 << 20;

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
    /// The encoding of text files.
    pub encoding: Encoding,
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
        let mut source = Source::guess(&file.source, file.encoding, given, &file.separator)?;
        let is_history = |column: &String| HISTORY.contains(&column.to_lowercase().as_str());
        if usual_column(Role::User, source.columns()).is_none() && !source.columns().iter().any(is_history) {
            source = source.with_all_keys()?;
        }
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

    /// The user and the history of a row.
    fn values(&self, at: At<'_>, cells: &[Cell<'_>]) -> Result<(Option<Id>, Option<Vec<Id>>), DataError> {
        let mut cells = cells.iter().copied();
        let mut user = None;
        if let Some(column) = self.user {
            user = Id::of_cell(cells.next().unwrap_or(Cell::Missing), at, &self.source.columns()[column])?;
        }
        let Some(column) = self.history else { return Ok((user, None)) };
        let id = |cell: Cell<'_>| Id::of_cell(cell, at, &self.source.columns()[column]);
        let history = ids(cells.next().unwrap_or(Cell::Missing), &self.separator, id)?;
        if history.len() > LONGEST_HISTORY {
            let reason = format!("the history has more than {LONGEST_HISTORY} ids");
            return Err(DataError::MalformedRow { place: at.place(), reason });
        }
        Ok((user, Some(history)))
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
            let mut bytes = file.open().map_err(failed)?;
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
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        let (user, history) = match self.table.values(at, cells) {
            Ok(values) => values,
            Err(error) => return self.malformed(error),
        };
        self.read += 1;
        if self.read <= self.skip {
            return Ok(ControlFlow::Continue(()));
        }
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

/// The ids of a history: a list, or text, which may be a list as programs print it, such as `[3, 5]` or `['a' 'b']`. Where
/// nothing stands the history is empty. No more are taken than a history may have, and one.
fn ids<E>(cell: Cell<'_>, separator: &str, id: impl Fn(Cell<'_>) -> Result<Option<Id>, E>) -> Result<Vec<Id>, E> {
    Ok(match cell {
        Cell::List(cells) => {
            let ids = cells.iter().filter_map(|cell| id(*cell).transpose());
            ids.take(LONGEST_HISTORY + 1).collect::<Result<_, _>>()?
        }
        Cell::Raw(text) | Cell::Text(text) => match printed(text.trim()) {
            Some(inner) if !inner.contains(separator) => {
                let pieces = if inner.contains(',') { inner.split(',').collect() } else { words(inner) };
                texts(pieces.into_iter().map(unquoted))
            }
            Some(inner) => texts(inner.split(separator).map(unquoted)),
            None => texts(text.split(separator)),
        },
        cell => id(cell)?.into_iter().collect(),
    })
}

fn texts<'t>(pieces: impl Iterator<Item = &'t str>) -> Vec<Id> {
    let ids = pieces.map(str::trim).filter(|id| !id.is_empty());
    ids.take(LONGEST_HISTORY + 1).map(|id| Id::Text(id.into())).collect()
}

/// What stands between the brackets of a printed list.
fn printed(text: &str) -> Option<&str> {
    let inner = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    inner('[', ']').or_else(|| inner('(', ')')).or_else(|| inner('{', '}'))
}

/// Words between blanks; what stands in quotes is one.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(first, '\'' | '"').then(|| rest[1..].find(first).map(|at| at + 2)).flatten();
        let end = quoted.or_else(|| rest.find(char::is_whitespace)).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    words
}

fn unquoted(piece: &str) -> &str {
    let piece = piece.trim();
    let inner = |quote| piece.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).unwrap_or(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_programs_print_are_histories() {
        let id = |cell: Cell<'_>| Ok::<_, ()>(Some(Id::Text(cell.spelling().into())));
        let texts = |text: &str| {
            let ids = ids(Cell::Raw(text), "|", id).unwrap();
            ids.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for text in
            ["3|5", " 3 | 5 ", "[3, 5]", "[3,5]", "[3 5]", "(3, 5)", "{3,5}", "['3', '5']", "[\"3\" \"5\"]", "[3|5]"]
        {
            assert_eq!(texts(text), ["3", "5"], "{text}");
        }
        assert_eq!(texts("['a b' 'c']"), ["a b", "c"]);
        assert_eq!(texts("[7]"), ["7"]);
        for text in ["", "[]", "[ ]", "()"] {
            assert!(texts(text).is_empty(), "{text}");
        }
        assert_eq!(texts("[a"), ["[a"]);
    }
}
