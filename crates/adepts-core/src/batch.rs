//! What a model may look at: the rows of a batch, as named fields, so that a leak is visible in a type.

use std::sync::Arc;

use adepts_data::Rows;
use adepts_ops::Csr;
use serde::{Deserialize, Serialize};

/// A batch of users.
#[derive(Clone, Debug)]
pub struct HistoryBatch {
    /// Index of each row's user in the data set; a row that pads the batch repeats no user and has an empty history.
    pub users: Vec<u32>,
    /// The items of each row's user: `[rows, items]`, scale 1.
    pub input: Arc<Csr>,
    /// What a gate may look at, for models whose gate does.
    pub gate: Option<GateView>,
    /// Weight of each row in the loss; prediction does not read it.
    pub weights: Vec<f32>,
}

impl HistoryBatch {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.input.rows()
    }
}

/// What a gate looks at: how well each expert, given `seen`, finds `probe`.
#[derive(Clone, Debug)]
pub struct GateView {
    /// What the experts are given: `[rows, items]`.
    pub seen: Arc<Csr>,
    /// What they are to find, disjoint from `seen`; an empty row means that nothing is known.
    pub probe: Arc<Csr>,
}

/// Where the items come from that a gate judges the experts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// The held-out validation items, in training and at prediction: as published, but only for users with such items.
    Validation,
    /// A fixed fifth of the user's own history: works for everyone with at least five items.
    History,
}

impl Probe {
    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::History => "history",
        }
    }
}

/// Histories shorter than this are not split, and their gate is uniform.
const SHORTEST_SPLIT: usize = 5;

/// Splits a history into what the experts see and the fifth that judges them: the ⌈n/5⌉ items with the smallest hash of
/// seed and item, so that the split of a user does not depend on anything else. Both are ascending.
#[must_use]
pub fn split_history(seed: u64, history: &[u32]) -> (Vec<u32>, Vec<u32>) {
    if history.len() < SHORTEST_SPLIT {
        return (history.to_vec(), Vec::new());
    }
    let mut order: Vec<(u64, u32)> = history.iter().map(|item| (mix(seed, *item), *item)).collect();
    order.sort_unstable();
    let (probe, seen) = order.split_at(history.len().div_ceil(5));
    let ascending = |part: &[(u64, u32)]| {
        let mut items: Vec<u32> = part.iter().map(|(_, item)| *item).collect();
        items.sort_unstable();
        items
    };
    (ascending(seen), ascending(probe))
}

/// SplitMix64 (Steele et al. 2014) of the seed and the item.
fn mix(seed: u64, item: u32) -> u64 {
    let mut x = seed.wrapping_add(u64::from(item).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Builds batches of users of a data set.
#[derive(Clone, Copy, Debug)]
pub struct Batcher<'a> {
    /// The histories.
    pub histories: &'a Rows,
    /// The validation items, for [`Probe::Validation`].
    pub validation: &'a Rows,
    /// Number of items in the catalogue.
    pub items: usize,
    /// What the model's gate looks at.
    pub probe: Option<Probe>,
    /// Seed of [`split_history`].
    pub seed: u64,
}

impl Batcher<'_> {
    /// A batch of these users, with weights 1.
    #[must_use]
    pub fn batch(&self, users: &[u32]) -> HistoryBatch {
        let histories = || users.iter().map(|user| self.histories.row(*user as usize));
        let mut batch = match self.probe {
            Some(Probe::History) => fold_in(self.seed, self.items, true, histories()),
            Some(Probe::Validation) | None => fold_in(self.seed, self.items, false, histories()),
        };
        if self.probe == Some(Probe::Validation) {
            let probe = users.iter().map(|user| self.validation.row(*user as usize));
            let (seen, probe) = (Arc::clone(&batch.input), Arc::new(Csr::from_rows(self.items, probe)));
            batch.gate = Some(GateView { seen, probe });
        }
        batch.users = users.to_vec();
        batch
    }
}

/// The user index of a row that is no user of the data.
pub const NOBODY: u32 = u32::MAX;

/// A batch of histories, each strictly ascending, of anyone: what a model is shown wherever nothing is known of a user but
/// the history, in an answer and in an evaluation with [`Probe::History`]. A gate, if the model has one, looks at
/// [`split_history`].
#[must_use]
pub fn fold_in<'a>(
    seed: u64,
    items: usize,
    gate: bool,
    histories: impl ExactSizeIterator<Item = &'a [u32]> + Clone,
) -> HistoryBatch {
    let rows = histories.len();
    let input = Arc::new(Csr::from_rows(items, histories.clone()));
    let gate = gate.then(|| gate_from_histories(seed, items, histories));
    HistoryBatch { users: vec![NOBODY; rows], input, gate, weights: vec![1.0; rows] }
}

/// What a gate with [`Probe::History`] looks at.
#[must_use]
pub fn gate_from_histories<'a>(seed: u64, items: usize, histories: impl Iterator<Item = &'a [u32]>) -> GateView {
    let (seen, probe): (Vec<_>, Vec<_>) = histories.map(|history| split_history(seed, history)).unzip();
    GateView {
        seen: Arc::new(Csr::from_rows(items, seen.iter().map(Vec::as_slice))),
        probe: Arc::new(Csr::from_rows(items, probe.iter().map(Vec::as_slice))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_a_history_is_the_probe_and_short_ones_have_none() {
        let history: Vec<u32> = (10..23).collect();
        let (seen, probe) = split_history(7, &history);
        assert_eq!((seen.len(), probe.len()), (10, 3));
        let mut all = [seen.clone(), probe.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, history);
        assert_eq!(split_history(7, &history), (seen, probe.clone()));
        assert_ne!(split_history(8, &history).1, probe);
        assert_eq!(split_history(7, &history[..4]), (history[..4].to_vec(), vec![]));
    }
}
