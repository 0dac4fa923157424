//! What an answer needs to know of the users: their ids and what each is known to have. As Parquet files in memory, so that
//! what is read is what was hashed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, BooleanArray, UInt32Array};
use arrow_schema::{DataType, Schema};
use bytes::Bytes;

use crate::catalogue::{counted, written};
use crate::dataset::HistoryDataset;
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::rows::Rows;
use crate::source::parquet_of_bytes;
use crate::store::{FolderError, empty_ids, id_array, id_type, no_nulls, parquet_batches, parquet_field, push_ids};

/// The users, and what each is known to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histories {
    /// Their ids.
    pub users: Vocabulary,
    /// Whether a model has learned from the user.
    pub learns: Vec<bool>,
    /// Training and validation items of each: what a model goes by. Test items are none of them, so that lists can be
    /// judged.
    pub items: Rows,
    /// The other items that the user has in the log, which are not recommended unless asked for: test items, and what a
    /// filter dropped ([`HistoryDataset::seen`]). Empty rows in runs that do not hold them.
    pub seen: Rows,
}

impl Histories {
    /// Those of a data set.
    #[must_use]
    pub fn of(data: &HistoryDataset) -> Self {
        let of_user = |user: usize| [data.train.row(user), data.validation.row(user)].concat();
        let items = Rows::from_lists((0..data.train.len()).map(of_user));
        let seen = Rows::from_lists((0..data.test.len()).map(|u| [data.test.row(u), &data.seen.row(u)].concat()));
        Self { users: data.users.clone(), learns: data.learns.clone(), items, seen }
    }

    /// The same without what was only seen, as runs had it before format 3.
    #[must_use]
    pub fn learned_alone(self) -> Self {
        Self { seen: Rows::empty(self.users.len()), ..self }
    }

    /// The users as a file with the columns `id`, `learns`, `items`, their number of items, and `seen`, that of the items that
    /// they have only seen, where there are any.
    pub fn users_to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut fields = vec![("id", id_type(&self.users)), ("learns", DataType::Boolean), ("items", DataType::UInt32)];
        let lengths = |rows: &Rows| -> ArrayRef {
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.len() as u32)))
        };
        let learns = Arc::new(BooleanArray::from(self.learns.clone())) as ArrayRef;
        let mut columns = vec![id_array(&self.users, 0..self.users.len()), learns, lengths(&self.items)];
        if self.seen.pairs() > 0 {
            fields.push((SEEN, DataType::UInt32));
            columns.push(lengths(&self.seen));
        }
        let schema = Schema::new(fields.into_iter().map(|(name, kind)| parquet_field(name, kind)).collect::<Vec<_>>());
        written(schema, columns)
    }

    /// The items of all users, one user behind the other, as a file with the column `item`.
    pub fn items_to_bytes(&self) -> io::Result<Vec<u8>> {
        pairs_to_bytes(&self.items)
    }

    /// As [`Histories::items_to_bytes`], of what was only seen; `None` where there is nothing.
    #[must_use]
    pub fn seen_to_bytes(&self) -> Option<io::Result<Vec<u8>>> {
        (self.seen.pairs() > 0).then(|| pairs_to_bytes(&self.seen))
    }

    /// Reads what [`Histories::users_to_bytes`], [`Histories::items_to_bytes`] and [`Histories::seen_to_bytes`] gave; the paths
    /// are for messages.
    pub fn from_bytes(
        (users_path, users): (&Path, Bytes),
        items: (&Path, Bytes),
        seen: Option<(&Path, Bytes)>,
        expected_users: usize,
        catalogue: usize,
    ) -> Result<Self, DataError> {
        let builder = parquet_of_bytes(users_path, users)?;
        let (mut ids, kind) = empty_ids(builder.schema());
        let mut learns = Vec::new();
        let mut columns = vec![("id", kind), ("learns", DataType::Boolean), ("items", DataType::UInt32)];
        columns.extend(seen.is_some().then_some((SEEN, DataType::UInt32)));
        let mut starts = vec![vec![0_usize]; columns.len() - 2];
        let mut batches = parquet_batches(users_path, builder, &columns)?;
        while let Some(batch) = batches.next()? {
            push_ids(users_path, &mut ids, batch.column(0))?;
            no_nulls(users_path, "learns", batch.column(1))?;
            learns.extend(batch.column(1).as_boolean().values().iter());
            for ((starts, lengths), (name, _)) in starts.iter_mut().zip(&batch.columns()[2..]).zip(&columns[2..]) {
                no_nulls(users_path, name, lengths)?;
                let mut end = starts[starts.len() - 1];
                for length in lengths.as_primitive::<UInt32Type>().values() {
                    end += *length as usize;
                    starts.push(end);
                }
            }
            counted(users_path, "users", ids.len(), expected_users, false)?;
        }
        counted(users_path, "users", ids.len(), expected_users, true)?;
        let mut starts = starts.into_iter();
        let mut rows = |file: Option<(&Path, Bytes)>| match (file, starts.next()) {
            (Some((path, bytes)), Some(starts)) => read_items(path, bytes, starts, catalogue),
            _ => Ok(Rows::empty(expected_users)),
        };
        let (items, seen) = (rows(Some(items))?, rows(seen)?);
        Ok(Self { users: ids, learns, items, seen })
    }
}

/// The column of the number of items that were only seen.
const SEEN: &str = "seen";

fn pairs_to_bytes(rows: &Rows) -> io::Result<Vec<u8>> {
    let schema = Schema::new(vec![parquet_field("item", DataType::UInt32)]);
    written(schema, vec![Arc::new(UInt32Array::from(rows.items().to_vec()))])
}

/// The rows that begin at `starts`; each must be strictly ascending and of items of the catalogue.
fn read_items(path: &Path, bytes: Bytes, starts: Vec<usize>, catalogue: usize) -> Result<Rows, DataError> {
    let (pairs, mut items) = (starts[starts.len() - 1], Vec::new());
    let mut batches = parquet_batches(path, parquet_of_bytes(path, bytes)?, &[("item", DataType::UInt32)])?;
    while let Some(batch) = batches.next()? {
        no_nulls(path, "item", batch.column(0))?;
        items.extend_from_slice(batch.column(0).as_primitive::<UInt32Type>().values());
        counted(path, "items of users", items.len(), pairs, false)?;
    }
    counted(path, "items of users", items.len(), pairs, true)?;
    for row in starts.windows(2) {
        let of_user = &items[row[0]..row[1]];
        let inside = of_user.last().is_none_or(|last| (*last as usize) < catalogue);
        if !inside || !of_user.is_sorted_by(|a, b| a < b) {
            let expected = "items of the catalogue in ascending order, each once a user";
            let row = row[0] as u64 + 1;
            return Err(FolderError::OutOfOrder { path: path.to_path_buf(), row, expected }.into());
        }
    }
    Ok(Rows::from_parts(starts, items))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(users: &Histories, items: &Histories, catalogue: usize) -> Result<Histories, DataError> {
        let (u, i) = (users.users_to_bytes().unwrap(), items.items_to_bytes().unwrap());
        let seen = items.seen_to_bytes().map(|bytes| (Path::new("seen"), bytes.unwrap().into()));
        Histories::from_bytes((Path::new("users"), u.into()), (Path::new("items"), i.into()), seen, 3, catalogue)
    }

    fn of(rows: Vec<Vec<u32>>) -> Histories {
        let users = Vocabulary::Text(vec!["a".into(), "b".into(), "c".into()]);
        Histories { users, learns: vec![true, false, true], items: Rows::from_lists(rows), seen: Rows::empty(3) }
    }

    #[test]
    fn histories_come_back_as_they_went_in() {
        let histories = of(vec![vec![0, 4], vec![], vec![2]]);
        assert!(histories.seen_to_bytes().is_none());
        assert_eq!(read(&histories, &histories, 5).unwrap(), histories);
        let with_seen = Histories { seen: Rows::from_lists([vec![1], vec![0, 3], vec![]]), ..histories.clone() };
        assert_eq!(read(&with_seen, &with_seen, 5).unwrap(), with_seen);
        assert_eq!(with_seen.clone().learned_alone(), histories);
        let outside = Histories { seen: Rows::from_lists([vec![1], vec![0, 5], vec![]]), ..histories.clone() };
        assert!(matches!(read(&outside, &outside, 5), Err(DataError::Folder(FolderError::OutOfOrder { row: 2, .. }))));
        assert!(read(&histories, &with_seen, 5).is_err() && read(&with_seen, &histories, 5).is_err());
    }

    #[test]
    fn items_that_are_not_those_of_the_users_are_refused() {
        let histories = of(vec![vec![0, 4], vec![], vec![2]]);
        let outside = read(&histories, &histories, 4).unwrap_err();
        assert!(matches!(outside, DataError::Folder(FolderError::OutOfOrder { row: 1, .. })), "{outside}");
        let others = read(&histories, &of(vec![vec![0, 4, 7]]), 8).unwrap();
        assert_eq!(others.items.row(2), [7]);
        let unsorted = read(&histories, &of(vec![vec![4], vec![0, 2]]), 5).unwrap_err();
        assert!(matches!(unsorted, DataError::Folder(FolderError::OutOfOrder { row: 1, .. })), "{unsorted}");
        assert!(read(&histories, &of(vec![vec![0, 4]]), 5).is_err());
        assert!(read(&histories, &of(vec![vec![0, 1, 2, 3]]), 5).is_err());
    }
}
