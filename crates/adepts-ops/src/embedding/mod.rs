//! Embeddings of categorical fields: which rows of a table each example takes.

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
        match &self.starts {
            None => &self.codes[row..=row],
            Some(starts) => &self.codes[starts[row] as usize..starts[row + 1] as usize],
        }
    }

    /// All codes, one row's behind the other's.
    #[must_use]
    pub fn all(&self) -> &[u32] {
        &self.codes
    }
}
