//! Popularity: everyone is offered what most users have. Whatever does not beat it has learned nothing about taste.

use adepts_core::{
    ClosedForm, ConfigError, Fit, FitError, HistoryBatch, HistoryModel, HistoryRecipe, HistorySizes, HistorySpec,
    Memory, Tensors, TensorsError, config,
};
use adepts_data::{Progress, Rows};
use burn::tensor::Device;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The entry of the registry.
pub static SPEC: HistorySpec = HistorySpec {
    name: "popularity",
    summary: "The number of training users of an item, the same list for everyone; the floor of every comparison",
    paper: "Cremonesi et al., Performance of Recommender Algorithms on Top-N Recommendation Tasks, RecSys 2010",
    example: include_str!("examples/popularity.toml"),
    recipe: |table| Ok(Box::new(config::read::<PopularityConfig>(table)?)),
};

/// The `[model]` table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PopularityConfig {}

impl PopularityConfig {
    /// Checks what types cannot say: nothing here.
    pub fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

impl HistoryRecipe for PopularityConfig {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is a table")
    }

    fn memory(&self, sizes: &HistorySizes) -> Memory {
        Memory::default()
            .floats("users of each item", sizes.items)
            .floats("scores of a batch", sizes.batch * sizes.items)
    }

    fn build(&self, sizes: &HistorySizes, _seed: u64, _device: &Device) -> Box<dyn HistoryModel> {
        Box::new(Popularity { users: vec![0.0; sizes.items] })
    }
}

/// The model: its scores do not depend on the history, so a user without one gets the same list.
#[derive(Clone, Debug, PartialEq)]
pub struct Popularity {
    /// Number of training users of each item, exact up to 2²⁴.
    users: Vec<f32>,
}

impl HistoryModel for Popularity {
    fn items(&self) -> usize {
        self.users.len()
    }

    fn score(&self, batch: &HistoryBatch, scores: &mut [f32], _shares: &mut [f32]) {
        let (rows, items) = (batch.rows(), self.items());
        assert_eq!(scores.len(), rows * items, "popularity: scores [{rows}, {items}]");
        scores.par_chunks_mut(items.max(1)).for_each(|row| row.copy_from_slice(&self.users));
    }

    fn terms(&self, history: &[u32], _item: u32) -> Option<Vec<f32>> {
        Some(vec![0.0; history.len()])
    }

    fn fit(&mut self) -> Fit<'_> {
        Fit::Closed(self)
    }

    fn save(&self) -> Tensors {
        let mut tensors = Tensors::default();
        tensors.insert("users", &[self.items()], self.users.clone());
        tensors
    }

    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        self.users = tensors.get("users", &[self.items()])?.to_vec();
        Ok(())
    }
}

impl ClosedForm for Popularity {
    fn fit(&mut self, rows: &Rows, progress: Progress<'_>) -> Result<(), FitError> {
        let pairs = rows.pairs() as u64;
        progress("counting users of items", 0, Some(pairs));
        self.users = rows.item_counts(self.items()).into_iter().map(|count| count as f32).collect();
        progress("counting users of items", pairs, Some(pairs));
        Ok(())
    }
}
