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
    /// A fifth of the user's own history: works for everyone with at least five items.
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

/// How the fifth of a history is drawn that judges the experts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeSplit {
    /// By seed and item, as runs of formats 1 and 2 were trained: nearly all owners of an item have it in the same part.
    ByItem,
    /// By seed, item and history: each item is in the probe of a fifth of its owners. Of the history those items count that
    /// follow the item in the order of a hash, so that one more item leaves most of the draw of a long history as it is.
    #[default]
    ByHistory,
}

impl ProbeSplit {
    /// The hash of each item of a history, and the item; it does not depend on the order of the items.
    fn hashes(self, seed: u64, history: &[u32]) -> Vec<(u64, u32)> {
        let mut ring: Vec<(u64, u32)> = history.iter().map(|item| (mix(seed, *item), *item)).collect();
        if self == Self::ByItem {
            return ring;
        }
        ring.sort_unstable();
        let (all, near) = (ring.len(), NEIGHBOURS.min(ring.len().saturating_sub(1)));
        let mut sum = ring[1..=near].iter().fold(seed, |sum, (hash, _)| sum.wrapping_add(*hash));
        let mut hashes = Vec::with_capacity(all);
        for at in 0..all {
            hashes.push((mix(sum, ring[at].1), ring[at].1));
            let (leaves, enters) = (ring[(at + 1) % all].0, ring[(at + 1 + near) % all].0);
            sum = sum.wrapping_sub(leaves).wrapping_add(enters);
        }
        hashes
    }
}

/// Histories shorter than this are not split, and their gate is uniform.
pub const SHORTEST_SPLIT: usize = 5;

/// How many other items of a history take part in the hash of an item. More of them make the draw of an item depend on more of
/// the history, so that its owners differ in it; fewer leave more of a draw as it is when an item is added.
const NEIGHBOURS: usize = 12;

/// Splits a history into what the experts see and the fifth that judges them: the ⌈n/5⌉ items with the smallest hash. The
/// split is a function of the seed and of the set of items alone, so it is the same for a user and for the same history sent
/// by anyone. Both parts are ascending.
#[must_use]
pub fn split_history(seed: u64, split: ProbeSplit, history: &[u32]) -> (Vec<u32>, Vec<u32>) {
    if history.len() < SHORTEST_SPLIT {
        return (history.to_vec(), Vec::new());
    }
    let mut order = split.hashes(seed, history);
    order.sort_unstable();
    let (probe, seen) = order.split_at(history.len().div_ceil(5));
    let ascending = |part: &[(u64, u32)]| {
        let mut items: Vec<u32> = part.iter().map(|(_, item)| *item).collect();
        items.sort_unstable();
        items
    };
    (ascending(seen), ascending(probe))
}

/// SplitMix64 (Steele et al. 2014) of a seed and a number.
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
    /// How [`split_history`] draws.
    pub split: ProbeSplit,
}

impl Batcher<'_> {
    /// A batch of these users, with weights 1.
    #[must_use]
    pub fn batch(&self, users: &[u32]) -> HistoryBatch {
        let histories = || users.iter().map(|user| self.histories.row(*user as usize));
        let mut batch = match self.probe {
            Some(Probe::History) => fold_in(self.seed, self.split, self.items, true, histories()),
            Some(Probe::Validation) | None => fold_in(self.seed, self.split, self.items, false, histories()),
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
    split: ProbeSplit,
    items: usize,
    gate: bool,
    histories: impl ExactSizeIterator<Item = &'a [u32]> + Clone,
) -> HistoryBatch {
    let rows = histories.len();
    let input = Arc::new(Csr::from_rows(items, histories.clone()));
    let gate = gate.then(|| gate_from_histories(seed, split, items, histories));
    HistoryBatch { users: vec![NOBODY; rows], input, gate, weights: vec![1.0; rows] }
}

/// What a gate with [`Probe::History`] looks at.
#[must_use]
pub fn gate_from_histories<'a>(
    seed: u64,
    split: ProbeSplit,
    items: usize,
    histories: impl Iterator<Item = &'a [u32]>,
) -> GateView {
    let (seen, probe): (Vec<_>, Vec<_>) = histories.map(|history| split_history(seed, split, history)).unzip();
    GateView {
        seen: Arc::new(Csr::from_rows(items, seen.iter().map(Vec::as_slice))),
        probe: Arc::new(Csr::from_rows(items, probe.iter().map(Vec::as_slice))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    const SPLITS: [ProbeSplit; 2] = [ProbeSplit::ByItem, ProbeSplit::ByHistory];

    #[test]
    fn a_fifth_of_a_history_is_the_probe_and_short_ones_have_none() {
        let history: Vec<u32> = (10..23).collect();
        for split in SPLITS {
            let (seen, probe) = split_history(7, split, &history);
            assert_eq!((seen.len(), probe.len()), (10, 3));
            let mut all = [seen.clone(), probe.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, history);
            assert_eq!(split_history(7, split, &history), (seen, probe.clone()));
            assert_ne!(split_history(8, split, &history).1, probe);
            assert_eq!(split_history(7, split, &history[..4]), (history[..4].to_vec(), vec![]));
        }
    }

    #[test]
    fn the_split_does_not_depend_on_the_order_of_the_items() {
        let history: Vec<u32> = (0..40).map(|n| n * 7 % 101).collect();
        let mut sorted = history.clone();
        sorted.sort_unstable();
        for split in SPLITS {
            assert_eq!(split_history(3, split, &history), split_history(3, split, &sorted));
        }
    }

    /// What runs of earlier formats were trained with, so that they keep the gate that they had.
    #[test]
    fn the_split_by_item_stays_as_it_was() {
        let history: Vec<u32> = (0..20).map(|n| n * 13 + 2).collect();
        assert_eq!(split_history(2024, ProbeSplit::ByItem, &history).1, [28, 145, 171, 210]);
    }

    /// The rate at which each item is in the probe, over histories that hold it, against the mean of ⌈n/5⌉/n over those
    /// histories, in standard deviations of a binomial.
    fn deviations(split: ProbeSplit) -> Vec<f64> {
        const ITEMS: u32 = 300;
        let mut random = adepts_data::seed::stream(1, "histories of a test", &[]);
        let mut counts = vec![(0.0, 0.0, 0.0); ITEMS as usize];
        for _ in 0..20_000 {
            let length = random.random_range(5..60);
            let history = rand::seq::index::sample(&mut random, ITEMS as usize, length).into_vec();
            let mut history: Vec<u32> = history.into_iter().map(|item| item as u32).collect();
            history.sort_unstable();
            let rate = length.div_ceil(5) as f64 / length as f64;
            let (_, probe) = split_history(2024, split, &history);
            for item in history {
                let (found, expected, variance) = &mut counts[item as usize];
                *found += f64::from(u8::from(probe.binary_search(&item).is_ok()));
                *expected += rate;
                *variance += rate * (1.0 - rate);
            }
        }
        counts.into_iter().map(|(found, expected, variance)| (found - expected) / f64::sqrt(variance)).collect()
    }

    #[test]
    fn an_item_is_the_probe_of_a_fifth_of_its_owners_whatever_item_it_is() {
        let of_split = |split| {
            let deviations = deviations(split);
            let largest = deviations.iter().fold(0.0, |top: f64, z| top.max(z.abs()));
            let variance = deviations.iter().map(|z| z * z).sum::<f64>() / deviations.len() as f64;
            (largest, variance)
        };
        let (largest, variance) = of_split(ProbeSplit::ByHistory);
        // Of 300 normal deviates the largest is above 4.5 once in 500 draws; their variance is 1 ± .08.
        assert!(largest < 4.5 && (0.7..1.3).contains(&variance), "{largest}, {variance}");
        let (largest, variance) = of_split(ProbeSplit::ByItem);
        assert!(largest > 30.0 && variance > 100.0, "the split by item: {largest}, {variance}");
    }

    #[test]
    fn one_more_item_leaves_most_of_the_probe_of_a_long_history() {
        let kept = |split, length: u32| {
            let (mut kept, mut all) = (0, 0);
            for start in 0..200 {
                let history: Vec<u32> = (0..=length).map(|n| start * 1000 + n).collect();
                let (_, before) = split_history(3, split, &history[..length as usize]);
                let (_, after) = split_history(3, split, &history);
                all += before.len();
                kept += before.iter().filter(|item| after.contains(item)).count();
            }
            kept as f64 / all as f64
        };
        assert!(kept(ProbeSplit::ByHistory, 200) > 0.9);
        assert!(kept(ProbeSplit::ByHistory, 50) > 0.7);
    }

    #[test]
    fn pairs_of_items_are_split_independently() {
        let mut both = 0;
        for other in 100..4100 {
            let (_, probe) = split_history(5, ProbeSplit::ByHistory, &[1, 2, 3, 4, 5, 6, 7, 8, 9, other]);
            both += u32::from(probe.contains(&1) && probe.contains(&2));
        }
        // Two of ten: 4000 / 45 = 89 ± 9.
        assert!((50..130).contains(&both), "{both}");
    }
}
