//! Embeddings of categorical fields: which rows of a table each row takes.

use std::ops::Range;

pub mod kernel;

#[cfg(feature = "burn")]
mod operation;
#[cfg(feature = "burn")]
pub use operation::{composed_gather, composed_gather_into, gather, gather_into, put_into};

/// Where embeddings stand in the rows of a wider matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The first of their columns.
    pub from: usize,
    /// How many columns they have.
    pub width: usize,
    /// How many the matrix has.
    pub of: usize,
}

impl Columns {
    /// A matrix of nothing else.
    #[must_use]
    pub fn all(width: usize) -> Self {
        Self { from: 0, width, of: width }
    }

    /// Their place in a row of the matrix.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.from..self.from + self.width
    }

    fn check(self, rows: usize, floats: usize) {
        let fits = floats == rows * self.of && self.from + self.width <= self.of;
        assert!(fits, "embedding: {floats} numbers for {rows} rows with {self:?}");
    }
}

/// The codes of some rows: one each, or a list of any length whose embeddings are averaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Where each row's list begins and the last ends, `rows + 1` numbers from 0; absent where each row has one code.
    starts: Option<Vec<u32>>,
    codes: Vec<u32>,
}

impl Codes {
    /// One code for each row.
    #[must_use]
    pub fn one(codes: Vec<u32>) -> Self {
        Self { starts: None, codes }
    }

    /// A list for each row.
    ///
    /// # Panics
    /// If `starts` does not begin with 0, descends, or does not end with the number of codes.
    #[must_use]
    pub fn many(starts: Vec<u32>, codes: Vec<u32>) -> Self {
        let ends = starts.first() == Some(&0) && starts.last() == Some(&(codes.len() as u32));
        assert!(ends && starts.is_sorted(), "codes: lists of {} codes", codes.len());
        Self { starts: Some(starts), codes }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.as_ref().map_or(self.codes.len(), |starts| starts.len() - 1)
    }

    /// The codes of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u32] {
        &self.codes[self.range(row)]
    }

    /// Where the codes of a row stand among all of them.
    #[inline]
    pub(crate) fn range(&self, row: usize) -> Range<usize> {
        match &self.starts {
            None => row..row + 1,
            Some(starts) => starts[row] as usize..starts[row + 1] as usize,
        }
    }

    /// The share of each code of a row in its mean.
    #[inline]
    pub(crate) fn share(&self, row: usize) -> f32 {
        if self.starts.is_none() { 1.0 } else { 1.0 / self.range(row).len() as f32 }
    }

    /// Panics if a code is outside a table of this many rows.
    pub(crate) fn check(&self, table_rows: usize) {
        if let Some(code) = self.codes.iter().find(|code| **code as usize >= table_rows) {
            panic!("embedding: code {code} is outside a table of {table_rows} rows");
        }
    }

    /// All codes, one row's behind the other's.
    #[must_use]
    pub fn all(&self) -> &[u32] {
        &self.codes
    }
}
