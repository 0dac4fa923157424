//! Text with a delimiter, with or without a header: its columns and rows.
//!
//! Blanks around values are taken off. A line that repeats the header, as files that were put behind one another have it, is no
//! row.

use std::ops::ControlFlow;

use super::delimiter::{check_delimiter, default_delimiter};
use super::encoding::Foreign;
use super::files::SourceFile;
use super::input::Ticker;
use super::records::Splitter;
use super::{At, Cell, Flow, MOST_COLUMNS, Sink};
use crate::config::DataConfig;
use crate::error::DataError;
use crate::place::{Place, shortened};
use crate::words::counted;

/// How many rows are looked at for names of rows.
const LOOKED_AT: usize = 20;

/// How the values of a text file are told apart.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) delimiter: String,
    header: bool,
}

impl Layout {
    pub(super) fn new(data: &DataConfig, first: &SourceFile) -> Result<Self, DataError> {
        let delimiter = data.delimiter.clone().unwrap_or_else(|| default_delimiter(&first.suffix).to_owned());
        check_delimiter(&delimiter)?;
        Ok(Self { delimiter, header: data.header != Some(false) })
    }
}

/// The names of the columns: the header, or `1`, `2` … by the first row.
pub(super) fn columns(file: &SourceFile, layout: &Layout) -> Result<Vec<String>, DataError> {
    let mut splitter = Splitter::open(file, &layout.delimiter)?;
    if !splitter.advance()? {
        return Err(DataError::EmptyFile { path: file.path.clone() });
    }
    if splitter.width() > MOST_COLUMNS {
        return Err(DataError::TooManyColumns { path: file.path.clone(), limit: MOST_COLUMNS });
    }
    if let Some(error) = splitter.broken() {
        return Err(error);
    }
    if !layout.header {
        return Ok((1..=splitter.width()).map(|n| n.to_string()).collect());
    }
    let mut names = (0..splitter.width())
        .map(|i| {
            let name = splitter.value(i).map_err(|wrong| wrong.error(splitter.place()))?;
            Ok(name.to_owned())
        })
        .collect::<Result<Vec<_>, DataError>>()?;
    if has_names_of_rows(&mut splitter, names.len())? {
        names.insert(0, String::new());
    }
    Ok(names)
}

/// Whether each row begins with a name that the header has no column for, as R writes tables: all rows have one value more,
/// and their first values differ.
fn has_names_of_rows(splitter: &mut Splitter, columns: usize) -> Result<bool, DataError> {
    let mut names = Vec::new();
    while names.len() < LOOKED_AT && splitter.advance()? {
        if splitter.broken().is_some()
            || splitter.width() != columns + 1
            || splitter.raw(columns).trim_ascii().is_empty()
        {
            return Ok(false);
        }
        let name = splitter.raw(0).to_vec();
        if names.contains(&name) {
            return Ok(false);
        }
        names.push(name);
    }
    // One row with a value too many is a bad row.
    Ok(names.len() > 1 && splitter.may_name_rows())
}

pub(super) fn read(
    file: &SourceFile,
    layout: &Layout,
    columns: &[String],
    wanted: &[usize],
    sink: &mut dyn Sink,
    ticker: &mut Ticker,
) -> Flow {
    let mut splitter = Splitter::open(file, &layout.delimiter)?;
    splitter.expect(columns.len(), layout.header && columns.last().is_some_and(String::is_empty));
    if layout.header {
        splitter.advance()?;
    }
    let mut cells = Vec::with_capacity(wanted.len());
    while splitter.advance()? {
        let mut row = recycled(cells);
        let flow = match cut(&splitter, layout, columns, wanted, &mut row) {
            Ok(()) => sink.row(At { path: &file.path, unit: "line", number: splitter.line() }, &row)?,
            Err(error) => sink.malformed(error)?,
        };
        if flow.is_break() {
            return Ok(flow);
        }
        cells = recycled(row);
        ticker.row(&splitter.bytes);
    }
    Ok(ControlFlow::Continue(()))
}

/// The wanted values of the current record, or what is wrong with it.
#[inline]
fn cut<'r>(
    splitter: &'r Splitter,
    layout: &Layout,
    columns: &[String],
    wanted: &[usize],
    row: &mut Vec<Cell<'r>>,
) -> Result<(), DataError> {
    if let Some(error) = splitter.broken() {
        return Err(error);
    }
    if !splitter.fits() {
        let reason = format!(
            "found {}, expected {} separated by `{}`",
            counted(splitter.width(), "value"),
            columns.len(),
            layout.delimiter.escape_default()
        );
        return Err(DataError::MalformedRow { place: splitter.place(), reason });
    }
    if layout.header && is_header(splitter, columns) {
        let reason = "the header is repeated here, as in concatenated files; remove it, or skip it with `--bad-rows skip` (data.bad_rows)";
        return Err(DataError::MalformedRow { place: splitter.place(), reason: reason.to_owned() });
    }
    for &i in wanted {
        if i >= splitter.width() {
            row.push(Cell::Missing);
            continue;
        }
        match splitter.value(i) {
            Ok("") => row.push(Cell::Missing),
            Ok(value) => row.push(Cell::Raw(value)),
            Err(wrong) => return Err(wrong.in_column(splitter.place(), &columns[i])),
        }
    }
    Ok(())
}

#[inline]
fn is_header(splitter: &Splitter, columns: &[String]) -> bool {
    let is = |i: usize| splitter.raw(i).trim_ascii() == columns[i].as_bytes();
    // The names of rows have no name themselves.
    let unnamed = usize::from(columns[0].is_empty());
    let columns = columns.len().min(splitter.width());
    unnamed < columns && is(columns - 1) && (unnamed..columns).all(is)
}

/// The same allocation, empty, for cells that borrow from elsewhere.
fn recycled<'b>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'b>> {
    cells.clear();
    cells.into_iter().map(|_| Cell::Missing).collect()
}

/// Text that is not in UTF-8, or was broken in UTF-16.
pub(crate) struct NotUtf8 {
    /// It, made readable.
    pub(crate) shown: String,
    wrong: Wrong,
}

/// What is wrong first, and where, from 1.
enum Wrong {
    Byte { byte: u8, number: usize },
    HalfCharacter { number: usize },
}

impl NotUtf8 {
    /// `bytes` of a file as text, or what is wrong with them.
    pub(super) fn check<'a>(bytes: &'a [u8], file: &SourceFile) -> Result<&'a str, Self> {
        std::str::from_utf8(bytes).map_err(|e| {
            let (shown, at) = (String::from_utf8_lossy(bytes).into_owned(), e.valid_up_to());
            let wrong = if matches!(file.decoding, Some(Foreign::Utf16 { .. })) {
                Wrong::HalfCharacter { number: String::from_utf8_lossy(&bytes[..at]).chars().count() + 1 }
            } else {
                Wrong::Byte { byte: bytes[at], number: at + 1 }
            };
            Self { shown, wrong }
        })
    }

    pub(super) fn error(&self, place: Place) -> DataError {
        DataError::MalformedRow { place, reason: self.reason() }
    }

    fn in_column(&self, place: Place, column: &str) -> DataError {
        DataError::MalformedRow { place, reason: format!("column `{}`: {}", shortened(column), self.reason()) }
    }

    fn reason(&self) -> String {
        let shown = shortened(&self.shown);
        match self.wrong {
            Wrong::Byte { byte, number } => format!(
                "byte {number} of `{shown}` is {byte:#04x}, which is not UTF-8; if the text is in Latin-1 or Windows-1252, say \
                 so with `--encoding latin1` or `--encoding windows-1252` (data.encoding)"
            ),
            Wrong::HalfCharacter { number } => format!(
                "character {number} of `{shown}` is broken UTF-16: half of a surrogate pair, or a single byte at the end of the \
                 file; if the text is not in UTF-16, say what it is in with `--encoding` (data.encoding)"
            ),
        }
    }
}

/// A file without a name, for tests.
#[cfg(test)]
pub(super) fn nameless() -> SourceFile {
    SourceFile {
        path: "text.csv".into(),
        format: super::FileFormat::Csv,
        compression: super::Compression::None,
        suffix: "csv".to_owned(),
        bytes: 0,
        partitions: Vec::new(),
        decoding: None,
        stored: None,
    }
}
