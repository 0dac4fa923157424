//! Every user's own figures as a Parquet file, and back: one row per judged user, the column `user` with the id of the log, what is
//! known of the user (`history_length`, and for each grouping a column such as `group_activity`), and a column such as `ndcg@20`
//! per metric.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adepts_data::{DataError, Grouping, Id, Vocabulary, write_atomically};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::evaluate::Measured;
use crate::metrics::{MetricAt, MetricError};

/// The column of ids.
const USER: &str = "user";
/// The column of the number of training items.
const HISTORY: &str = "history_length";
/// What the name of a column of groups begins with.
const GROUP: &str = "group_";

/// What is known of users beside their figures, by their numbers.
#[derive(Clone, Copy, Debug)]
pub struct UserFacts<'a> {
    /// How many training items each has.
    pub history_lengths: &'a [usize],
    /// The groups that each is in.
    pub groupings: &'a [Grouping],
}

impl UserFacts<'_> {
    /// The columns of these users.
    fn columns(&self, users: &[u32]) -> Vec<(String, ArrayRef)> {
        let lengths = users.iter().map(|&user| self.history_lengths[user as usize] as i64);
        let mut columns = vec![(HISTORY.to_owned(), Arc::new(Int64Array::from_iter_values(lengths)) as ArrayRef)];
        for Grouping { by, names, of_user } in self.groupings {
            let name = |user: &u32| of_user[*user as usize].map(|group| names[usize::from(group)].as_str());
            columns.push((format!("{GROUP}{by}"), Arc::new(users.iter().map(name).collect::<StringArray>())));
        }
        columns
    }
}

/// Whether a column tells of users and is no figure.
fn is_fact(name: &str) -> bool {
    name == HISTORY || name.starts_with(GROUP)
}

/// What can be wrong with a file of per-user values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PerUserError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `open`, `write` or `rename`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is no Parquet file, or a damaged one.
    #[error("{} is not readable as Parquet: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: ParquetError,
    },
    /// The columns could not be put together or taken apart.
    #[error("{}: {source}", path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// What Arrow says.
        source: ArrowError,
    },
    /// A column has the wrong type, or the column of users is missing.
    #[error("column `{column}` of {} is {found}, expected {expected}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type, or `missing`.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A column is no metric.
    #[error("a column of {}: {source}", path.display())]
    Metric {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        source: MetricError,
    },
    /// More rows than users.
    #[error("{} has {rows} rows, the data has {users} users", path.display())]
    TooManyRows {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: i64,
        /// Users of the data.
        users: usize,
    },
    /// A user is not in the data.
    #[error("user {id} in row {row} of {} is not among the users of the data", path.display())]
    UnknownUser {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
        /// The row, from 1.
        row: usize,
    },
    /// A user stands in two rows.
    #[error("user {id} in row {row} of {} has had a row before", path.display())]
    DuplicateUser {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
        /// The second row, from 1.
        row: usize,
    },
    /// A value is missing or no number.
    #[error("column `{column}` of {} has no number in row {row}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
    },
}

/// The per-user metrics as named columns, each in the order of `measured.users`.
#[must_use]
pub fn columns(measured: &Measured) -> Vec<(String, Vec<f64>)> {
    let width = measured.metrics.len();
    let column = |index: usize| measured.values.iter().skip(index).step_by(width).copied().collect();
    measured.metrics.iter().enumerate().map(|(index, metric)| (metric.to_string(), column(index))).collect()
}

/// Writes every user's values, and what is known of users where `facts` are given, to `path`: to a temporary file beside it first,
/// so that there is either the whole file or what was there before.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If a user has no id, or nothing is known of one.
pub fn write_per_user(
    path: &Path,
    measured: &Measured,
    ids: &Vocabulary,
    facts: Option<UserFacts<'_>>,
) -> Result<(), PerUserError> {
    let io = |action| move |source| PerUserError::Io { action, path: path.to_owned(), source };
    let arrow = |source| PerUserError::Arrow { path: path.to_owned(), source };
    let parquet = |source| PerUserError::Parquet { path: path.to_owned(), source };
    let users: ArrayRef = match ids {
        Vocabulary::Int(ids) => Arc::new(Int64Array::from_iter_values(measured.users.iter().map(|&u| ids[u as usize]))),
        Vocabulary::Text(ids) => {
            Arc::new(StringArray::from_iter_values(measured.users.iter().map(|&u| &ids[u as usize])))
        }
    };
    let values =
        columns(measured).into_iter().map(|(name, values)| (name, Arc::new(Float64Array::from(values)) as ArrayRef));
    let facts = facts.map(|facts| facts.columns(&measured.users)).unwrap_or_default();
    let all = std::iter::once((USER.to_owned(), users)).chain(facts).chain(values);
    let batch = RecordBatch::try_from_iter(all).map_err(arrow)?;

    let level = ZstdLevel::try_new(3).map_err(parquet)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).map_err(parquet)?;
    writer.write(&batch).map_err(parquet)?;
    writer.close().map_err(parquet)?;
    write_atomically(path, |file| file.write_all(&bytes)).map_err(|error| match error {
        DataError::Io { source, .. } => io("write")(source),
        other => io("write")(std::io::Error::other(other)),
    })
}

/// Reads the figures that [`write_per_user`] wrote. The metrics of the lists are not in the file.
///
/// # Errors
/// If the file cannot be read, has other columns than users and metrics, a user who is not in `ids` or stands there
/// twice, or a value that is no finite number.
pub fn read_per_user(path: &Path, ids: &Vocabulary) -> Result<Measured, PerUserError> {
    // The decoder panics on some damaged pages, for which it has no error; after one, it is not used again.
    std::panic::catch_unwind(|| read(path, ids)).unwrap_or_else(|_| {
        let source = ParquetError::General("it is damaged".to_owned());
        Err(PerUserError::Parquet { path: path.to_owned(), source })
    })
}

fn read(path: &Path, ids: &Vocabulary) -> Result<Measured, PerUserError> {
    let file = File::open(path).map_err(|source| PerUserError::Io { action: "open", path: path.to_owned(), source })?;
    let parquet = |source| PerUserError::Parquet { path: path.to_owned(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet)?;
    let rows = builder.metadata().file_metadata().num_rows();
    if usize::try_from(rows).map_or(true, |rows| rows > ids.len()) {
        return Err(PerUserError::TooManyRows { path: path.to_owned(), rows, users: ids.len() });
    }
    let wrong = |column: &str, found: String, expected| PerUserError::Column {
        path: path.to_owned(),
        column: column.to_owned(),
        found,
        expected,
    };
    let mut measured = Measured::default();
    let mut found_users = false;
    for field in builder.schema().fields() {
        match (field.name().as_str(), field.data_type()) {
            (USER, DataType::Int64 | DataType::Utf8) => found_users = true,
            (name, _) if is_fact(name) => {}
            (USER, other) => return Err(wrong(USER, other.to_string(), "whole numbers or text")),
            (name, DataType::Float64) => {
                let metric: MetricAt =
                    name.parse().map_err(|source| PerUserError::Metric { path: path.to_owned(), source })?;
                measured.metrics.push(metric);
            }
            (name, other) => return Err(wrong(name, other.to_string(), "64-bit numbers")),
        }
    }
    if !found_users {
        return Err(wrong(USER, "missing".to_owned(), "whole numbers or text"));
    }
    let mut seen = vec![false; ids.len()];
    for batch in builder.build().map_err(parquet)? {
        let batch = batch.map_err(|source| PerUserError::Arrow { path: path.to_owned(), source })?;
        append(&mut measured, &mut seen, &batch, path, ids)?;
    }
    Ok(measured)
}

/// Takes over the rows of one batch, whose columns have been checked.
fn append(
    measured: &mut Measured,
    seen: &mut [bool],
    batch: &RecordBatch,
    path: &Path,
    ids: &Vocabulary,
) -> Result<(), PerUserError> {
    let first = measured.users.len();
    let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
    let mut values: Vec<(&str, &Float64Array)> = Vec::new();
    for (name, column) in names.zip(batch.columns()).filter(|(name, _)| !is_fact(name)) {
        let Some(numbers) = column.as_primitive_opt::<Float64Type>() else {
            for index in 0..batch.num_rows() {
                let row = first + index + 1;
                let id = id_at(column, index);
                let id =
                    id.ok_or_else(|| PerUserError::Value { path: path.to_owned(), column: name.to_owned(), row })?;
                let Some(user) = ids.index(&id) else {
                    return Err(PerUserError::UnknownUser { path: path.to_owned(), id: id.to_string(), row });
                };
                if std::mem::replace(&mut seen[user as usize], true) {
                    return Err(PerUserError::DuplicateUser { path: path.to_owned(), id: id.to_string(), row });
                }
                measured.users.push(user);
            }
            continue;
        };
        values.push((name, numbers));
    }
    for index in 0..batch.num_rows() {
        for (name, numbers) in &values {
            if numbers.is_null(index) || !numbers.value(index).is_finite() {
                let (path, column, row) = (path.to_owned(), (*name).to_owned(), first + index + 1);
                return Err(PerUserError::Value { path, column, row });
            }
            measured.values.push(numbers.value(index));
        }
    }
    Ok(())
}

/// The id in a row of the column of users.
fn id_at(column: &ArrayRef, row: usize) -> Option<Id> {
    if column.is_null(row) {
        return None;
    }
    match column.as_primitive_opt::<Int64Type>() {
        Some(numbers) => Some(Id::Int(numbers.value(row))),
        None => column.as_string_opt::<i32>().map(|texts| Id::Text(texts.value(row).into())),
    }
}

#[cfg(test)]
mod tests;
