//! Raw logs as a stream of rows: which files there are, which columns they have, and the values of the wanted ones.
//!
//! A [`Source`] is found and its columns known before a row is read; [`Source::read`] then hands each row to a
//! [`Sink`] as a slice of [`Cell`]s, one per wanted column, borrowed from the reader's buffers. Nothing is kept here.

mod cell;
mod delimiter;
mod encoding;
mod files;
mod frames;
mod input;
mod json;
mod jsonl;
mod kind;
mod names;
mod parquet;
mod partition;
mod quotes;
mod records;
mod stamp;
mod text;
mod values;
mod window;

use std::ops::ControlFlow;
use std::path::Path;

pub use cell::{Cell, Number};
pub(crate) use delimiter::{WHITESPACE, check_delimiter, default_delimiter};
pub(crate) use files::files_of;
pub use files::{Compression, FileFormat, SourceFile, find as find_files};
pub(crate) use input::Ticker;
pub use input::is_spent;
pub use names::Role;
pub(crate) use names::{nearest, usual};
pub(crate) use parquet::{
    Batches, columns_of as parquet_columns, open as parquet_builder, open_bytes as parquet_of_bytes,
};
pub(crate) use records::{Splitter, separator};
pub use stamp::Stamp;
pub(crate) use window::first_lines;

use partition::{From, Joined};

use crate::config::{Column, DataConfig, Encoding};
use crate::error::DataError;
use crate::place::Place;
use crate::progress::Progress;

/// The most columns that a file may have.
const MOST_COLUMNS: usize = 10_000;

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
    /// Those of the first file, then those that its folders hold, then keys that stand in later objects.
    columns: Vec<String>,
    text: text::Layout,
}

impl Source {
    /// Finds the files and reads the names of the columns of the first; without a header they are `1`, `2` … A delimiter
    /// that is left open goes by the name of the file, and a header is expected unless it is denied. JSON files are read
    /// whole for their keys where the first objects do not have a column that `data` names.
    ///
    /// # Errors
    /// If there is no file, or the first cannot be read.
    pub fn open(data: &DataConfig) -> Result<Self, DataError> {
        let files = files_of(data)?;
        let text = text::Layout::new(data, &files[0])?;
        let mut columns = columns_of(&files[0], &text)?;
        let partitions = files[0].partitions.iter().map(|(key, _)| key);
        let partitions: Vec<String> = partitions.filter(|key| !columns.contains(key)).cloned().collect();
        columns.extend(partitions);
        let source = Self { origin: data.source.clone(), files, columns, text };
        let single = [&data.user, &data.item, &data.rating, &data.event, &data.time];
        let mut named = single.into_iter().flatten().chain(&data.groups);
        let unknown = |column: &Column| matches!(column, Column::Name(name) if !source.columns.contains(name));
        if named.any(unknown) { source.with_all_keys() } else { Ok(source) }
    }

    /// The same with the keys of all objects of JSON files, where [`Source::open`] looks at the first ones; other files have
    /// all their columns already.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn with_all_keys(mut self) -> Result<Self, DataError> {
        for file in self.files.iter().filter(|file| file.format == FileFormat::Jsonl) {
            for key in jsonl::columns(file, true)? {
                if !self.columns.contains(&key) {
                    self.columns.push(key);
                }
            }
        }
        Ok(self)
    }

    /// As [`Source::open`], with delimiter and header by the first lines. Where a column is given by name, there is a header.
    /// What stands `within` a value is not taken for the delimiter.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn guess(source: &str, encoding: Encoding, columns: Vec<Column>, within: &str) -> Result<Self, DataError> {
        let mut data = DataConfig { source: source.to_owned(), encoding, groups: columns, ..DataConfig::default() };
        crate::layout::fill_but(&mut data, within)?;
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
            if self.read_file(i, wanted, lists, &mut seen, &mut ticker)?.is_break() {
                return Ok(());
            }
            ticker.finish_file(file.bytes);
        }
        if seen.any { Ok(()) } else { Err(DataError::NoRows { origin: self.origin.clone() }) }
    }

    fn read_file(&self, nth: usize, wanted: &[usize], lists: bool, sink: &mut dyn Sink, ticker: &mut Ticker) -> Flow {
        let file = &self.files[nth];
        let columns = match file.format {
            FileFormat::Jsonl => self.columns.clone(),
            _ => columns_of(file, &self.text)?,
        };
        let of_folder = |name: &str| file.partitions.iter().position(|(key, _)| key == name);
        // What stands in the file comes before what the folders hold.
        let (mut here, mut plan) = (Vec::new(), Vec::new());
        for &w in wanted {
            let name = &self.columns[w];
            let found = match file.format {
                FileFormat::Jsonl => Some(w),
                _ => same_column(&self.columns, w, &columns),
            };
            if let Some(at) = found {
                // A key may be there in some objects and not in others.
                let folder = of_folder(name).filter(|_| file.format == FileFormat::Jsonl);
                plan.push(folder.map_or(From::File(here.len()), |key| From::Either(here.len(), key)));
                here.push(at);
            } else if let Some(key) = of_folder(name) {
                plan.push(From::Folder(key));
            } else {
                return Err(self.unknown_in(file, &columns, name));
            }
        }
        let mut joined;
        let sink: &mut dyn Sink = if plan.iter().all(|from| matches!(from, From::File(_))) {
            sink
        } else {
            joined = Joined { sink, plan: &plan, values: &file.partitions };
            &mut joined
        };
        match file.format {
            FileFormat::Csv => text::read(file, &self.text, &columns, &here, sink, ticker),
            FileFormat::Jsonl => jsonl::read(file, &columns, &here, lists, sink, ticker),
            FileFormat::Parquet => parquet::read(file, &here, lists, sink, ticker),
        }
    }

    /// A further file lacks a column; it may be cut at another delimiter than the first one.
    fn unknown_in(&self, file: &SourceFile, columns: &[String], name: &str) -> DataError {
        let delimiter = match columns {
            [only] if file.format == FileFormat::Csv => {
                crate::layout::other_delimiter(file, &self.text.delimiter, only)
            }
            _ => None,
        };
        match delimiter {
            Some(found) => DataError::OtherDelimiter {
                path: file.path.clone(),
                found,
                expected: self.text.delimiter.clone(),
                first: self.files[0].path.clone(),
            },
            None => unknown(&file.path, columns, name),
        }
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
        FileFormat::Jsonl => jsonl::columns(file, false)?,
        FileFormat::Parquet => parquet::columns(file)?,
    };
    if columns.len() > MOST_COLUMNS {
        return Err(DataError::TooManyColumns { path: file.path.clone(), limit: MOST_COLUMNS });
    }
    Ok(columns)
}

/// The column of a further file that is the same as one of the first: of several with one name the same of them.
fn same_column(first: &[String], column: usize, columns: &[String]) -> Option<usize> {
    let name = &first[column];
    let before = first[..column].iter().filter(|other| *other == name).count();
    let mut same = columns.iter().enumerate().filter(|(_, other)| *other == name);
    same.nth(before).map(|(at, _)| at)
}

/// The position of the only column of a name.
fn position(path: &Path, columns: &[String], name: &str) -> Result<usize, DataError> {
    let mut named = columns.iter().enumerate().filter(|(_, column)| *column == name);
    let first = named.next().ok_or_else(|| unknown(path, columns, name))?.0;
    match named.next() {
        None => Ok(first),
        Some((second, _)) => Err(DataError::DuplicateColumn {
            path: path.to_path_buf(),
            column: name.to_owned(),
            first: first + 1,
            second: second + 1,
        }),
    }
}

fn unknown(path: &Path, columns: &[String], name: &str) -> DataError {
    DataError::UnknownColumn {
        path: path.to_path_buf(),
        column: name.to_owned(),
        hint: nearest(name, columns),
        columns: columns.to_vec(),
    }
}
