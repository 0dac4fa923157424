//! Where the rows of validation and test come from: their place in the source, and the id of their user as it stands there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::DataError;
use crate::source::Cell;

/// Where rows come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// The place of each row among all rows of the source, from 1; rows that were skipped count.
    pub rows: Vec<u64>,
    /// The id of each row's user, `None` where it has none; empty without a column of users.
    pub users: Vec<Option<String>>,
}

/// The origins of a part that is being written; holds as many as a row group.
pub(super) struct OriginWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    with_users: bool,
    group: usize,
    waiting: Origins,
}

impl OriginWriter {
    pub(super) fn new(path: &Path, with_users: bool, group: usize) -> Result<Self, DataError> {
        let file = File::create_new(path).map_err(DataError::io("create", path))?;
        let mut fields = vec![Field::new("row", DataType::UInt64, false)];
        if with_users {
            fields.push(Field::new("user", DataType::Utf8, true));
        }
        let schema = Arc::new(Schema::new(fields));
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), None)
            .map_err(|e| DataError::io("write", path)(io::Error::other(e)))?;
        Ok(Self { path: path.to_path_buf(), writer, schema, with_users, group, waiting: Origins::default() })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: u64, user: Option<Cell<'_>>) -> Result<(), DataError> {
        self.waiting.rows.push(row);
        if self.with_users {
            self.waiting.users.push(user.map(|user| user.spelling()));
        }
        if self.waiting.rows.len() < self.group { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), DataError> {
        let Origins { rows, users } = std::mem::take(&mut self.waiting);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from(rows))];
        if self.with_users {
            columns.push(Arc::new(StringArray::from(users)));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other);
        let written = batch.and_then(|batch| {
            self.writer.write(&batch)?;
            Ok(self.writer.flush()?)
        });
        written.map_err(DataError::io("write", &self.path))
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Result<(), DataError> {
        if !self.waiting.rows.is_empty() {
            self.flush()?;
        }
        let ended = self.writer.finish().map_err(io::Error::from).and_then(|_| self.writer.inner().sync_all());
        ended.map_err(DataError::io("write", &self.path))
    }
}

/// Reads what [`OriginWriter`] wrote of `rows` rows.
pub(super) fn read(path: &Path, rows: usize) -> Result<Origins, DataError> {
    let corrupt = |reason: String| DataError::Corrupt { path: path.to_path_buf(), kind: "Parquet", reason };
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let mut found = Origins::default();
    for batch in reader.map_err(|e| corrupt(e.to_string()))? {
        let batch = batch.map_err(|e| corrupt(e.to_string()))?;
        let places = batch.column_by_name("row").and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let places = places.filter(|column| column.null_count() == 0);
        found.rows.extend_from_slice(places.ok_or_else(|| corrupt("it has no column `row`".into()))?.values());
        if let Some(users) = batch.column_by_name("user") {
            let users = users.as_string_opt::<i32>().ok_or_else(|| corrupt("`user` is not of text".into()))?;
            found.users.extend(users.iter().map(|user| user.map(str::to_owned)));
        }
    }
    if found.rows.len() != rows || !(found.users.is_empty() || found.users.len() == rows) {
        return Err(corrupt(format!("it has {} rows, expected {rows}", found.rows.len())));
    }
    Ok(found)
}
