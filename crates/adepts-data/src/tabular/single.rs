//! Rows that come one by one, as a question brings them, through the vocabularies of prepared tabular data. The rows
//! themselves are not opened.

use std::path::Path;

use super::batch::{Schema, TabularBatch};
use super::coder::{Coded, Coder};
use super::folder;
use super::manifest::{Coding, TabularManifest};
use super::read::Row;
use super::values::{FINITE, check_category, number};
use crate::config::Column;
use crate::error::DataError;
use crate::id::Id;
use crate::source::Cell;

/// Codes rows as the training part was.
pub struct RowCoder {
    manifest: TabularManifest,
    coder: Coder,
    columns: Vec<String>,
    fields: usize,
}

/// Some rows, coded, and what they lacked.
pub struct CodedRows(Coded);

/// A value that a column cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// The column, an index into [`RowCoder::columns`].
    pub column: usize,
    /// What it can have.
    pub expected: &'static str,
}

impl RowCoder {
    /// Opens the vocabularies of a prepared folder, after they were found to be those that were written.
    ///
    /// # Errors
    /// For whatever is not as it was written; the parts are not looked at.
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        Self::of(dir, TabularManifest::read(dir)?)
    }

    /// As [`RowCoder::open`], for rows that have the columns of [`Side::User`](super::Side::User) alone.
    ///
    /// # Errors
    /// As [`RowCoder::open`].
    pub fn open_users(dir: &Path) -> Result<Self, DataError> {
        Self::of(dir, TabularManifest::read(dir)?.without_item())
    }

    fn of(dir: &Path, manifest: TabularManifest) -> Result<Self, DataError> {
        let mut vocabularies = Vec::new();
        for field in &manifest.fields {
            let Coding::Vocabulary { file, values } = &field.coding else { continue };
            // The manifest names each file that it vouches for; another is not read.
            let note = manifest.files.iter().find(|note| note.name == *file);
            let note = note.ok_or_else(|| DataError::MissingFile { path: dir.join(file) })?;
            folder::check(dir, note)?;
            vocabularies.push(folder::read_vocabulary(&dir.join(file), *values)?.0);
        }
        let coder = Coder::new(&manifest, &vocabularies);
        let name = |column: &Column| match column {
            Column::Name(name) => name.clone(),
            Column::Position(position) => position.to_string(),
        };
        let config = &manifest.data;
        let columns = config.fields.iter().map(|field| &field.column).chain(config.dense.iter().map(|d| &d.column));
        let (columns, fields) = (columns.map(name).collect(), config.fields.len());
        Ok(Self { manifest, coder, columns, fields })
    }

    /// How the rows were prepared.
    #[must_use]
    pub fn manifest(&self) -> &TabularManifest {
        &self.manifest
    }

    /// What the columns of coded rows are.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        self.coder.schema()
    }

    /// The columns of a row: categorical ones, then numbers. Without a header they have their positions for names.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The index of a domain; `None` if the training part does not have it.
    #[must_use]
    pub fn domain(&self, domain: &Id) -> Option<u32> {
        match domain {
            Id::Int(number) => self.coder.domain(Cell::Int(*number)),
            Id::Text(text) => self.coder.domain(Cell::Text(text)),
        }
    }

    /// No rows yet.
    #[must_use]
    pub fn rows(&self) -> CodedRows {
        CodedRows(Coded::new(self.schema()))
    }

    /// Appends a row: a value, or [`Cell::Missing`], for each of the columns.
    ///
    /// # Panics
    /// If there are not as many cells as columns.
    pub fn push(&self, domain: u32, cells: &[Cell<'_>], rows: &mut CodedRows) -> Result<(), BadCell> {
        assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column");
        let (fields, numbers) = cells.split_at(self.fields);
        for (column, (cell, field)) in fields.iter().zip(&self.manifest.fields).enumerate() {
            check_category(*cell, field.many).map_err(|expected| BadCell { column, expected })?;
        }
        let mut dense = Vec::with_capacity(numbers.len());
        for (at, cell) in numbers.iter().enumerate() {
            let bad = |()| BadCell { column: self.fields + at, expected: FINITE };
            dense.push(number(*cell).map_err(bad)?);
        }
        let row = Row {
            number: 0,
            label: 0.0,
            domain: Cell::Missing,
            user: None,
            time: None,
            item: None,
            fields,
            dense: &dense,
            kept: &[],
        };
        self.coder.push(&row, domain, None, &mut rows.0);
        Ok(())
    }

    /// For each column with such values: how many the training part did not have.
    #[must_use]
    pub fn unknown(&self, rows: &CodedRows) -> Vec<(String, u64)> {
        let names = self.schema().fields.iter().map(|field| &field.name);
        counted(names.zip(&rows.0.unknown))
    }

    /// For each column with such rows: how many have no value.
    #[must_use]
    pub fn missing(&self, rows: &CodedRows) -> Vec<(String, u64)> {
        let Schema { fields, dense, .. } = self.schema();
        let fields = fields.iter().map(|field| &field.name).zip(&rows.0.missing);
        counted(fields.chain(dense.iter().zip(&rows.0.dense_missing)))
    }

    /// For each column with such rows: how many have a number so far outside of what the training part has that it was clipped.
    #[must_use]
    pub fn clipped(&self, rows: &CodedRows) -> Vec<(String, u64)> {
        counted(self.schema().dense.iter().zip(&rows.0.clipped))
    }
}

impl CodedRows {
    /// The rows.
    #[must_use]
    pub fn batch(&self) -> &TabularBatch {
        &self.0.batch
    }
}

fn counted<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>) -> Vec<(String, u64)> {
    counts.filter(|(_, count)| **count > 0).map(|(name, count)| (name.clone(), *count)).collect()
}
