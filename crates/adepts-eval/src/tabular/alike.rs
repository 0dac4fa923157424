//! Do two experts say the same? The correlation of their outputs over rows, added up block by block.

use super::summary::AlikeExperts;
use super::truth::TabularEvalError;

/// From this correlation on two experts are called duplicates.
const DUPLICATE: f64 = 0.95;

/// Adds up what the correlations of experts' outputs are made of.
#[derive(Clone, Debug)]
pub struct OutputTally {
    experts: usize,
    rows: usize,
    /// Numbers that an expert gives for a row; known with the first block.
    width: usize,
    /// Sum of each number of each expert: `[experts, width]`.
    sums: Vec<f64>,
    /// Σ over rows and numbers of the products of two experts: `[experts, experts]`, those with a ≤ b.
    products: Vec<f64>,
}

impl OutputTally {
    /// Nothing yet.
    #[must_use]
    pub fn new(experts: usize) -> Self {
        Self { experts, rows: 0, width: 0, sums: Vec::new(), products: vec![0.0; experts * experts] }
    }

    /// Adds some rows, for which every expert was computed: `[experts, rows, width]`.
    ///
    /// # Errors
    /// If the outputs are not of these experts and rows, or of another width than those before; then nothing is added.
    pub fn add(&mut self, rows: usize, outputs: &[f32]) -> Result<(), TabularEvalError> {
        let experts = self.experts;
        let width = outputs.len().checked_div(rows * experts).unwrap_or(0);
        if outputs.len() != experts * rows * width || self.rows > 0 && rows > 0 && width != self.width {
            return Err(TabularEvalError::OutputSize { found: outputs.len(), experts, rows });
        }
        if rows == 0 || width == 0 {
            return Ok(());
        }
        self.width = width;
        self.sums.resize(experts * width, 0.0);
        self.rows += rows;
        let of: Vec<&[f32]> = outputs.chunks_exact(rows * width).collect();
        for (a, first) in of.iter().enumerate() {
            for row in first.chunks_exact(width) {
                let sums = self.sums[a * width..][..width].iter_mut();
                sums.zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            for (b, second) in of.iter().enumerate().skip(a) {
                let products = first.iter().zip(*second).map(|(x, y)| f64::from(*x) * f64::from(*y));
                self.products[a * experts + b] += products.sum::<f64>();
            }
        }
        Ok(())
    }

    /// The sum over an output's numbers of the covariances of two experts, times the rows.
    fn covariance(&self, a: usize, b: usize) -> f64 {
        let of = |expert: usize| &self.sums[expert * self.width..][..self.width];
        let means: f64 = of(a).iter().zip(of(b)).map(|(x, y)| x * y).sum();
        self.products[a * self.experts + b] - means / self.rows.max(1) as f64
    }

    /// The pairs of experts whose outputs are correlated by at least .95, the most alike first. The correlation is of all numbers
    /// of an output together, each less its mean over the rows; an expert that always says the same is like none.
    #[must_use]
    pub fn duplicates(&self) -> Vec<AlikeExperts> {
        let mut found = Vec::new();
        for (first, second) in (0..self.experts).flat_map(|a| (a + 1..self.experts).map(move |b| (a, b))) {
            if self.width == 0 {
                break;
            }
            let spread = (self.covariance(first, first) * self.covariance(second, second)).sqrt();
            let correlation = self.covariance(first, second) / spread;
            if correlation >= DUPLICATE {
                found.push(AlikeExperts { first, second, correlation: correlation.min(1.0) });
            }
        }
        found.sort_by(|a, b| b.correlation.total_cmp(&a.correlation));
        found
    }

    /// Rows that were added.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three experts of width 2 on six rows: the second is the first doubled and moved, the third its opposite.
    fn outputs() -> Vec<f32> {
        let first = [1.0, 5.0, 2.0, 4.0, 3.0, 1.0, 4.0, 9.0, 0.0, 2.0, 7.0, 3.0];
        let second = first.iter().enumerate().map(|(at, x)| 2.0 * x + (at % 2) as f32);
        let third = first.iter().map(|x| 8.0 - x);
        first.iter().copied().chain(second).chain(third).collect()
    }

    #[test]
    fn an_expert_that_says_the_same_in_other_units_is_a_duplicate_and_its_opposite_is_none() {
        let mut tally = OutputTally::new(3);
        tally.add(6, &outputs()).unwrap();
        let [pair] = tally.duplicates().try_into().unwrap();
        assert_eq!((pair.first, pair.second, tally.rows()), (0, 1, 6));
        assert!((pair.correlation - 1.0).abs() < 1e-12);
    }

    #[test]
    fn blocks_give_what_all_rows_give_at_once() {
        let of = |rows: std::ops::Range<usize>| -> Vec<f32> {
            outputs().chunks(12).flat_map(|of| of[2 * rows.start..2 * rows.end].to_vec()).collect()
        };
        let (mut whole, mut blocks) = (OutputTally::new(3), OutputTally::new(3));
        whole.add(6, &outputs()).unwrap();
        blocks.add(2, &of(0..2)).unwrap();
        blocks.add(4, &of(2..6)).unwrap();
        for (a, b) in whole.duplicates().iter().zip(blocks.duplicates()) {
            assert!((a.correlation - b.correlation).abs() < 1e-12 && (a.first, a.second) == (b.first, b.second));
        }
        assert_eq!(whole.duplicates().len(), blocks.duplicates().len());
    }

    #[test]
    fn an_expert_that_never_changes_is_like_no_other() {
        let mut tally = OutputTally::new(2);
        tally.add(3, &[1.0; 6]).unwrap();
        assert!(tally.duplicates().is_empty());
        assert!(OutputTally::new(2).duplicates().is_empty());
    }

    #[test]
    fn outputs_of_another_size_are_refused() {
        let mut tally = OutputTally::new(2);
        tally.add(3, &[1.0; 6]).unwrap();
        let told = tally.add(3, &[1.0; 12]).unwrap_err().to_string();
        assert_eq!(told, "12 outputs are not equally many for each of 2 experts and 3 rows");
        assert!(tally.add(3, &[1.0; 5]).is_err());
    }
}
