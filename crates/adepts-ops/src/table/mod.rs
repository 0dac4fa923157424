//! Large embedding tables, outside automatic differentiation: rows are gathered, and only rows that were are updated.

use crate::adam::kernel::Adam;
use crate::embedding::Codes;

/// A table of embeddings with the moments of Adam.
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
        assert_eq!(out.len(), codes.rows() * self.width, "table: gather");
        for (row, out) in out.chunks_exact_mut(self.width).enumerate() {
            out.fill(0.0);
            let listed = codes.row(row);
            for code in listed {
                let weight = &self.weight[*code as usize * self.width..][..self.width];
                out.iter_mut().zip(weight).for_each(|(out, weight)| *out += weight);
            }
            let scale = 1.0 / listed.len().max(1) as f32;
            out.iter_mut().for_each(|out| *out *= scale);
        }
    }

    /// Update number `time` (from 1) of the rows that were gathered, given the gradient of what [`Table::gather`] gave. L2
    /// is applied to these rows alone, and moments of others do not decay (lazy Adam).
    ///
    /// # Panics
    /// If a code is not in the table or the gradient has another size.
    pub fn update(&mut self, codes: &Codes, gradient: &[f32], adam: Adam, time: u64) {
        assert_eq!(gradient.len(), codes.rows() * self.width, "table: update");
        let mut touched: Vec<(u32, u32)> = (0..codes.rows() as u32)
            .flat_map(|row| codes.row(row as usize).iter().map(move |code| (*code, row)))
            .collect();
        touched.sort_unstable();
        let mut sum = vec![0.0; self.width];
        for of_code in touched.chunk_by(|a, b| a.0 == b.0) {
            sum.fill(0.0);
            for (_, row) in of_code {
                let scale = 1.0 / codes.row(*row as usize).len() as f32;
                let gradient = &gradient[*row as usize * self.width..][..self.width];
                sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += scale * g);
            }
            let at = of_code[0].0 as usize * self.width..(of_code[0].0 as usize + 1) * self.width;
            let (first, second) = (&mut self.first[at.clone()], &mut self.second[at.clone()]);
            crate::adam::kernel::step(crate::Level::best(), adam, time, &mut self.weight[at], &sum, first, second);
        }
    }
}
