//! Probabilities for new rows, and the items that are found for new rows. Both come block by block, so that memory does not
//! grow with the rows, but for the ids of the users whom they name.

use std::path::Path;
use std::sync::Arc;

use adepts_data::tabular::{EncodeSummary, Encoded, RawFiles, appended, repeated};
use adepts_data::{DataError, Id, Progress, Vocabulary};
use adepts_serve::Exclude;
use adepts_serve::tabular::{KEPT, Shelf};
use arrow_array::{Array, ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{Field, FieldRef, Schema};

use super::retrieval;
use super::run::TabularRun;
use super::scored::BLOCK;
use super::sheet::{Form, write_sheet};
use super::table::STEP;
use crate::error::Error;

/// Items in lists that are held at once.
const LONGEST: usize = 1 << 20;

/// Rows of a table of lists that are written at once.
const ENTRIES: usize = 64 * STEP;

/// The columns of a table of scores itself; none that is passed through may have the name of one of them.
pub const SCORES: [&str; 2] = ["row", "score"];

/// The same of a table of lists.
pub const LISTS: [&str; 4] = ["row", "rank", "item", "score"];

/// What was predicted for some rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predicted {
    /// The place of each scored row among the rows of the files, from 1.
    pub rows: Vec<u64>,
    /// Its probability; of a run for retrieval the score of its item, no probability.
    pub scores: Vec<f32>,
    /// The columns of the files that are passed through ([`RawFiles::keep`]), if there are some.
    pub kept: Option<RecordBatch>,
}

impl TabularRun {
    /// Gives each row of raw files, which have the columns that the model was trained on, its probability, and hands them to `each`
    /// block by block. The label may be absent. What was met in the files is returned.
    pub fn predict<E: From<Error> + From<DataError>>(
        &self,
        files: &RawFiles,
        mut each: impl FnMut(Predicted) -> Result<(), E>,
        progress: Progress<'_>,
    ) -> Result<EncodeSummary, E> {
        let score = |block: Encoded| {
            let mut scores = vec![0.0; block.batch.rows()];
            self.model.score(&block.batch, &mut scores);
            check_kept(block.kept.as_ref(), &SCORES)?;
            each(Predicted { rows: block.rows, scores, kept: block.kept })
        };
        self.data.encode(files, BLOCK, score, progress)
    }

    /// As [`TabularRun::predict`], into a file, `.parquet` or `.csv`, which is there whole or not at all: `row`, what is passed
    /// through, and `score` of each row.
    pub fn predict_to(&self, files: &RawFiles, path: &Path, progress: Progress<'_>) -> Result<EncodeSummary, Error> {
        write_sheet(path, Form::of(path)?, |sheet| {
            self.predict(files, |block| Ok::<(), Error>(sheet.write(&block.table())?), progress)
        })
    }
}

impl Predicted {
    /// As a table: `row`, what is passed through, and `score`.
    #[must_use]
    pub fn table(self) -> RecordBatch {
        let row: ArrayRef = Arc::new(UInt64Array::from(self.rows));
        let score: ArrayRef = Arc::new(Float32Array::from(self.scores));
        table([("row", row)], self.kept, [("score", score)])
    }
}

/// Columns of equal length, those that are passed through between the others.
fn table(
    before: impl IntoIterator<Item = (&'static str, ArrayRef)>,
    kept: Option<RecordBatch>,
    behind: impl IntoIterator<Item = (&'static str, ArrayRef)>,
) -> RecordBatch {
    let own =
        |(name, column): (&str, ArrayRef)| (Arc::new(Field::new(name, column.data_type().clone(), false)), column);
    let mut columns: Vec<(FieldRef, ArrayRef)> = before.into_iter().map(own).collect();
    if let Some(kept) = kept {
        columns.extend(kept.schema().fields().iter().cloned().zip(kept.columns().iter().cloned()));
    }
    columns.extend(behind.into_iter().map(own));
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of equal length")
}

/// Refuses columns that are passed through to an output which has columns of these names itself, and those that stand twice.
pub fn check_kept(kept: Option<&RecordBatch>, own: &[&str]) -> Result<(), Error> {
    let schema = kept.map(RecordBatch::schema);
    let names: Vec<&str> =
        schema.iter().flat_map(|schema| schema.fields()).map(|field| field.name().as_str()).collect();
    if let Some(name) = names.iter().find(|name| own.contains(name)) {
        return Err(Error::Request(format!(
            "the column `{name}` cannot be kept: what is written has one of that name; rename it in the file"
        )));
    }
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, twice)) => Err(Error::Request(format!("the column `{twice}` is to be kept twice"))),
        None => Ok(()),
    }
}

/// The items that were found for some rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retrieved {
    /// The place of each answered row among the rows of the files, from 1.
    pub rows: Vec<u64>,
    /// For each of them the items with the highest scores, best first: the item's id and its score.
    pub lists: Vec<Vec<(Id, f32)>>,
    /// The columns of the files that are passed through, a row for each of them, if there are some.
    pub kept: Option<RecordBatch>,
}

impl TabularRun {
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

    /// As [`TabularRun::retrieve`], into a file, `.parquet` or `.csv`, which is there whole or not at all: `row`, what is passed
    /// through, `rank` (from 1), `item` and `score`.
    pub fn retrieve_to(
        &self,
        files: &RawFiles,
        number: usize,
        exclude: Exclude,
        path: &Path,
        progress: Progress<'_>,
    ) -> Result<EncodeSummary, Error> {
        let shelf = self.shelf()?;
        let numbers = matches!(shelf.catalogue().ids, Vocabulary::Int(_));
        write_sheet(path, Form::of(path)?, |sheet| {
            // Rows wait until there are as many as are written at once.
            let mut waiting: Option<RecordBatch> = None;
            let each = |block: Retrieved| {
                check_kept(block.kept.as_ref(), &LISTS)?;
                let table = block.table(numbers);
                let mut all = match waiting.take() {
                    Some(before) => appended(&before, &table),
                    None => table,
                };
                while all.num_rows() >= ENTRIES {
                    sheet.write(&all.slice(0, ENTRIES))?;
                    all = all.slice(ENTRIES, all.num_rows() - ENTRIES);
                }
                waiting = Some(all);
                Ok::<(), Error>(())
            };
            let met = self.lists(&shelf, files, number, exclude, each, progress)?;
            waiting.iter().try_for_each(|rest| sheet.write(rest))?;
            Ok(met)
        })
    }

    /// Whether the ids of the items to be found are numbers.
    pub fn numbered(&self) -> Result<bool, Error> {
        Ok(matches!(retrieval::catalogue(&self.data)?.ids, Vocabulary::Int(_)))
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
            let (users, had) = (&block.batch, had.as_ref());
            let excluded = |row: usize| had.map_or(&[][..], |had| had.of(users, row, exclude == Exclude::Learned));
            let found = shelf.best(towers, users, &vec![number; users.rows()], &excluded).into_iter();
            let lists = found.map(|list| list.into_iter().map(|(item, score)| (ids.id(item), score)).collect());
            // What else must not be kept depends on what is written.
            check_kept(block.kept.as_ref(), &LISTS[..1])?;
            each(Retrieved { rows: block.rows, lists: lists.collect(), kept: block.kept })
        };
        self.data.encode_users(files, rows, find, progress)
    }
}

impl Retrieved {
    /// As a table with a row for each item: `row`, what is passed through, `rank`, `item` (as numbers if the ids of all are
    /// `numbers`) and `score`.
    #[must_use]
    pub fn table(self, numbers: bool) -> RecordBatch {
        let Self { rows, lists, kept } = self;
        let lengths: Vec<usize> = lists.iter().map(Vec::len).collect();
        let row = rows.into_iter().zip(&lengths).flat_map(|(row, length)| std::iter::repeat_n(row, *length));
        let row: ArrayRef = Arc::new(UInt64Array::from_iter_values(row));
        let rank = lengths.iter().flat_map(|length| 1..=*length as u32);
        let rank: ArrayRef = Arc::new(UInt32Array::from_iter_values(rank));
        let entries = || lists.iter().flatten();
        let item: ArrayRef = if numbers {
            let number = |(id, _): &(Id, f32)| if let Id::Int(number) = id { *number } else { 0 };
            Arc::new(Int64Array::from_iter_values(entries().map(number)))
        } else {
            Arc::new(StringArray::from_iter_values(entries().map(|(id, _)| id.to_string())))
        };
        let score: ArrayRef = Arc::new(Float32Array::from_iter_values(entries().map(|(_, score)| *score)));
        let kept = kept.map(|kept| repeated(&kept, &lengths));
        table([("row", row)], kept, [("rank", rank), ("item", item), ("score", score)])
    }
}
