//! A prepared part, read back in blocks or by row groups, trusting nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::batch::{Codes, NO_USER, Schema, TabularBatch};
use super::write::columns;
use crate::error::DataError;
use crate::error::FolderError;
use crate::error::TabularError;
use crate::source::{Batches, parquet_builder};

/// A file of prepared tabular data whose columns were checked.
#[derive(Debug)]
pub(super) struct PartFile {
    path: PathBuf,
    bytes: u64,
    schema: Schema,
    metadata: ArrowReaderMetadata,
    /// Rows of each row group.
    pub(super) groups: Vec<usize>,
    /// Numbers in each row group, of 32 bits each.
    pub(super) numbers: Vec<usize>,
}

impl PartFile {
    /// Opens the file of a part; `rows` is what it must hold.
    pub(super) fn open(path: &Path, schema: &Schema, rows: u64) -> Result<Self, DataError> {
        let file = file(path)?;
        let bytes = file.metadata().map_err(DataError::io("read", path))?.len();
        let builder = parquet_builder(path, file)?;
        let expected = columns(schema);
        let plain = |schema: &arrow_schema::Schema| -> Vec<String> {
            schema.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect()
        };
        let (found, expected) = (plain(builder.schema()), plain(&expected));
        if found != expected {
            let shown = |columns: Vec<String>| format!("the columns {}", columns.join(", "));
            let (found, expected) = (shown(found), shown(expected));
            return Err(FolderError::WrongSchema { path: path.to_path_buf(), found, expected }.into());
        }
        let parquet = Arc::clone(builder.metadata());
        let count = |n: i64| usize::try_from(n).unwrap_or(0);
        let groups: Vec<usize> = parquet.row_groups().iter().map(|group| count(group.num_rows())).collect();
        let numbers =
            parquet.row_groups().iter().map(|group| group.columns().iter().map(|c| count(c.num_values())).sum());
        let numbers = numbers.collect();
        let found: u64 = groups.iter().map(|&n| n as u64).sum();
        if found != rows {
            let path = path.to_path_buf();
            return Err(FolderError::CountMismatch { path, what: "rows", found, expected: rows }.into());
        }
        let metadata = ArrowReaderMetadata::try_new(parquet, ArrowReaderOptions::new())
            .map_err(|e| corrupt(path, e.to_string()))?;
        Ok(Self { path: path.to_path_buf(), bytes, schema: schema.clone(), metadata, groups, numbers })
    }

    /// Refuses a file that has gone or has another size than when it was opened.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let found = file(&self.path)?.metadata().map_err(DataError::io("read", &self.path))?.len();
        if found == self.bytes {
            return Ok(());
        }
        let (found, expected) = (format!("{found} bytes"), format!("{} bytes", self.bytes));
        Err(TabularError::FileChanged { path: self.path.clone(), found, expected }.into())
    }

    /// All rows of some row groups, in blocks of at most `rows`.
    pub(super) fn read(self: &Arc<Self>, groups: Vec<usize>, rows: usize) -> Result<Blocks, DataError> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file(&self.path)?, self.metadata.clone());
        let builder = builder.with_row_groups(groups).with_batch_size(rows);
        Ok(Blocks { part: Arc::clone(self), batches: Batches::new(&self.path, builder)?, failed: false })
    }

    /// The rows of a row group.
    pub(super) fn group(self: &Arc<Self>, group: usize) -> Result<TabularBatch, DataError> {
        let mut all = TabularBatch::none(&self.schema);
        for block in self.read(vec![group], self.groups[group].max(1))? {
            all.append(&block?);
        }
        if all.rows() != self.groups[group] {
            let (found, expected) = (all.rows() as u64, self.groups[group] as u64);
            return Err(FolderError::CountMismatch { path: self.path.clone(), what: "rows", found, expected }.into());
        }
        Ok(all)
    }

    fn rows(&self, batch: &RecordBatch) -> Result<TabularBatch, DataError> {
        let schema = &self.schema;
        let rows = batch.num_rows();
        let mut columns = batch.columns().iter();
        let mut next = || columns.next().ok_or_else(|| corrupt(&self.path, "a column is missing".to_owned()));
        let mut fields = Vec::with_capacity(schema.fields.len());
        for field in &schema.fields {
            let array = next()?;
            fields.push(if field.many {
                let lists = array.as_list::<i32>();
                self.no_nulls(&field.name, array)?;
                let ends = lists.value_offsets();
                let (from, to) = (ends[0], ends[rows]);
                let values = lists.values().slice(from as usize, (to - from) as usize);
                let codes = self.codes(&field.name, &values, field.size)?;
                Codes::Many { starts: ends.iter().map(|end| (end - from) as u32).collect(), codes }
            } else {
                Codes::One(self.codes(&field.name, array, field.size)?)
            });
        }
        let width = schema.dense.len();
        let mut dense = vec![0.0; rows * width];
        for (nth, name) in schema.dense.iter().enumerate() {
            let array = next()?;
            self.no_nulls(name, array)?;
            let values = array.as_primitive::<Float32Type>().values();
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(self.bad(name, value.to_string(), "a finite number".to_owned()));
            }
            dense.iter_mut().skip(nth).step_by(width).zip(values).for_each(|(to, value)| *to = *value);
        }
        let domain = self.codes("domain", next()?, schema.domains.len())?;
        let array = next()?;
        self.no_nulls("label", array)?;
        let label = array.as_primitive::<Float32Type>().values().to_vec();
        if let Some(value) = label.iter().find(|value| **value != 0.0 && **value != 1.0) {
            return Err(self.bad("label", value.to_string(), "0 or 1".to_owned()));
        }
        let user = if schema.users > 0 { self.users(next()?, schema.users)? } else { Vec::new() };
        let item = match &schema.items {
            Some(items) => self.codes("item", next()?, items.count)?,
            None => Vec::new(),
        };
        Ok(TabularBatch { fields, dense, domain, label, user, item, log_share: Vec::new() })
    }

    /// A column of numbers that are below `limit`.
    fn codes(&self, column: &str, array: &ArrayRef, limit: usize) -> Result<Vec<u32>, DataError> {
        self.no_nulls(column, array)?;
        let codes = array.as_primitive::<UInt32Type>().values().to_vec();
        match codes.iter().max() {
            Some(&most) if most as usize >= limit => {
                Err(self.bad(column, most.to_string(), format!("numbers below {limit}")))
            }
            _ => Ok(codes),
        }
    }

    /// The column of users, which may lack some.
    fn users(&self, array: &ArrayRef, users: usize) -> Result<Vec<u32>, DataError> {
        self.no_nulls("user", array)?;
        let found = array.as_primitive::<UInt32Type>().values();
        match found.iter().find(|user| **user as usize >= users && **user != NO_USER) {
            Some(user) => Err(self.bad("user", user.to_string(), format!("numbers below {users}"))),
            None => Ok(found.to_vec()),
        }
    }

    fn no_nulls(&self, column: &str, array: &ArrayRef) -> Result<(), DataError> {
        if array.null_count() == 0 {
            return Ok(());
        }
        Err(self.bad(column, "missing values".to_owned(), "a value in each row".to_owned()))
    }

    fn bad(&self, column: &str, found: String, expected: String) -> DataError {
        TabularError::BadContent { path: self.path.clone(), column: column.to_owned(), found, expected }.into()
    }
}

/// Blocks of tabular data, one after the other; ends after an error.
pub struct Blocks {
    part: Arc<PartFile>,
    batches: Batches,
    failed: bool,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks").field("path", &self.part.path).finish_non_exhaustive()
    }
}

impl Iterator for Blocks {
    type Item = Result<TabularBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let block = match self.batches.next() {
            Ok(None) => return None,
            Ok(Some(batch)) => self.part.rows(&batch),
            Err(error) => Err(error),
        };
        self.failed = block.is_err();
        Some(block)
    }
}

fn file(path: &Path) -> Result<File, DataError> {
    File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => DataError::MissingFile { path: path.to_path_buf() },
        _ => DataError::io("read", path)(e),
    })
}

fn corrupt(path: &Path, reason: String) -> DataError {
    DataError::Corrupt { path: path.to_path_buf(), kind: "Parquet", reason }
}
