//! Raw logs as a stream of rows: which files there are, which columns they have, and the values of the wanted ones.
//!
//! A [`Source`] is found and its columns known before a row is read; [`Source::read`] then hands each row to a
//! [`Sink`] as a slice of [`Cell`]s, one per wanted column, borrowed from the reader's buffers. Nothing is kept here.

mod cell;
mod files;
mod json;
mod jsonl;
mod names;
mod parquet;
mod text;
mod values;

use std::ops::ControlFlow;
use std::path::Path;

pub use cell::{Cell, Number};
pub use files::{Compression, FileFormat, SourceFile, find as find_files};
pub(crate) use files::{Ticker, open_text, read_error};
pub use names::Role;
pub(crate) use names::{nearest, usual};
pub(crate) use parquet::{
    Batches, columns_of as parquet_columns, open as parquet_builder, open_bytes as parquet_of_bytes,
};
pub(crate) use text::{Splitter, check_delimiter, default_delimiter};

use crate::config::{Column, DataConfig};
use crate::error::DataError;
use crate::place::Place;
use crate::progress::Progress;

/// The column that is usually called by a name for this role, if there is one.
#[must_use]
pub fn usual_column(role: Role, columns: &[String]) -> Option<usize> {
    usual(role, columns)
}

/// Where a row stands, without owning the name of the file.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The file.
    pub path: &'a Path,
    /// `line` or `row`.
    pub unit: &'static str,
    /// Its number, from 1.
    pub number: u64,
}

impl At<'_> {
    /// The same, to keep.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { path: self.path.to_path_buf(), unit: self.unit, number: self.number }
    }
}

/// Whether a sink wants more rows.
pub type Flow = Result<ControlFlow<()>, DataError>;

/// Takes the rows of a source.
pub trait Sink {
    /// Takes a row: a cell for each wanted column, in the order in which they were wanted.
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow;

    /// Takes what is no row of its format; `error` says where and why.
    fn malformed(&mut self, error: DataError) -> Flow;
}

/// The files of a log and their columns.
#[derive(Clone, Debug)]
pub struct Source {
    origin: String,
    files: Vec<SourceFile>,
    columns: Vec<String>,
    text: text::Layout,
}

impl Source {
    /// Finds the files and reads the names of the columns of the first; without a header they are `1`, `2` … A delimiter
    /// that is left open goes by the name of the file, and a header is expected unless it is denied.
    ///
    /// # Errors
    /// If there is no file, or the first cannot be read or has two columns of one name.
    pub fn open(data: &DataConfig) -> Result<Self, DataError> {
        let files = find_files(&data.source, data.format)?;
        let text = text::Layout::new(data, &files[0])?;
        let columns = columns_of(&files[0], &text)?;
        Ok(Self { origin: data.source.clone(), files, columns, text })
    }

    /// As [`Source::open`], with format, delimiter and header by the names of the files and their first lines. Where a column
    /// is given by name, there is a header. What stands `within` a value is not taken for the delimiter.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn guess(source: &str, columns: Vec<Column>, within: &str) -> Result<Self, DataError> {
        let mut data = DataConfig { source: source.to_owned(), groups: columns, ..DataConfig::default() };
        crate::layout::fill(&mut data)?;
        if data.delimiter.as_deref() == Some(within) {
            (data.delimiter, data.header) = (Some(",".to_owned()), None);
            crate::layout::fill(&mut data)?;
        }
        Self::open(&data)
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The files, in the order in which they are read.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// What stands between the values, if the files are text with a delimiter.
    #[must_use]
    pub fn delimiter(&self) -> Option<&str> {
        (self.files[0].format == FileFormat::Csv).then_some(self.text.delimiter.as_str())
    }

    /// The position of a column, from 0.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`] or [`DataError::NoSuchPosition`].
    pub fn find(&self, column: &Column) -> Result<usize, DataError> {
        let path = &self.files[0].path;
        match column {
            Column::Name(name) => position(path, &self.columns, name),
            Column::Position(n) if (1..=self.columns.len()).contains(n) => Ok(n - 1),
            Column::Position(position) => {
                Err(DataError::NoSuchPosition { path: path.clone(), position: *position, columns: self.columns.len() })
            }
        }
    }

    /// Reads all files and hands each row's values of the columns `wanted` (positions from 0, repetitions allowed)
    /// to `sink`, until it wants no more. Columns of further files are found by name, their order is free.
    ///
    /// # Errors
    /// What the sink returns, what is wrong with a file, and [`DataError::NoRows`] if there was nothing to hand over.
    ///
    /// # Panics
    /// If a wanted position is not a column.
    pub fn read(&self, wanted: &[usize], sink: &mut dyn Sink, progress: Progress) -> Result<(), DataError> {
        self.read_files(wanted, false, sink, progress)
    }

    /// As [`Source::read`], but lists of plain values (in Parquet and JSON) are handed over as [`Cell::List`], where
    /// [`Source::read`] refuses them.
    ///
    /// # Errors
    /// As [`Source::read`].
    ///
    /// # Panics
    /// If a wanted position is not a column.
    pub fn read_with_lists(&self, wanted: &[usize], sink: &mut dyn Sink, progress: Progress) -> Result<(), DataError> {
        self.read_files(wanted, true, sink, progress)
    }

    fn read_files(
        &self,
        wanted: &[usize],
        lists: bool,
        sink: &mut dyn Sink,
        progress: Progress,
    ) -> Result<(), DataError> {
        let mut seen = Seen { sink, any: false };
        let total = self.files.iter().map(|f| f.bytes).sum();
        let mut ticker = Ticker::new(progress, "read", total);
        for (i, file) in self.files.iter().enumerate() {
            let columns = if i == 0 { self.columns.clone() } else { columns_of(file, &self.text)? };
            let here: Vec<usize> = if file.format == FileFormat::Jsonl {
                wanted.to_vec()
            } else {
                wanted.iter().map(|&w| position(&file.path, &columns, &self.columns[w])).collect::<Result<_, _>>()?
            };
            let flow = match file.format {
                FileFormat::Csv => text::read(file, &self.text, columns.len(), &here, &mut seen, &mut ticker)?,
                FileFormat::Jsonl => jsonl::read(file, &self.columns, &here, lists, &mut seen, &mut ticker)?,
                FileFormat::Parquet => parquet::read(file, &here, lists, &mut seen, &mut ticker)?,
            };
            if flow.is_break() {
                return Ok(());
            }
            ticker.finish_file(file.bytes);
        }
        if seen.any { Ok(()) } else { Err(DataError::NoRows { origin: self.origin.clone() }) }
    }
}

/// Notes whether there was anything at all.
struct Seen<'a> {
    sink: &'a mut dyn Sink,
    any: bool,
}

impl Sink for Seen<'_> {
    #[inline]
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        self.any = true;
        self.sink.row(at, cells)
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        self.any = true;
        self.sink.malformed(error)
    }
}

fn columns_of(file: &SourceFile, text: &text::Layout) -> Result<Vec<String>, DataError> {
    let columns = match file.format {
        FileFormat::Csv => text::columns(file, text)?,
        FileFormat::Jsonl => jsonl::columns(file)?,
        FileFormat::Parquet => parquet::columns(file)?,
    };
    for (second, name) in columns.iter().enumerate() {
        if let Some(first) = columns[..second].iter().position(|c| c == name && !name.is_empty()) {
            let (path, column) = (file.path.clone(), name.clone());
            return Err(DataError::DuplicateColumn { path, column, first: first + 1, second: second + 1 });
        }
    }
    Ok(columns)
}

fn position(path: &Path, columns: &[String], name: &str) -> Result<usize, DataError> {
    columns.iter().position(|c| c == name).ok_or_else(|| DataError::UnknownColumn {
        path: path.to_path_buf(),
        column: name.to_owned(),
        hint: nearest(name, columns),
        columns: columns.to_vec(),
    })
}
