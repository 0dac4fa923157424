//! Probabilities for new examples, and the items that are found for new rows. Both come block by block, so that memory does not
//! grow with the rows, but for the ids of the users whom they name.

use std::path::Path;
use std::sync::Arc;

use adepts_data::examples::{EncodeSummary, Encoded, RawFiles};
use adepts_data::{DataError, Id, Progress, Vocabulary};
use adepts_serve::Exclude;
use adepts_serve::examples::{KEPT, Shelf};
use arrow_array::{ArrayRef, Float32Array, Int64Array, StringArray, UInt32Array, UInt64Array};

use super::evaluate::BLOCK;
use super::retrieval;
use super::run::RankerRun;
use super::table::{Columns, STEP, write_table};
use crate::error::Error;

/// Items in lists that are held at once.
const LONGEST: usize = 1 << 20;

/// Rows of a table of lists that are written at once.
const ENTRIES: usize = 64 * STEP;

/// What was predicted for some rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predicted {
    /// The place of each scored row among the rows of the files, from 1.
    pub rows: Vec<u64>,
    /// Its probability; of a run for retrieval the score of its item, no probability.
    pub scores: Vec<f32>,
}

impl RankerRun {
    /// Gives each row of raw files, which have the columns that the model was trained on, its probability, and hands them to `each`
    /// block by block. The label may be absent. What was met in the files is returned.
    pub fn predict<E: From<DataError>>(
        &self,
        files: &RawFiles,
        mut each: impl FnMut(Predicted) -> Result<(), E>,
        progress: Progress<'_>,
    ) -> Result<EncodeSummary, E> {
        let score = |block: Encoded| {
            let mut scores = vec![0.0; block.examples.rows()];
            self.model.score(&block.examples, &mut scores);
            each(Predicted { rows: block.rows, scores })
        };
        self.data.encode(files, BLOCK, score, progress)
    }

    /// As [`RankerRun::predict`], into a Parquet file, which is there whole or not at all: `row` and `score` of each row.
    pub fn predict_to(&self, files: &RawFiles, path: &Path, progress: Progress<'_>) -> Result<EncodeSummary, Error> {
        let done: Result<EncodeSummary, DataError> = write_table(path, Predicted::default().columns(), |table| {
            self.predict(files, |block| table.write(block.columns()), progress)
        });
        Ok(done?)
    }
}

impl Predicted {
    fn columns(self) -> Columns {
        vec![
            ("row", Arc::new(UInt64Array::from(self.rows)) as ArrayRef),
            ("score", Arc::new(Float32Array::from(self.scores))),
        ]
    }
}

/// The items that were found for some rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retrieved {
    /// The place of each answered row among the rows of the files, from 1.
    pub rows: Vec<u64>,
    /// For each of them the items with the highest scores, best first: the item's id and its score.
    pub lists: Vec<Vec<(Id, f32)>>,
}

impl RankerRun {
    /// Finds the `number` items with the highest scores for each row of raw files, which have the domain and the columns that
    /// describe the user, and hands them to `each` block by block. All items of the catalogue are looked at but for those that
    /// `exclude` says, where a field of the model names the user. Equal scores stand in the order of the items.
    ///
    /// Memory is that of the catalogue's vectors, and of scores and lists for a block of rows.
    pub fn retrieve<E: From<Error> + From<DataError>>(
        &self,
        files: &RawFiles,
        number: usize,
        exclude: Exclude,
        each: impl FnMut(Retrieved) -> Result<(), E>,
        progress: Progress<'_>,
    ) -> Result<EncodeSummary, E> {
        self.lists(&self.shelf()?, files, number, exclude, each, progress)
    }

    /// As [`RankerRun::retrieve`], into a Parquet file, which is there whole or not at all: `row`, `rank` (from 1), `item` and
    /// `score`.
    pub fn retrieve_to(
        &self,
        files: &RawFiles,
        number: usize,
        exclude: Exclude,
        path: &Path,
        progress: Progress<'_>,
    ) -> Result<EncodeSummary, Error> {
        let shelf = self.shelf()?;
        let mut entries =
            Entries { numbers: matches!(shelf.catalogue().ids, Vocabulary::Int(_)), ..Entries::default() };
        write_table(path, entries.columns(0), |table| {
            let each = |block: Retrieved| {
                entries.add(block);
                while entries.ranks.len() >= ENTRIES {
                    table.write(entries.columns(ENTRIES))?;
                }
                Ok::<(), Error>(())
            };
            let met = self.lists(&shelf, files, number, exclude, each, progress)?;
            table.write(entries.columns(entries.ranks.len()))?;
            Ok(met)
        })
    }

    fn shelf(&self) -> Result<Shelf, Error> {
        if self.model.towers().is_none() {
            let folder = self.folder.display();
            return Err(Error::Request(format!("{folder} gives probabilities; lists of items are for retrieval")));
        }
        Ok(Shelf::new(Arc::new(retrieval::catalogue(&self.data)?), KEPT))
    }

    fn lists<E: From<Error> + From<DataError>>(
        &self,
        shelf: &Shelf,
        files: &RawFiles,
        number: usize,
        exclude: Exclude,
        mut each: impl FnMut(Retrieved) -> Result<(), E>,
        progress: Progress<'_>,
    ) -> Result<EncodeSummary, E> {
        let towers = retrieval::towers(&*self.model)?;
        let (catalogue, ids) = (shelf.catalogue(), &shelf.catalogue().ids);
        let rows = (LONGEST / number.min(catalogue.len()).max(1)).clamp(1, BLOCK);
        let had = if exclude == Exclude::None { None } else { self.data.had()? };
        let find = |block: Encoded| {
            let (users, had) = (&block.examples, had.as_ref());
            let excluded = |row: usize| had.map_or(&[][..], |had| had.of(users, row, exclude == Exclude::Learned));
            let found = shelf.best(towers, users, &vec![number; users.rows()], &excluded).into_iter();
            let lists = found.map(|list| list.into_iter().map(|(item, score)| (ids.id(item), score)).collect());
            each(Retrieved { rows: block.rows, lists: lists.collect() })
        };
        self.data.encode_users(files, rows, find, progress)
    }
}

/// Rows of a table of lists that are still to be written.
#[derive(Default)]
struct Entries {
    /// Whether ids are numbers.
    numbers: bool,
    rows: Vec<u64>,
    ranks: Vec<u32>,
    ids: Vec<Id>,
    scores: Vec<f32>,
}

impl Entries {
    fn add(&mut self, block: Retrieved) {
        for (row, list) in block.rows.into_iter().zip(block.lists) {
            for (rank, (id, score)) in (1..).zip(list) {
                self.rows.push(row);
                self.ranks.push(rank);
                self.ids.push(id);
                self.scores.push(score);
            }
        }
    }

    /// Takes the first so many.
    fn columns(&mut self, count: usize) -> Columns {
        let ids = first(&mut self.ids, count);
        let ids: ArrayRef = if self.numbers {
            let number = |id: &Id| if let Id::Int(number) = id { *number } else { 0 };
            Arc::new(Int64Array::from_iter_values(ids.iter().map(number)))
        } else {
            Arc::new(StringArray::from_iter_values(ids.iter().map(ToString::to_string)))
        };
        vec![
            ("row", Arc::new(UInt64Array::from(first(&mut self.rows, count))) as ArrayRef),
            ("rank", Arc::new(UInt32Array::from(first(&mut self.ranks, count)))),
            ("item", ids),
            ("score", Arc::new(Float32Array::from(first(&mut self.scores, count)))),
        ]
    }
}

/// Takes the first so many out of a list.
fn first<T>(of: &mut Vec<T>, count: usize) -> Vec<T> {
    let rest = of.split_off(count);
    std::mem::replace(of, rest)
}
