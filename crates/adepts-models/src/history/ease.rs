//! EASE: a linear model of the history, found exactly.
//!
//! Of all item-to-item weights B with a zero diagonal, those that minimise ‖X − XB‖² + λ‖B‖² (X the binary training rows):
//! with `P = (XᵀX + λI)⁻¹`, `B = I − P / diag(P)`, column by column (Steck 2019, eq. 8). Simple, and hard to beat.
//!
//! Counts are whole numbers and the inverse is found in 64-bit floats; B is kept in 32-bit floats, `[items, items]`.

mod inverse;

use adepts_core::{
    ClosedForm, ConfigError, Fit, FitError, HistoryBatch, HistoryModel, HistoryRecipe, HistorySizes, HistorySpec,
    Memory, Tensors, TensorsError, config,
};
use adepts_data::{Progress, Rows};
use adepts_ops::sparse_linear::kernel::{Shape, forward};
use adepts_ops::{Csr, Level};
use burn::tensor::Device;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The entry of the registry.
pub static SPEC: HistorySpec = HistorySpec {
    name: "ease",
    summary: "The best linear item-to-item model, found exactly in one go; strong on catalogues of up to some 20,000 items",
    paper: "Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019",
    example: include_str!("examples/ease.toml"),
    recipe: |table| {
        let config: EaseConfig = config::read(table)?;
        config.check()?;
        Ok(Box::new(config))
    },
};

/// The `[model]` table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EaseConfig {
    /// λ. The best value on MovieLens-1M is near 1000, on MovieLens-20M near 500 (Steck 2019).
    pub l2: f64,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self { l2: 1000.0 }
    }
}

impl EaseConfig {
    /// Checks what types cannot say.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.l2 >= 0.0 && self.l2.is_finite() {
            return Ok(());
        }
        Err(ConfigError::invalid("l2", format!("expected a finite number of at least 0, found {}", self.l2)))
    }
}

impl HistoryRecipe for EaseConfig {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is a table")
    }

    fn memory(&self, sizes: &HistorySizes) -> Memory {
        let square = sizes.items * sizes.items;
        Memory::default()
            .floats("weights", square)
            // The counts become their factor in place: 64 bits each. Saving holds three 32-bit copies after that.
            .floats("item counts and their factor, later copies for saving", 3 * square)
            .floats("blocks of the inverse", 2 * inverse::WIDTH * sizes.items * rayon::current_num_threads())
            .floats("users of each item", 2 * sizes.pairs + 2 * sizes.items)
            .floats("scores of a batch", 2 * sizes.batch * sizes.items)
    }

    fn build(&self, sizes: &HistorySizes, _seed: u64, _device: &Device) -> Box<dyn HistoryModel> {
        let items = sizes.items;
        Box::new(Ease { l2: self.l2, weights: vec![0.0; items * items], no_bias: vec![0.0; items] })
    }

    fn restore(
        &self,
        sizes: &HistorySizes,
        _seed: u64,
        _device: &Device,
        mut tensors: Tensors,
    ) -> Result<Box<dyn HistoryModel>, TensorsError> {
        let weights = tensors.take("weights", &[sizes.items, sizes.items])?;
        Ok(Box::new(Ease { l2: self.l2, weights, no_bias: vec![0.0; sizes.items] }))
    }
}

/// The model. An empty history gives zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Ease {
    l2: f64,
    /// B, `[items, items]`: row i is what item i of a history adds to every score.
    weights: Vec<f32>,
    no_bias: Vec<f32>,
}

impl HistoryModel for Ease {
    fn items(&self) -> usize {
        self.no_bias.len()
    }

    fn score(&self, batch: &HistoryBatch, scores: &mut [f32], _shares: &mut [f32]) {
        let (rows, items) = (batch.rows(), self.items());
        assert_eq!(scores.len(), rows * items, "ease: scores [{rows}, {items}]");
        let shape = Shape { experts: 1, items, width: items };
        scores.copy_from_slice(&forward(Level::best(), shape, &self.weights, &self.no_bias, &batch.input));
    }

    fn terms(&self, history: &[u32], item: u32) -> Option<Vec<f32>> {
        let items = self.items();
        Some(history.iter().map(|used| self.weights[*used as usize * items + item as usize]).collect())
    }

    fn fit(&mut self) -> Fit<'_> {
        Fit::Closed(self)
    }

    fn save(&self) -> Tensors {
        let mut tensors = Tensors::default();
        tensors.insert("weights", &[self.items(), self.items()], self.weights.clone());
        tensors
    }

    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        self.weights = tensors.get("weights", &[self.items(), self.items()])?.to_vec();
        Ok(())
    }
}

impl ClosedForm for Ease {
    fn fit(&mut self, rows: &Rows, progress: Progress<'_>) -> Result<(), FitError> {
        let (items, l2) = (self.items(), self.l2);
        if items == 0 {
            return Ok(());
        }
        let refused = |_| FitError::NotPositiveDefinite { items, l2 };
        progress("counting pairs of items", 0, None);
        let mut gram = counts(rows, items, l2);
        inverse::factor(&mut gram, items, progress).map_err(refused)?;
        let diagonal = inverse::upper_triangle(&gram, &mut self.weights, items, progress).map_err(refused)?;
        drop(gram);
        inverse::regress(&mut self.weights, &diagonal);
        Ok(())
    }
}

/// The lower triangle of `XᵀX + λI`, `[items, items]`, column-major.
fn counts(rows: &Rows, items: usize, l2: f64) -> Vec<f64> {
    let pairs = Csr::from_rows(items, rows.iter());
    let users = pairs.transposed();
    let mut gram = vec![0.0; items * items];
    gram.par_chunks_mut(items).enumerate().for_each(|(item, column)| {
        for &user in users.rows(item) {
            let row = pairs.row(user as usize);
            let below = row.partition_point(|other| (*other as usize) < item);
            for &other in &row[below..] {
                column[other as usize] += 1.0;
            }
        }
        column[item] += l2;
    });
    gram
}
