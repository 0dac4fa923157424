//! Large embedding tables, outside automatic differentiation: rows are gathered, and only rows that were are updated.

pub mod kernel;

use crate::adam::kernel::Adam;
use crate::embedding::{self, Codes, Columns};
use crate::level::Level;
use kernel::{Adagrad, Rule, State};

/// A table of embeddings with the moments of Adam, or in place of the second one the sums of Adagrad.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    width: usize,
    weight: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Table {
    /// A table of these weights, `[rows, width]`, that has seen no gradient.
    ///
    /// # Panics
    /// If the number of weights is no multiple of the width.
    #[must_use]
    pub fn new(weight: Vec<f32>, width: usize) -> Self {
        assert!(width > 0 && weight.len().is_multiple_of(width), "table: {} weights of width {width}", weight.len());
        let n = weight.len();
        Self { width, weight, first: vec![0.0; n], second: vec![0.0; n] }
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

    /// Weights, first and second moments, each `[rows, width]`.
    #[must_use]
    pub fn arrays(&self) -> [&[f32]; 3] {
        [&self.weight, &self.first, &self.second]
    }

    /// Replaces what [`Table::arrays`] gives.
    ///
    /// # Panics
    /// If the sizes differ.
    pub fn replace(&mut self, arrays: [Vec<f32>; 3]) {
        assert!(arrays.iter().all(|array| array.len() == self.weight.len()), "table: arrays of another size");
        [self.weight, self.first, self.second] = arrays;
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
        let state = State { weight: &mut self.weight, first: &mut self.first, second: &mut self.second };
        kernel::update(Level::best(), rule, state, self.width, codes, gradient);
    }
}
