//! ItemKNN: what others had together with the items of a history.
//!
//! Each item keeps its most similar items; a candidate's score is the sum of the similarities with which the items of the
//! history name it (Deshpande & Karypis 2004). Similarities are counted through the inverted lists, one item at a time, so
//! no items × items matrix ever exists and the work is the sum over users of their squared number of items.

use adepts_core::{
    ClosedForm, ConfigError, Fit, FitError, HistoryBatch, HistoryModel, HistoryRecipe, HistorySizes, HistorySpec,
    Memory, Tensors, TensorsError, config,
};
use adepts_data::{Progress, Rows};
use adepts_ops::Csr;
use adepts_ops::top_k::top_k;
use burn::tensor::Device;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The entry of the registry.
pub static SPEC: HistorySpec = HistorySpec {
    name: "itemknn",
    summary: "Items that many users have together with those of the history; the classic neighbourhood baseline",
    paper: "Deshpande & Karypis, Item-Based Top-N Recommendation Algorithms, TOIS 2004",
    example: include_str!("examples/itemknn.toml"),
    recipe: |table| {
        let config: ItemKnnConfig = config::read(table)?;
        config.check()?;
        Ok(Box::new(config))
    },
};

/// The catalogue must be smaller than this: saved arrays are 32-bit floats, which are exact for whole numbers up to here.
pub const MOST_ITEMS: usize = 1 << 24;

/// The `[model]` table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemKnnConfig {
    /// Most similar items kept for each item.
    pub neighbours: usize,
    /// Added to the denominator of the cosine.
    pub shrinkage: f64,
}

impl Default for ItemKnnConfig {
    fn default() -> Self {
        Self { neighbours: 100, shrinkage: 10.0 }
    }
}

impl ItemKnnConfig {
    /// Checks what types cannot say.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.neighbours == 0 {
            return Err(ConfigError::invalid("neighbours", "expected at least 1, found 0"));
        }
        if !(self.shrinkage >= 0.0 && self.shrinkage.is_finite()) {
            let problem = format!("expected a finite number of at least 0, found {}", self.shrinkage);
            return Err(ConfigError::invalid("shrinkage", problem));
        }
        Ok(())
    }

    /// Neighbours that there is room for.
    fn kept(&self, items: usize) -> usize {
        self.neighbours.min(items.saturating_sub(1))
    }
}

impl HistoryRecipe for ItemKnnConfig {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is a table")
    }

    fn check_sizes(&self, sizes: &HistorySizes) -> Result<(), ConfigError> {
        if sizes.items < MOST_ITEMS {
            return Ok(());
        }
        let problem = format!("the catalogue has {} items, `itemknn` takes fewer than {MOST_ITEMS}", sizes.items);
        Err(ConfigError::invalid("model.kind", problem))
    }

    fn memory(&self, sizes: &HistorySizes) -> Memory {
        let neighbours = sizes.items * self.kept(sizes.items);
        Memory::default()
            .floats("neighbours and similarities", 2 * neighbours)
            .floats("their copies for saving", 6 * neighbours)
            .floats("users of each item", 2 * sizes.pairs + 2 * sizes.items)
            .floats("counts of each thread", 4 * sizes.items * rayon::current_num_threads())
            .floats("scores of a batch", sizes.batch * sizes.items)
    }

    /// # Panics
    /// If the catalogue has [`MOST_ITEMS`] items or more.
    fn build(&self, sizes: &HistorySizes, _seed: u64, _device: &Device) -> Box<dyn HistoryModel> {
        let items = sizes.items;
        assert!(items < MOST_ITEMS, "itemknn: {items} items, expected less than {MOST_ITEMS}");
        let kept = self.kept(items);
        Box::new(ItemKnn {
            items,
            kept,
            shrinkage: self.shrinkage,
            neighbours: vec![0; items * kept],
            similarities: vec![0.0; items * kept],
        })
    }
}

/// The model. An empty history gives zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemKnn {
    items: usize,
    kept: usize,
    shrinkage: f64,
    /// The most similar items of each item, `[items, kept]`, best first, ties in ascending order; where fewer have a user
    /// in common with the item, the rest is item 0 with similarity 0.
    neighbours: Vec<u32>,
    /// Their similarities, `[items, kept]`.
    similarities: Vec<f32>,
}

impl HistoryModel for ItemKnn {
    fn items(&self) -> usize {
        self.items
    }

    fn score(&self, batch: &HistoryBatch, scores: &mut [f32], _shares: &mut [f32]) {
        let (rows, items) = (batch.rows(), self.items);
        assert_eq!(scores.len(), rows * items, "itemknn: scores [{rows}, {items}]");
        scores.par_chunks_mut(items.max(1)).enumerate().for_each(|(row, scores)| {
            scores.fill(0.0);
            for &item in batch.input.row(row) {
                let kept = item as usize * self.kept..(item as usize + 1) * self.kept;
                for (&neighbour, &similarity) in self.neighbours[kept.clone()].iter().zip(&self.similarities[kept]) {
                    scores[neighbour as usize] += similarity;
                }
            }
        });
    }

    fn terms(&self, history: &[u32], item: u32) -> Option<Vec<f32>> {
        let term = |used: &u32| {
            let kept = *used as usize * self.kept..(*used as usize + 1) * self.kept;
            // Where fewer neighbours were found than kept, the rest is item 0 with similarity 0.
            let named = self.neighbours[kept.clone()].iter().position(|neighbour| *neighbour == item);
            named.map_or(0.0, |at| self.similarities[kept][at])
        };
        Some(history.iter().map(term).collect())
    }

    fn fit(&mut self) -> Fit<'_> {
        Fit::Closed(self)
    }

    /// Indices are saved as 32-bit floats, exact below [`MOST_ITEMS`].
    fn save(&self) -> Tensors {
        let mut tensors = Tensors::default();
        let shape = [self.items, self.kept];
        tensors.insert("neighbours", &shape, self.neighbours.iter().map(|&item| item as f32).collect());
        tensors.insert("similarities", &shape, self.similarities.clone());
        tensors
    }

    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        let shape = [self.items, self.kept];
        let saved = tensors.get("neighbours", &shape)?;
        let similarities = tensors.get("similarities", &shape)?.to_vec();
        if let Some(index) = saved.iter().find(|&&index| !self.is_item(index)) {
            let reason = format!("{index} is no item of a catalogue of {}", self.items);
            return Err(TensorsError::Damaged { path: "neighbours".into(), reason });
        }
        self.neighbours = saved.iter().map(|&index| index as u32).collect();
        self.similarities = similarities;
        Ok(())
    }
}

impl ItemKnn {
    fn is_item(&self, index: f32) -> bool {
        index >= 0.0 && index.fract() == 0.0 && (index as usize) < self.items
    }
}

/// Items between two reports of progress.
const BLOCK: usize = 1024;

impl ClosedForm for ItemKnn {
    fn fit(&mut self, rows: &Rows, progress: Progress<'_>) -> Result<(), FitError> {
        let (items, kept) = (self.items, self.kept);
        self.neighbours.fill(0);
        self.similarities.fill(0.0);
        if kept == 0 {
            return Ok(());
        }
        let pairs = Csr::from_rows(items, rows.iter());
        let users = pairs.transposed();
        let roots: Vec<f64> = (0..items).map(|item| (users.rows(item).len() as f64).sqrt()).collect();
        let places = self.neighbours.chunks_mut(BLOCK * kept).zip(self.similarities.chunks_mut(BLOCK * kept));
        for (block, (neighbours, similarities)) in places.enumerate() {
            progress("comparing items", (block * BLOCK) as u64, Some(items as u64));
            let rows = neighbours.par_chunks_mut(kept).zip(similarities.par_chunks_mut(kept)).enumerate();
            rows.for_each_init(
                || Scratch { counts: vec![0; items], ..Scratch::default() },
                |scratch, (i, (neighbours, similarities))| {
                    let item = block * BLOCK + i;
                    scratch.count(&pairs, users.rows(item), item);
                    let similarity = |other: u32, count: u32| {
                        (f64::from(count) / (roots[item] * roots[other as usize] + self.shrinkage)) as f32
                    };
                    scratch.keep_best(similarity, neighbours, similarities);
                },
            );
        }
        progress("comparing items", items as u64, Some(items as u64));
        Ok(())
    }
}

/// What one thread needs for one item at a time.
#[derive(Default)]
struct Scratch {
    /// Users in common with each item; all zero between two items.
    counts: Vec<u32>,
    /// The items with a user in common, ascending.
    others: Vec<u32>,
    /// Their similarities.
    similarities: Vec<f32>,
    /// Places of the best among them.
    best: Vec<u32>,
}

impl Scratch {
    /// Counts the users that each other item has in common with `item`.
    fn count(&mut self, pairs: &Csr, users: &[u32], item: usize) {
        self.others.clear();
        for &user in users {
            for &other in pairs.row(user as usize) {
                let count = &mut self.counts[other as usize];
                if *count == 0 {
                    self.others.push(other);
                }
                *count += 1;
            }
        }
        self.counts[item] = 0;
        // Ascending, by whatever is cheaper: a pass over the catalogue or a sort.
        if self.others.len() > self.counts.len() / 16 {
            self.others.clear();
            self.others.extend(self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(i, _)| i as u32));
        } else {
            self.others.retain(|other| *other as usize != item);
            self.others.sort_unstable();
        }
    }

    /// Writes the most similar items, best first, and clears the counts.
    fn keep_best(&mut self, similarity: impl Fn(u32, u32) -> f32, items: &mut [u32], similarities: &mut [f32]) {
        self.similarities.clear();
        for &other in &self.others {
            let count = std::mem::take(&mut self.counts[other as usize]);
            self.similarities.push(similarity(other, count));
        }
        top_k(&self.similarities, items.len(), &mut self.best);
        for ((item, value), &place) in items.iter_mut().zip(similarities).zip(&self.best) {
            *item = self.others[place as usize];
            *value = self.similarities[place as usize];
        }
    }
}
