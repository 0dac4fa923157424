//! Parquet, column by column through Arrow arrays.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::LogicalType;
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::files::{Compression, SourceFile};
use super::input::{Ticker, open_text, read_error};
use super::values::{Kind, Values};
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
    let uuid = |w: usize| {
        let leaf = &builder.parquet_schema().root_schema().get_fields()[w];
        matches!(leaf.get_basic_info().logical_type_ref(), Some(LogicalType::Uuid))
    };
    let kinds: Vec<Kind> = wanted
        .iter()
        .map(|&w| {
            let field = schema.field(w);
            let list = || if lists { Kind::list(field.data_type()) } else { None };
            Kind::single(field.data_type(), uuid(w)).or_else(list).ok_or_else(|| DataError::ColumnType {
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
            .zip(&kinds)
            .map(|(&slot, kind)| Values::new(batch.column(slot), kind).map_err(|reason| corrupt(&file.path, reason)))
            .collect::<Result<_, _>>()?;
        let elements: Vec<Vec<Cell>> = columns.iter().map(Values::elements).collect();
        let mut cells = vec![Cell::Missing; columns.len()];
        let any_bad = columns.iter().any(Values::any_bad);
        for row in 0..batch.num_rows() {
            for ((cell, column), elements) in cells.iter_mut().zip(&columns).zip(&elements) {
                *cell = column.cell(row, elements);
            }
            number += 1;
            let at = At { path: &file.path, unit: "row", number };
            let bad = if any_bad { columns.iter().position(|column| column.is_bad(row)) } else { None };
            let flow = match bad {
                None => sink.row(at, &cells)?,
                Some(column) => sink.malformed(DataError::BadValue {
                    place: at.place(),
                    column: schema.field(wanted[column]).name().clone(),
                    value: "bytes that are no UTF-8 text".to_owned(),
                    expected: "text, a number or a time; save the column as text",
                })?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        ticker.at((u128::from(file.bytes) * u128::from(number) / u128::from(rows)) as u64);
    }
    Ok(ControlFlow::Continue(()))
}

/// Columns of a file by name, as they are: their schema, in this order, and the batches, in which the order is that of the file.
pub(crate) fn columns_of(file: &SourceFile, names: &[String]) -> Result<(SchemaRef, Batches), DataError> {
    let builder = builder(file)?;
    let schema = builder.schema().clone();
    let slots = names.iter().map(|name| super::position(&file.path, &columns(file)?, name));
    let slots = slots.collect::<Result<Vec<usize>, _>>()?;
    let fields: Vec<FieldRef> =
        slots.iter().map(|&slot| Arc::new(schema.field(slot).clone().with_nullable(true)) as FieldRef).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), slots);
    let batches = Batches::new(&file.path, builder.with_projection(mask).with_batch_size(BATCH))?;
    Ok((Arc::new(Schema::new(fields)), batches))
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
