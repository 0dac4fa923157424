//! The sparse rows of a batch, and their transpose.

use std::sync::OnceLock;

/// A batch of binary rows over the catalogue, each with a scale: `x[r, i] = scale[r]` for the listed items.
#[derive(Debug, Default)]
pub struct Csr {
    starts: Vec<usize>,
    items: Vec<u32>,
    scale: Vec<f32>,
    columns: usize,
    transposed: OnceLock<Transposed>,
}

/// For each item the rows that have it, ascending.
#[derive(Debug, Default)]
pub struct Transposed {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Csr {
    /// Rows over `columns` items, with scale 1.
    ///
    /// # Panics
    /// If an item is not below `columns`.
    #[must_use]
    pub fn from_rows<'a>(columns: usize, rows: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut csr = Self { starts: vec![0], columns, ..Self::default() };
        for row in rows {
            if let Some(item) = row.iter().find(|item| **item as usize >= columns) {
                panic!("Csr: item {item} is outside the catalogue of {columns} items");
            }
            csr.items.extend_from_slice(row);
            csr.starts.push(csr.items.len());
        }
        csr.scale = vec![1.0; csr.rows()];
        csr
    }

    /// The same rows, each scaled to length 1 (1/√n for n items; an empty row keeps scale 1) times `factor`.
    #[must_use]
    pub fn normalised(mut self, factor: f32) -> Self {
        for row in 0..self.rows() {
            let n = self.row(row).len().max(1);
            self.scale[row] = factor / (n as f32).sqrt();
        }
        self
    }

    /// The rows whose scales are given.
    ///
    /// # Panics
    /// If there is not one scale per row.
    #[must_use]
    pub fn scaled(mut self, scale: Vec<f32>) -> Self {
        assert_eq!(scale.len(), self.rows(), "Csr: one scale per row");
        self.scale = scale;
        self
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of items in the catalogue.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The items of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u32] {
        &self.items[self.starts[row]..self.starts[row + 1]]
    }

    /// The scale of a row.
    #[must_use]
    pub fn scale(&self, row: usize) -> f32 {
        self.scale[row]
    }

    /// Number of entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.items.len()
    }

    /// For each item the rows that have it; built at the first call.
    #[must_use]
    pub fn transposed(&self) -> &Transposed {
        self.transposed.get_or_init(|| {
            let mut starts = vec![0; self.columns + 1];
            for &item in &self.items {
                starts[item as usize + 1] += 1;
            }
            for i in 0..self.columns {
                starts[i + 1] += starts[i];
            }
            let mut next = starts.clone();
            let mut rows = vec![0; self.items.len()];
            for row in 0..self.rows() {
                for &item in self.row(row) {
                    rows[next[item as usize]] = row as u32;
                    next[item as usize] += 1;
                }
            }
            Transposed { starts, rows }
        })
    }
}

impl Transposed {
    /// The rows that have an item, ascending.
    #[must_use]
    pub fn rows(&self, item: usize) -> &[u32] {
        &self.rows[self.starts[item]..self.starts[item + 1]]
    }
}
