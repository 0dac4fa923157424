//! Parquet, column by column through Arrow arrays.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::files::{Compression, SourceFile};
use super::input::{Ticker, open_text, read_error};
use super::{At, Cell, Flow, Sink};
use crate::error::DataError;

/// Rows that are decoded at a time.
const BATCH: usize = 16_384;

pub(super) fn columns(file: &SourceFile) -> Result<Vec<String>, DataError> {
    Ok(builder(file)?.schema().fields().iter().map(|f| f.name().clone()).collect())
}

pub(super) fn read(file: &SourceFile, wanted: &[usize], lists: bool, sink: &mut dyn Sink, ticker: &mut Ticker) -> Flow {
    let builder = builder(file)?;
    let schema = builder.schema().clone();
    let targets: Vec<DataType> = wanted
        .iter()
        .map(|&w| {
            let field = schema.field(w);
            let list = || if lists { list_target(field.data_type()) } else { None };
            target(field.data_type()).or_else(list).ok_or_else(|| DataError::ColumnType {
                path: file.path.clone(),
                column: field.name().clone(),
                found: field.data_type().to_string(),
                expected: if lists {
                    "numbers, text, truth values, times, or lists of numbers or of text"
                } else {
                    "numbers, text, truth values or times"
                },
            })
        })
        .collect::<Result<_, _>>()?;

    // The projection keeps the order of the file and each column once.
    let mut projected = wanted.to_vec();
    projected.sort_unstable();
    projected.dedup();
    let slots: Vec<usize> = wanted.iter().map(|w| projected.partition_point(|p| p < w)).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), projected);
    let rows = builder.metadata().file_metadata().num_rows().max(1) as u64;
    let mut batches = Batches::new(&file.path, builder.with_projection(mask).with_batch_size(BATCH))?;

    let mut number = 0;
    while let Some(batch) = batches.next()? {
        let columns: Vec<Values> = slots
            .iter()
            .zip(&targets)
            .map(|(&slot, to)| Values::new(batch.column(slot), to).map_err(|reason| corrupt(&file.path, reason)))
            .collect::<Result<_, _>>()?;
        let elements: Vec<Vec<Cell>> = columns.iter().map(Values::elements).collect();
        let mut cells = vec![Cell::Missing; columns.len()];
        for row in 0..batch.num_rows() {
            for ((cell, column), elements) in cells.iter_mut().zip(&columns).zip(&elements) {
                *cell = column.cell(row, elements);
            }
            number += 1;
            let flow = sink.row(At { path: &file.path, unit: "row", number }, &cells)?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        ticker.at((u128::from(file.bytes) * u128::from(number) / u128::from(rows)) as u64);
    }
    Ok(ControlFlow::Continue(()))
}

/// A column as one of four plain types, or as lists of one.
enum Values {
    Int(Int64Array),
    Float(Float64Array),
    Text(StringArray),
    Bool(BooleanArray),
    Lists(ListArray, Box<Values>),
}

impl Values {
    fn new(array: &ArrayRef, to: &DataType) -> Result<Self, String> {
        let plain = |array: &ArrayRef, to: &DataType| {
            let options = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, to, &options).map_err(|e| e.to_string())
        };
        Ok(match to {
            DataType::Float64 => Self::Float(plain(array, to)?.as_primitive::<Float64Type>().clone()),
            DataType::Utf8 => Self::Text(plain(array, to)?.as_string::<i32>().clone()),
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::List(item) => {
                let lists = plain(array, to)?.as_list::<i32>().clone();
                let values = Self::new(lists.values(), item.data_type())?;
                Self::Lists(lists, Box::new(values))
            }
            // Times by way of whole seconds.
            DataType::Timestamp(..) => {
                let seconds = plain(array, to)?;
                Self::Int(plain(&seconds, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
            _ => Self::Int(plain(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
        })
    }

    /// The values of all lists, one behind the other; nothing for single values.
    fn elements(&self) -> Vec<Cell<'_>> {
        match self {
            Self::Lists(lists, values) => (0..lists.values().len()).map(|i| values.cell(i, &[])).collect(),
            _ => Vec::new(),
        }
    }

    /// The value of a row; `elements` are those of all lists.
    #[inline]
    fn cell<'c>(&'c self, row: usize, elements: &'c [Cell<'c>]) -> Cell<'c> {
        match self {
            Self::Int(a) if a.is_valid(row) => Cell::Int(a.value(row)),
            Self::Float(a) if a.is_valid(row) => Cell::Float(a.value(row)),
            Self::Text(a) if a.is_valid(row) => Cell::Text(a.value(row)),
            Self::Bool(a) if a.is_valid(row) => Cell::Bool(a.value(row)),
            Self::Lists(a, _) if a.is_valid(row) => {
                let ends = a.value_offsets();
                Cell::List(&elements[ends[row] as usize..ends[row + 1] as usize])
            }
            _ => Cell::Missing,
        }
    }
}

/// The plain type that a type is read as; `None` for lists, structures and the like.
fn target(from: &DataType) -> Option<DataType> {
    Some(match from {
        t if t.is_integer() => DataType::Int64,
        t if t.is_floating() || t.is_decimal() => DataType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Boolean => DataType::Boolean,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Second, None),
        DataType::Dictionary(_, value) => return target(value).filter(|t| *t != DataType::Boolean),
        _ => return None,
    })
}

/// The type that lists are read as; `None` for what is no list, and for lists of anything but numbers and text.
fn list_target(from: &DataType) -> Option<DataType> {
    let (DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) = from else {
        return None;
    };
    let kind = target(item.data_type())?;
    let plain = matches!(kind, DataType::Int64 | DataType::Float64 | DataType::Utf8);
    plain.then(|| DataType::List(Arc::new(Field::new("item", kind, true))))
}

fn builder(file: &SourceFile) -> Result<ParquetRecordBatchReaderBuilder<File>, DataError> {
    let bytes = if file.compression == Compression::None {
        file.seekable().map_err(DataError::io("read", &file.path))?
    } else {
        unpacked(file)?
    };
    open(&file.path, bytes)
}

/// The content of a file that is compressed as a whole, in a nameless temporary file, because Parquet is read from
/// its end.
fn unpacked(file: &SourceFile) -> Result<File, DataError> {
    let mut unpacked = tempfile::tempfile().map_err(DataError::io("unpack", &file.path))?;
    let (mut packed, _) = open_text(file)?;
    std::io::copy(&mut packed, &mut unpacked).map_err(|e| read_error(file, e))?;
    Ok(unpacked)
}

/// The reader of a Parquet file, after its frame was checked: it begins and ends with `PAR1`.
pub(crate) fn open(path: &Path, mut bytes: File) -> Result<ParquetRecordBatchReaderBuilder<File>, DataError> {
    let failed = || DataError::io("read", path);
    let length = bytes.seek(SeekFrom::End(0)).map_err(failed())?;
    let mut ends = [[0; 4]; 2];
    if length >= 4 {
        for (end, from) in ends.iter_mut().zip([SeekFrom::Start(0), SeekFrom::End(-4)]) {
            bytes.seek(from).map_err(failed())?;
            bytes.read_exact(end).map_err(failed())?;
        }
    }
    check_frame(path, length, ends)?;
    bytes.rewind().map_err(failed())?;
    guarded(path, || ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| broken(path, &e)))
}

/// As [`open`], of a file in memory.
pub(crate) fn open_bytes(path: &Path, bytes: Bytes) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, DataError> {
    let ends = bytes.first_chunk().zip(bytes.last_chunk()).map_or([[0; 4]; 2], |(first, last)| [*first, *last]);
    check_frame(path, bytes.len() as u64, ends)?;
    guarded(path, || ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| broken(path, &e)))
}

/// Whether the first and the last four bytes are those of a Parquet file.
fn check_frame(path: &Path, length: u64, ends: [[u8; 4]; 2]) -> Result<(), DataError> {
    match ends.map(|end| &end == b"PAR1") {
        _ if length == 0 => Err(DataError::EmptyFile { path: path.to_path_buf() }),
        [true, true] if length >= 12 => Ok(()),
        [true, _] => Err(DataError::Truncated { path: path.to_path_buf(), kind: "Parquet" }),
        [false, _] => Err(corrupt(path, "it does not begin with `PAR1`".to_owned())),
    }
}

/// The batches of a Parquet file, in which damage is an error.
pub(crate) struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
}

impl Batches {
    pub(crate) fn new<T: ChunkReader + 'static>(
        path: &Path,
        builder: ParquetRecordBatchReaderBuilder<T>,
    ) -> Result<Self, DataError> {
        let reader = guarded(path, || builder.build().map_err(|e| broken(path, &e)))?;
        Ok(Self { path: path.to_path_buf(), reader })
    }

    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, DataError> {
        let Self { path, reader } = self;
        guarded(path, || reader.next().transpose().map_err(|e| corrupt(path, e.to_string())))
    }
}

/// The decoder panics on some damaged pages, for which it has no error; after one, it is not used again.
fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    std::panic::catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(corrupt(path, "a page is damaged".to_owned())))
}

fn broken(path: &Path, error: &ParquetError) -> DataError {
    match error {
        ParquetError::EOF(_) => DataError::Truncated { path: path.to_path_buf(), kind: "Parquet" },
        other => corrupt(path, other.to_string()),
    }
}

fn corrupt(path: &Path, reason: String) -> DataError {
    DataError::Corrupt { path: path.to_path_buf(), kind: "Parquet", reason }
}
