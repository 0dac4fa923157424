//! Probabilities for new examples, and the items that are found for new rows.

use std::path::Path;
use std::sync::Arc;

use adepts_data::examples::{EncodeSummary, Encoded, RawFiles};
use adepts_data::{Id, Progress};
use adepts_serve::examples::{KEPT, Shelf};
use arrow_array::{ArrayRef, Float32Array, Int64Array, StringArray, UInt32Array, UInt64Array};

use super::evaluate::{BLOCK, write_columns};
use super::retrieval;
use super::run::RankerRun;
use crate::error::Error;

/// What a prediction was about.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The place of each scored row among the rows of the files, from 1.
    pub rows: Vec<u64>,
    /// Its probability; of a run for retrieval the score of its item, no probability.
    pub scores: Vec<f32>,
    /// What was met in the files.
    pub met: EncodeSummary,
}

impl RankerRun {
    /// Gives each row of raw files, which have the columns that the model was trained on, its probability. The label may be
    /// absent.
    pub fn predict(&self, files: &RawFiles, progress: Progress<'_>) -> Result<Predicted, Error> {
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        let each = |block: Encoded| {
            let start = scores.len();
            scores.resize(start + block.examples.rows(), 0.0);
            self.model.score(&block.examples, &mut scores[start..]);
            rows.extend(block.rows);
            Ok::<(), Error>(())
        };
        let met = self.data.encode(files, BLOCK, each, progress)?;
        Ok(Predicted { rows, scores, met })
    }
}

/// The items that were found for rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieved {
    /// The place of each answered row among the rows of the files, from 1.
    pub rows: Vec<u64>,
    /// For each of them the items with the highest scores, best first: the item's id and its score.
    pub lists: Vec<Vec<(Id, f32)>>,
    /// What was met in the files.
    pub met: EncodeSummary,
}

impl RankerRun {
    /// Finds the `number` items with the highest scores for each row of raw files, which have the domain and the columns that
    /// describe the user. All items of the catalogue are looked at; items that the user has already are not left out. Equal
    /// scores stand in the order of the items.
    ///
    /// Memory is that of the catalogue's vectors, and of its scores for a block of rows.
    pub fn retrieve(&self, files: &RawFiles, number: usize, progress: Progress<'_>) -> Result<Retrieved, Error> {
        let Some(towers) = self.model.towers() else {
            let folder = self.folder.display();
            return Err(Error::Request(format!("{folder} gives probabilities; lists of items are for retrieval")));
        };
        let catalogue = retrieval::catalogue(&self.data)?;
        let shelf = Shelf::new(Arc::new(catalogue), KEPT);
        let ids = &shelf.catalogue().ids;
        let (mut rows, mut lists) = (Vec::new(), Vec::new());
        let each = |block: Encoded| {
            let found = shelf.best(towers, &block.examples, &vec![number; block.examples.rows()]).into_iter();
            lists.extend(found.map(|list| list.into_iter().map(|(item, score)| (ids.id(item), score)).collect()));
            rows.extend(block.rows);
            Ok::<(), Error>(())
        };
        let met = self.data.encode_users(files, BLOCK, each, progress)?;
        Ok(Retrieved { rows, lists, met })
    }
}

impl Retrieved {
    /// Writes `row`, `rank` (from 1), `item` and `score` as Parquet.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let (mut rows, mut ranks, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        let mut ids = Vec::new();
        for (row, list) in self.rows.iter().zip(&self.lists) {
            for (rank, (id, score)) in (1u32..).zip(list) {
                rows.push(*row);
                ranks.push(rank);
                ids.push(id.clone());
                scores.push(*score);
            }
        }
        let numbers: Option<Vec<i64>> =
            ids.iter().map(|id| if let Id::Int(n) = id { Some(*n) } else { None }).collect();
        let ids: ArrayRef = match numbers {
            Some(numbers) => Arc::new(Int64Array::from(numbers)),
            None => Arc::new(StringArray::from_iter_values(ids.iter().map(ToString::to_string))),
        };
        let (rows, ranks): (ArrayRef, ArrayRef) =
            (Arc::new(UInt64Array::from(rows)), Arc::new(UInt32Array::from(ranks)));
        let scores = Arc::new(Float32Array::from(scores));
        write_columns(path, vec![("row", rows), ("rank", ranks), ("item", ids), ("score", scores)])
    }
}

impl Predicted {
    /// Writes `row` and `score` of each row as Parquet.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let rows: ArrayRef = Arc::new(UInt64Array::from(self.rows.clone()));
        write_columns(path, vec![("row", rows), ("score", Arc::new(Float32Array::from(self.scores.clone())))])
    }
}
