//! A table in a Parquet file, written block by block.

use std::io;
use std::path::Path;
use std::sync::Arc;

use adepts_data::DataError;
use adepts_data::atomic::write_atomically_with;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

/// Rows that Parquet takes at once. Where each block but the last is a multiple of it, the bytes of a file do not depend on the
/// blocks.
pub(super) const STEP: usize = 1024;

/// Columns of equal length, by name.
pub(super) type Columns = Vec<(&'static str, ArrayRef)>;

/// A table that is being written.
pub(super) struct Table<'a> {
    path: &'a Path,
    schema: SchemaRef,
    writer: ArrowWriter<&'a mut (dyn io::Write + Send)>,
}

impl Table<'_> {
    /// Adds rows, of the columns that the table was begun with.
    pub(super) fn write(&mut self, columns: Columns) -> Result<(), DataError> {
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(ParquetError::from);
        batch.and_then(|batch| self.writer.write(&batch)).map_err(|error| failed(self.path, error))
    }
}

fn failed(path: &Path, error: ParquetError) -> DataError {
    DataError::Io { action: "write", path: path.to_owned(), source: error.into() }
}

/// Writes a Parquet file atomically: `fill` hands over its rows, which have the columns of `head`, without a value only
/// where some of those lack one, and what it returns is returned.
pub(super) fn write_table<T, E: From<DataError>>(
    path: &Path,
    head: Columns,
    fill: impl FnOnce(&mut Table<'_>) -> Result<T, E>,
) -> Result<T, E> {
    write_atomically_with(path, |out| {
        let schema = RecordBatch::try_from_iter(head).map_err(|e| failed(path, e.into()))?.schema();
        let out: &mut (dyn io::Write + Send) = out;
        let writer = ArrowWriter::try_new(out, Arc::clone(&schema), None).map_err(|e| failed(path, e))?;
        let mut table = Table { path, schema, writer };
        let done = fill(&mut table)?;
        table.writer.close().map_err(|e| failed(path, e))?;
        Ok(done)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float32Array, StringArray, UInt64Array};

    fn columns(rows: std::ops::Range<u64>) -> Columns {
        let text = rows.clone().map(|row| format!("item {}", row * row % 7919));
        let scores = rows.clone().map(|row| (row as f32).sin());
        vec![
            ("row", Arc::new(UInt64Array::from_iter_values(rows))),
            ("item", Arc::new(StringArray::from_iter_values(text))),
            ("score", Arc::new(Float32Array::from_iter_values(scores))),
        ]
    }

    #[test]
    fn a_file_of_many_blocks_has_the_bytes_of_one_of_a_single_block() {
        let folder = tempfile::tempdir().unwrap();
        let rows = 300 * STEP as u64 + 17;
        let written = |name: &str, block: u64| {
            let path = folder.path().join(name);
            let fill = |table: &mut Table<'_>| {
                (0..rows).step_by(block as usize).try_for_each(|at| table.write(columns(at..rows.min(at + block))))
            };
            write_table(&path, columns(0..0), fill).unwrap();
            std::fs::read(path).unwrap()
        };
        let whole = written("whole", rows);
        for steps in [1, 16, 64] {
            assert!(written("blocks", steps * STEP as u64) == whole, "blocks of {steps} steps");
        }
    }

    #[test]
    fn an_error_on_the_way_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let fill = |table: &mut Table<'_>| {
            table.write(columns(0..5000))?;
            Err::<(), _>(DataError::MissingFile { path: "the other half".into() })
        };
        let error = write_table(&folder.path().join("a"), columns(0..0), fill).unwrap_err();
        assert!(matches!(error, DataError::MissingFile { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
