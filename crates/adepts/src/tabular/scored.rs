//! Scores of the rows of a part, in memory and as a file.

use std::path::Path;
use std::sync::Arc;

use adepts_core::TabularModel;
use adepts_data::tabular::TabularDataset;
use adepts_data::{Part, Progress};
use adepts_eval::{GateTally, Truth};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array as _, ArrayRef, Float32Array, Int64Array, StringArray, UInt32Array, UInt64Array};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::table::{Columns, write_table};
use crate::error::{Error, RunError};

/// Rows that are scored at once.
pub(super) const BLOCK: usize = 1 << 14;

/// The scores of a part, with what they are judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// The probability that the model gives to each row.
    pub score: Vec<f32>,
    /// The label of each row.
    pub label: Vec<f32>,
    /// The domain of each row.
    pub domain: Vec<u32>,
    /// The user of each row; empty where the data has none.
    pub user: Vec<u32>,
}

impl Scored {
    /// What the scores are judged by.
    #[must_use]
    pub fn truth<'a>(&'a self, domains: &'a [String]) -> Truth<'a> {
        Truth { label: &self.label, user: &self.user, domain: &self.domain, domains }
    }
}

/// Scores the rows of a part, and notes in `tally` what the gate does.
pub fn score(
    model: &dyn TabularModel,
    data: &TabularDataset,
    part: Part,
    mut tally: Option<&mut GateTally>,
    progress: Progress<'_>,
) -> Result<Scored, Error> {
    let rows = data.rows(part);
    let mut scored = Scored { score: vec![0.0; rows], ..Scored::default() };
    let mut done = 0;
    for block in data.blocks(part, BLOCK)? {
        let block = block?;
        progress("score", done as u64, Some(rows as u64));
        model.score(&block, &mut scored.score[done..done + block.rows()]);
        if let Some(tally) = &mut tally {
            tally.add(&block.domain, &model.gates(&block))?;
        }
        done += block.rows();
        scored.label.extend_from_slice(&block.label);
        scored.domain.extend_from_slice(&block.domain);
        scored.user.extend_from_slice(&block.user);
    }
    Ok(scored)
}

/// Writes the scores of test rows: columns `row` (its place among the rows of the source, from 1), `score`, `label`, `domain` and
/// `user` (the id), each in the type that it has in the source, so that tables join without a cast. Data that was prepared before this was kept has the user's number
/// instead of the id, and no `row`.
pub(super) fn write_scored(path: &Path, scored: &Scored, data: &TabularDataset) -> Result<(), Error> {
    let domains = &data.schema().domains;
    let names = scored.domain.iter().map(|domain| Some(domains[*domain as usize].as_str()));
    let origins = data.origins(Part::Test)?;
    let mut columns = Columns::new();
    if let Some(origins) = &origins {
        columns.push(("row", Arc::new(UInt64Array::from(origins.rows.clone()))));
    }
    columns.extend([
        ("score", Arc::new(Float32Array::from(scored.score.clone())) as ArrayRef),
        ("label", Arc::new(Float32Array::from(scored.label.clone()))),
        ("domain", typed(names, data.manifest().number_domains)),
    ]);
    match origins {
        Some(origins) if !origins.users.is_empty() => {
            let users = origins.users.iter().map(Option::as_deref);
            columns.push(("user", typed(users, data.manifest().number_users)));
        }
        None if !scored.user.is_empty() => columns.push(("user", Arc::new(UInt32Array::from(scored.user.clone())))),
        _ => {}
    }
    write_table(path, columns.clone(), |table| Ok(table.write(columns)?))
}

/// Spellings as a column of whole numbers or of text.
fn typed<'a>(spellings: impl Iterator<Item = Option<&'a str>>, numbers: bool) -> ArrayRef {
    if numbers {
        return Arc::new(spellings.map(|spelling| spelling?.parse::<i64>().ok()).collect::<Int64Array>());
    }
    Arc::new(spellings.collect::<StringArray>())
}

/// The scores that a run gave to the rows of its test part, in their order.
pub(super) fn read_scores(path: &Path, rows: usize) -> Result<Vec<f32>, Error> {
    let damaged = |reason: String| Error::from(RunError::Damaged { path: path.to_owned(), reason });
    let file =
        std::fs::File::open(path).map_err(|source| RunError::Io { action: "read", path: path.to_owned(), source })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let mut scores = Vec::new();
    for batch in reader.map_err(|e| damaged(e.to_string()))? {
        let batch = batch.map_err(|e| damaged(e.to_string()))?;
        let column = batch.column_by_name("score").and_then(|column| column.as_primitive_opt::<Float32Type>());
        let column = column.ok_or_else(|| damaged("it has no column `score` of 32-bit floats".into()))?;
        if column.null_count() > 0 {
            return Err(damaged("the column `score` has rows without a value".into()));
        }
        scores.extend_from_slice(column.values());
    }
    if scores.len() != rows {
        return Err(damaged(format!("it has {} rows, the test part has {rows}", scores.len())));
    }
    Ok(scores)
}
