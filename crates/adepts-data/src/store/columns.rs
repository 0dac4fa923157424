//! Parquet files of a prepared folder, batch by batch.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::ChunkReader;

use super::FolderError;
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::source::Batches;

/// Rows in a batch, written or read.
pub(crate) const BATCH: usize = 1 << 16;

/// Writes batches as a Parquet file; equal batches give equal bytes.
pub(crate) fn write(
    file: impl Write + Send,
    schema: &Arc<Schema>,
    batches: impl Iterator<Item = Vec<ArrayRef>>,
) -> io::Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(io::Error::other)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("adepts".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties)).map_err(io::Error::other)?;
    for columns in batches {
        let batch = RecordBatch::try_new(Arc::clone(schema), columns).map_err(io::Error::other)?;
        writer.write(&batch).map_err(io::Error::other)?;
    }
    writer.close().map_err(io::Error::other)?;
    Ok(())
}

/// Opens a Parquet file of a prepared folder.
pub(crate) fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, DataError> {
    let file = File::open(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => DataError::MissingFile { path: path.to_path_buf() },
        _ => DataError::io("read", path)(e),
    })?;
    crate::source::parquet_builder(path, file)
}

/// The batches, after the columns were found to be `expected` (a name and a type each).
pub(crate) fn batches<T: ChunkReader + 'static>(
    path: &Path,
    builder: ParquetRecordBatchReaderBuilder<T>,
    expected: &[(&str, DataType)],
) -> Result<Batches, DataError> {
    let found: Vec<(String, DataType)> =
        builder.schema().fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect();
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.0 == e.0 && f.1 == e.1);
    if !same {
        let found = described(found.iter().map(|(name, kind)| (name.as_str(), kind)));
        let expected = described(expected.iter().map(|(name, kind)| (*name, kind)));
        return Err(FolderError::WrongSchema { path: path.to_path_buf(), found, expected }.into());
    }
    Batches::new(path, builder.with_batch_size(BATCH))
}

fn described<'a>(columns: impl Iterator<Item = (&'a str, &'a DataType)>) -> String {
    let columns: Vec<String> = columns.map(|(name, kind)| format!("{name}: {kind}")).collect();
    format!("the columns {}", columns.join(", "))
}

/// The type of the column `id`.
pub(crate) fn id_type(ids: &Vocabulary) -> DataType {
    match ids {
        Vocabulary::Int(_) => DataType::Int64,
        Vocabulary::Text(_) => DataType::Utf8,
    }
}

pub(crate) fn field(name: impl Into<String>, kind: DataType) -> Field {
    Field::new(name, kind, false)
}

/// A piece of the column `id`.
pub(crate) fn id_array(ids: &Vocabulary, range: std::ops::Range<usize>) -> ArrayRef {
    match ids {
        Vocabulary::Int(ids) => Arc::new(Int64Array::from(ids[range].to_vec())),
        Vocabulary::Text(ids) => Arc::new(StringArray::from_iter_values(ids[range].iter())),
    }
}

/// Appends a piece of the column `id` to a vocabulary of the right type, whose order is checked.
pub(crate) fn push_ids(path: &Path, ids: &mut Vocabulary, piece: &ArrayRef) -> Result<(), DataError> {
    let out_of_order = |row: usize| {
        let row = row as u64 + 1;
        FolderError::OutOfOrder { path: path.to_path_buf(), row, expected: "ids in ascending order, each once" }
    };
    no_nulls(path, "id", piece)?;
    match ids {
        Vocabulary::Int(ids) => {
            for &id in piece.as_primitive::<Int64Type>().values() {
                if ids.last().is_some_and(|last| *last >= id) {
                    return Err(out_of_order(ids.len()).into());
                }
                ids.push(id);
            }
        }
        Vocabulary::Text(ids) => {
            for id in piece.as_string::<i32>().iter().flatten() {
                if ids.last().is_some_and(|last| **last >= *id) {
                    return Err(out_of_order(ids.len()).into());
                }
                ids.push(id.into());
            }
        }
    }
    Ok(())
}

pub(crate) fn no_nulls(path: &Path, column: &str, array: &ArrayRef) -> Result<(), DataError> {
    if array.null_count() == 0 {
        return Ok(());
    }
    let found = format!("missing values in the column {column}");
    Err(FolderError::WrongSchema { path: path.to_path_buf(), found, expected: "a value in each row".into() }.into())
}
