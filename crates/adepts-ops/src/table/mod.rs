//! Large embedding tables, outside automatic differentiation: rows are gathered, and only rows that were are updated.

pub mod kernel;

use std::sync::Arc;

use crate::adam::kernel::Adam;
use crate::embedding::{self, Codes, Columns};
use crate::level::Level;
use kernel::{Adagrad, Rule, State};

/// A table of embeddings with the moments of Adam, or in place of the second one the sums of Adagrad.
///
/// The moments take memory from the first update on, and weights are handed out without a copy, so that a table that is trained,
/// saved or opened stands in memory once.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    width: usize,
    weight: Arc<Vec<f32>>,
    /// Empty before the first update.
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Table {
    /// A table of these weights, `[rows, width]`, that has seen no gradient.
    ///
    /// # Panics
    /// If the number of weights is no multiple of the width.
    #[must_use]
    pub fn new(weight: impl Into<Arc<Vec<f32>>>, width: usize) -> Self {
        let weight = weight.into();
        assert!(width > 0 && weight.len().is_multiple_of(width), "table: {} weights of width {width}", weight.len());
        Self { width, weight, first: Vec::new(), second: Vec::new() }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.weight.len() / self.width
    }

    /// Floats of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The weights, `[rows, width]`, shared with the table: as long as they are held, an update copies them.
    #[must_use]
    pub fn weight(&self) -> Arc<Vec<f32>> {
        Arc::clone(&self.weight)
    }

    /// Weights, first and second moments, each `[rows, width]`; moments are empty before the first update.
    #[must_use]
    pub fn arrays(&self) -> [&[f32]; 3] {
        [&self.weight, &self.first, &self.second]
    }

    /// The same, to be overwritten, each `[rows, width]`.
    pub fn arrays_mut(&mut self) -> [&mut [f32]; 3] {
        let n = self.weight.len();
        for moments in [&mut self.first, &mut self.second] {
            if moments.len() != n {
                *moments = vec![0.0; n];
            }
        }
        let weight: &mut Vec<f32> = Arc::make_mut(&mut self.weight);
        [weight, &mut self.first, &mut self.second]
    }

    /// Ends the training: the moments go, and the weights are there to be overwritten by those that are kept, `[rows, width]`.
    pub fn finish(&mut self) -> &mut [f32] {
        (self.first, self.second) = (Vec::new(), Vec::new());
        let weight: &mut Vec<f32> = Arc::make_mut(&mut self.weight);
        weight
    }

    /// The mean of the rows that each row of codes names, zeros where it names none: `[codes.rows(), width]`.
    ///
    /// # Panics
    /// If a code is not in the table or `out` has another size.
    pub fn gather(&self, codes: &Codes, out: &mut [f32]) {
        embedding::kernel::gather(Level::best(), &self.weight, Columns::all(self.width), codes, out);
    }

    /// Update number `time` (from 1) of the rows that were gathered, given the gradient of what [`Table::gather`] gave. L2
    /// is applied to these rows alone, and moments of others do not decay (lazy Adam).
    ///
    /// # Panics
    /// If a code is not in the table or the gradient has another size.
    pub fn update(&mut self, codes: &Codes, gradient: &[f32], adam: Adam, time: u64) {
        self.apply(Rule::Adam(adam, time), codes, gradient);
    }

    /// As [`Table::update`], by Adagrad. The sums of squares are kept as second moments; the first ones stay as they are.
    ///
    /// # Panics
    /// If a code is not in the table or the gradient has another size.
    pub fn update_adagrad(&mut self, codes: &Codes, gradient: &[f32], adagrad: Adagrad) {
        self.apply(Rule::Adagrad(adagrad), codes, gradient);
    }

    fn apply(&mut self, rule: Rule, codes: &Codes, gradient: &[f32]) {
        let width = self.width;
        let [weight, first, second] = self.arrays_mut();
        kernel::update(Level::best(), rule, State { weight, first, second }, width, codes, gradient);
    }
}
