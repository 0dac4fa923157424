//! What an answer needs to know of the items: their ids, how many users have each, and their titles. As Parquet files in
//! memory, so that what is read is what was hashed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;

use crate::dataset::HistoryDataset;
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::source::parquet_of_bytes;
use crate::store::{
    FolderError, empty_ids, id_array, id_type, no_nulls, parquet_batches, parquet_field, push_ids, write_parquet,
};

/// The items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Their ids.
    pub ids: Vocabulary,
    /// Users of the training data that have each.
    pub users: Vec<u32>,
    /// The place of each among all where scores are equal: see [`HistoryDataset::tie_order`].
    pub order: Vec<u32>,
}

impl Catalogue {
    /// The catalogue of a data set.
    #[must_use]
    pub fn of(data: &HistoryDataset) -> Self {
        Self { ids: data.items.clone(), users: data.train.item_counts(data.items.len()), order: data.tie_order() }
    }

    /// The same with equal scores in the order of the items' numbers, as runs had it before format 3.
    #[must_use]
    pub fn by_number(self) -> Self {
        Self { order: numbers(self.ids.len()), ..self }
    }

    /// As a file with the columns `id`, `users` and, where equal scores do not stand in the order of the items, `order`.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut fields = vec![parquet_field("id", id_type(&self.ids)), parquet_field("users", DataType::UInt32)];
        let column = |values: &Vec<u32>| Arc::new(UInt32Array::from(values.clone())) as ArrayRef;
        let mut columns = vec![id_array(&self.ids, 0..self.ids.len()), column(&self.users)];
        if self.order != numbers(self.ids.len()) {
            fields.push(parquet_field(ORDER, DataType::UInt32));
            columns.push(column(&self.order));
        }
        written(Schema::new(fields), columns)
    }

    /// Reads what [`Catalogue::to_bytes`] gave; `path` is for messages.
    pub fn from_bytes(path: &Path, bytes: Bytes, items: usize) -> Result<Self, DataError> {
        let builder = parquet_of_bytes(path, bytes)?;
        let (mut ids, kind) = empty_ids(builder.schema());
        let (mut users, mut order) = (Vec::new(), Vec::new());
        let mut columns = vec![("id", kind), ("users", DataType::UInt32)];
        let ordered = builder.schema().fields().len() > columns.len();
        columns.extend(ordered.then_some((ORDER, DataType::UInt32)));
        let mut batches = parquet_batches(path, builder, &columns)?;
        while let Some(batch) = batches.next()? {
            push_ids(path, &mut ids, batch.column(0))?;
            no_nulls(path, "users", batch.column(1))?;
            users.extend_from_slice(batch.column(1).as_primitive::<UInt32Type>().values());
            if ordered {
                no_nulls(path, ORDER, batch.column(2))?;
                order.extend_from_slice(batch.column(2).as_primitive::<UInt32Type>().values());
            }
            counted(path, "items", ids.len(), items, false)?;
        }
        counted(path, "items", ids.len(), items, true)?;
        if !ordered {
            order = numbers(items);
        }
        let mut taken = vec![false; items];
        for (row, place) in (1..).zip(&order) {
            if taken.get_mut(*place as usize).is_none_or(|taken| std::mem::replace(taken, true)) {
                let expected = "in the column order each place from 0 once";
                return Err(FolderError::OutOfOrder { path: path.to_path_buf(), row, expected }.into());
            }
        }
        Ok(Self { ids, users, order })
    }
}

/// The column of the places.
const ORDER: &str = "order";

/// The numbers of so many items.
fn numbers(items: usize) -> Vec<u32> {
    (0..items as u32).collect()
}

/// The titles of the items, where they are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Titles(StringArray);

impl Titles {
    /// A title or none for each item.
    #[must_use]
    pub fn new<S: AsRef<str>>(titles: &[Option<S>]) -> Self {
        Self(titles.iter().map(|title| title.as_ref().map(AsRef::as_ref)).collect())
    }

    /// The title of an item.
    #[must_use]
    pub fn get(&self, item: u32) -> Option<&str> {
        let item = item as usize;
        (item < self.0.len() && self.0.is_valid(item)).then(|| self.0.value(item))
    }

    /// How many items have a title.
    #[must_use]
    pub fn known(&self) -> usize {
        self.0.len() - self.0.null_count()
    }

    /// As a file with the column `title`, in the order of the items.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        written(Schema::new(vec![Field::new("title", DataType::Utf8, true)]), vec![Arc::new(self.0.clone())])
    }

    /// Reads what [`Titles::to_bytes`] gave; `path` is for messages.
    pub fn from_bytes(path: &Path, bytes: Bytes, items: usize) -> Result<Self, DataError> {
        let mut titles: Vec<Option<String>> = Vec::new();
        let mut batches = parquet_batches(path, parquet_of_bytes(path, bytes)?, &[("title", DataType::Utf8)])?;
        while let Some(batch) = batches.next()? {
            titles.extend(batch.column(0).as_string::<i32>().iter().map(|title| title.map(str::to_owned)));
            counted(path, "titles", titles.len(), items, false)?;
        }
        counted(path, "titles", titles.len(), items, true)?;
        Ok(Self::new(&titles))
    }
}

/// A Parquet file of these columns.
pub(crate) fn written(schema: Schema, columns: Vec<ArrayRef>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_parquet(&mut bytes, &Arc::new(schema), std::iter::once(columns))?;
    Ok(bytes)
}

/// Refuses more than there are to be, and at the `end` fewer.
pub(crate) fn counted(
    path: &Path,
    what: &'static str,
    found: usize,
    expected: usize,
    end: bool,
) -> Result<(), DataError> {
    if found == expected || (found < expected && !end) {
        return Ok(());
    }
    let (found, expected) = (found as u64, expected as u64);
    Err(FolderError::CountMismatch { path: path.to_path_buf(), what, found, expected }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_titles_come_back_as_they_went_in() {
        let path = Path::new("items.parquet");
        for ids in [Vocabulary::Int(vec![-3, 5, 900]), Vocabulary::Text(vec!["a".into(), "b".into(), "ç".into()])] {
            let catalogue = Catalogue { ids, users: vec![1, 0, 7], order: vec![1, 2, 0] };
            let as_before = catalogue.clone().by_number();
            let found = Catalogue::from_bytes(path, as_before.to_bytes().unwrap().into(), 3).unwrap();
            assert_eq!((&found, &*found.order), (&as_before, &[0, 1, 2][..]));
            for wrong in [vec![0, 0, 1], vec![1, 2, 3]] {
                let wrong = Catalogue { order: wrong, ..catalogue.clone() }.to_bytes().unwrap();
                let error = Catalogue::from_bytes(path, wrong.into(), 3).unwrap_err();
                assert!(matches!(error, DataError::Folder(FolderError::OutOfOrder { .. })), "{error}");
            }
            let bytes = catalogue.to_bytes().unwrap();
            assert_eq!(bytes, catalogue.to_bytes().unwrap());
            assert_eq!(Catalogue::from_bytes(path, bytes.clone().into(), 3).unwrap(), catalogue);
            for wrong in [2, 4] {
                let error = Catalogue::from_bytes(path, bytes.clone().into(), wrong).unwrap_err();
                assert!(matches!(error, DataError::Folder(FolderError::CountMismatch { found: 3, .. })), "{error}");
            }
        }
        let titles = Titles::new(&[Some("One"), None, Some("")]);
        assert_eq!((titles.get(0), titles.get(1), titles.get(2), titles.get(3)), (Some("One"), None, Some(""), None));
        assert_eq!(Titles::from_bytes(path, titles.to_bytes().unwrap().into(), 3).unwrap(), titles);
        assert!(Titles::from_bytes(path, titles.to_bytes().unwrap().into(), 2).is_err());
        assert!(Catalogue::from_bytes(path, titles.to_bytes().unwrap().into(), 3).is_err());
    }
}
