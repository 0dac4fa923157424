//! Reading a prepared folder back, trusting nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_schema::{DataType, Schema};

use super::columns::{batches, no_nulls, open, push_ids};
use super::{FORMAT, FolderError, GROUP, INTERACTIONS, ITEMS, MANIFEST, PARTS, USERS};
use crate::dataset::{HistoryDataset, Manifest, UserColumn};
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::rows::Rows;
use crate::seen::Seen;

/// No manifest is larger.
const LARGEST_MANIFEST: u64 = 16 << 20;

impl HistoryDataset {
    /// Opens a prepared folder.
    ///
    /// # Errors
    /// A [`FolderError`] or [`DataError`] for whatever is not as [`HistoryDataset::save`] wrote it.
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        if !dir.is_dir() {
            return Err(DataError::MissingFile { path: dir.to_path_buf() });
        }
        let manifest = manifest(dir)?;
        let (users, learns, mainstream, columns) = read_users(&dir.join(USERS), manifest.users)?;
        let (items, counts) = read_items(&dir.join(ITEMS), manifest.items)?;
        let path = dir.join(INTERACTIONS);
        let [train, validation, test, seen, seen_validation, seen_test] = read_interactions(&path, &manifest)?;
        let seen = Seen { train: seen, validation: seen_validation, test: seen_test };
        if train.item_counts(items.len()) != counts {
            let expected = "the number of training users of each item".to_owned();
            let found = "another number of them".to_owned();
            return Err(FolderError::WrongSchema { path: dir.join(ITEMS), found, expected }.into());
        }
        let dataset = Self { users, items, train, validation, test, seen, learns, mainstream, columns, manifest };
        let (found, expected) = (dataset.content_hash(), dataset.manifest.content_hash.clone());
        if found != expected {
            return Err(FolderError::WrongHash { path: dir.to_path_buf(), found, expected }.into());
        }
        Ok(dataset)
    }
}

impl Manifest {
    /// What a prepared folder says of itself, without a look at its other files.
    ///
    /// # Errors
    /// If there is none, or none of a format that is known.
    pub fn of_folder(dir: &Path) -> Result<Self, DataError> {
        manifest(dir)
    }
}

/// The manifest of a folder, of a format that is known.
pub(super) fn manifest(dir: &Path) -> Result<Manifest, DataError> {
    let path = dir.join(MANIFEST);
    let mut text = String::new();
    let file = File::open(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => FolderError::NotPrepared { path: dir.to_path_buf(), missing: MANIFEST }.into(),
        _ => DataError::io("read", &path)(e),
    })?;
    file.take(LARGEST_MANIFEST + 1).read_to_string(&mut text).map_err(DataError::io("read", &path))?;
    let wrong = |reason: String| FolderError::BadManifest { path: path.clone(), reason };
    if text.len() as u64 > LARGEST_MANIFEST {
        return Err(wrong(format!("it is longer than {LARGEST_MANIFEST} bytes, the most that is read")).into());
    }
    // The version first: a later one may have other fields.
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    match json.get("format").and_then(serde_json::Value::as_u64) {
        Some(found) if found > u64::from(FORMAT) => {
            return Err(FolderError::NewerFormat { path, found, known: FORMAT }.into());
        }
        Some(1..) => {}
        _ => return Err(wrong("`format` is missing; expected a whole number from 1".into()).into()),
    }
    Ok(serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?)
}

fn counted(path: &Path, what: &'static str, found: u64, expected: usize) -> Result<(), DataError> {
    let expected = expected as u64;
    if found == expected {
        return Ok(());
    }
    Err(FolderError::CountMismatch { path: path.to_path_buf(), what, found, expected }.into())
}

fn rows_of(metadata: &parquet::file::metadata::ParquetMetaData) -> u64 {
    u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0)
}

/// An empty vocabulary of the type of the first column.
pub(crate) fn empty_ids(schema: &Schema) -> (Vocabulary, DataType) {
    match schema.fields().first().map(|f| f.data_type()) {
        Some(DataType::Utf8) => (Vocabulary::Text(Vec::new()), DataType::Utf8),
        _ => (Vocabulary::Int(Vec::new()), DataType::Int64),
    }
}

type Users = (Vocabulary, Vec<bool>, Vec<f32>, Vec<UserColumn>);

fn read_users(path: &Path, users: usize) -> Result<Users, DataError> {
    let builder = open(path)?;
    counted(path, "users", rows_of(builder.metadata()), users)?;
    let schema = builder.schema().clone();
    let (mut ids, id_type) = empty_ids(&schema);
    let mut columns = Vec::new();
    let mut expected = vec![("id", id_type), ("learns", DataType::Boolean), ("mainstream", DataType::Float32)];
    for field in schema.fields().iter().skip(expected.len()) {
        let name = field.name();
        let values = field.metadata().get("values").and_then(|v| serde_json::from_str::<Vec<String>>(v).ok());
        if let (Some(column), Some(values)) = (name.strip_prefix(GROUP), values)
            && u16::try_from(values.len()).is_ok()
        {
            expected.push((name.as_str(), DataType::Utf8));
            columns.push(UserColumn { name: column.to_owned(), values, of_user: Vec::with_capacity(users) });
        }
    }
    let (mut learns, mut mainstream) = (Vec::new(), Vec::new());
    let mut batches = batches(path, builder, &expected)?;
    while let Some(batch) = batches.next()? {
        push_ids(path, &mut ids, batch.column(0))?;
        no_nulls(path, "learns", batch.column(1))?;
        no_nulls(path, "mainstream", batch.column(2))?;
        learns.extend(batch.column(1).as_boolean().iter().flatten());
        mainstream.extend_from_slice(batch.column(2).as_primitive::<Float32Type>().values());
        for (column, array) in columns.iter_mut().zip(&batch.columns()[3..]) {
            push_group(path, column, array.as_string())?;
        }
    }
    if let Some(row) = mainstream.iter().position(|score| !(0.0..=1.0).contains(score)) {
        let found = format!("the mainstream score {} in row {}", mainstream[row], row + 1);
        let expected = "scores in 0..=1".to_owned();
        return Err(FolderError::WrongSchema { path: path.to_path_buf(), found, expected }.into());
    }
    counted(path, "users", ids.len() as u64, users)?;
    Ok((ids, learns, mainstream, columns))
}

fn push_group(path: &Path, column: &mut UserColumn, array: &arrow_array::StringArray) -> Result<(), DataError> {
    // Few values, and users in no order by them: the last one found is tried first.
    let mut last = 0;
    for value in array {
        let index = match value {
            None => None,
            Some(value) if column.values.get(last).is_some_and(|v| v == value) => Some(last as u16),
            Some(value) => {
                last = column.values.iter().position(|v| v == value).ok_or_else(|| FolderError::WrongSchema {
                    path: path.to_path_buf(),
                    found: format!("the value `{value}` in the column {GROUP}{}", column.name),
                    expected: format!("one of its {} values", column.values.len()),
                })?;
                Some(last as u16)
            }
        };
        column.of_user.push(index);
    }
    Ok(())
}

fn read_items(path: &Path, items: usize) -> Result<(Vocabulary, Vec<u32>), DataError> {
    let builder = open(path)?;
    counted(path, "items", rows_of(builder.metadata()), items)?;
    let (mut ids, id_type) = empty_ids(builder.schema());
    let mut counts = Vec::new();
    let mut batches = batches(path, builder, &[("id", id_type), ("train", DataType::UInt32)])?;
    while let Some(batch) = batches.next()? {
        push_ids(path, &mut ids, batch.column(0))?;
        no_nulls(path, "train", batch.column(1))?;
        counts.extend_from_slice(batch.column(1).as_primitive::<UInt32Type>().values());
    }
    counted(path, "items", ids.len() as u64, items)?;
    Ok((ids, counts))
}

/// The rows of a part as they come in.
struct Growing {
    part: &'static str,
    starts: Vec<usize>,
    items: Vec<u32>,
    expected: usize,
}

fn read_interactions(path: &Path, manifest: &Manifest) -> Result<[Rows; PARTS.len()], DataError> {
    let builder = open(path)?;
    let Manifest { train, validation, test, seen, seen_validation, seen_test, .. } = *manifest;
    let early = seen.saturating_sub(seen_validation.saturating_add(seen_test));
    let counts = [train, validation, test, early, seen_validation, seen_test];
    let parts: [(&str, usize); PARTS.len()] = std::array::from_fn(|part| (PARTS[part], counts[part]));
    let total = counts.iter().try_fold(0_usize, |sum, n| sum.checked_add(*n)).unwrap_or(usize::MAX);
    counted(path, "interactions", rows_of(builder.metadata()), total)?;
    let mut growing = parts.map(|(part, expected)| Growing { part, starts: vec![0], items: Vec::new(), expected });
    let expected = [("user", DataType::UInt32), ("item", DataType::UInt32), ("part", DataType::Utf8)];
    let (mut row, mut current) = (0_u64, 0);
    let mut batches = batches(path, builder, &expected)?;
    while let Some(batch) = batches.next()? {
        for (column, array) in ["user", "item", "part"].iter().zip(batch.columns()) {
            no_nulls(path, column, array)?;
        }
        let users = batch.column(0).as_primitive::<UInt32Type>().values();
        let items = batch.column(1).as_primitive::<UInt32Type>().values();
        let parts = batch.column(2).as_string::<i32>();
        for i in 0..batch.num_rows() {
            row += 1;
            let (user, item) = (users[i], items[i]);
            in_range(path, row, "user", user, manifest.users)?;
            in_range(path, row, "item", item, manifest.items)?;
            let part = parts.value(i);
            while growing[current].part != part {
                current += 1;
                if current == growing.len() {
                    return Err(out_of_order(path, row));
                }
            }
            growing[current].push(path, row, user, item)?;
        }
    }
    let mut done = Vec::with_capacity(PARTS.len());
    for part in growing {
        done.push(part.finish(path, manifest.users)?);
    }
    <[Rows; PARTS.len()]>::try_from(done).map_err(|_| out_of_order(path, row))
}

impl Growing {
    fn push(&mut self, path: &Path, row: u64, user: u32, item: u32) -> Result<(), DataError> {
        let now = self.starts.len() - 1;
        let same = user as usize == now && self.items.len() > self.starts[now];
        if (user as usize) < now || (same && self.items.last().is_some_and(|last| *last >= item)) {
            return Err(out_of_order(path, row));
        }
        self.starts.resize(user as usize + 1, self.items.len());
        self.items.push(item);
        Ok(())
    }

    fn finish(mut self, path: &Path, users: usize) -> Result<Rows, DataError> {
        let what = match self.part {
            "train" => "training interactions",
            "validation" => "validation interactions",
            "test" => "test interactions",
            _ => "pairs that were only seen",
        };
        counted(path, what, self.items.len() as u64, self.expected)?;
        self.starts.resize(users + 1, self.items.len());
        Ok(Rows::from_parts(self.starts, self.items))
    }
}

fn in_range(path: &Path, row: u64, what: &'static str, index: u32, limit: usize) -> Result<(), DataError> {
    if (index as usize) < limit {
        return Ok(());
    }
    let (path, index, limit): (PathBuf, _, _) = (path.to_path_buf(), u64::from(index), limit as u64);
    Err(FolderError::IndexOutOfRange { path, row, what, index, limit }.into())
}

fn out_of_order(path: &Path, row: u64) -> DataError {
    let expected = "training, validation, test and seen rows, each by user and item, each pair once";
    FolderError::OutOfOrder { path: path.to_path_buf(), row, expected }.into()
}
