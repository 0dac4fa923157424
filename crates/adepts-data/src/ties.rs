//! In which order items stand where their scores are equal: by what the data says of them, never by their numbers.

use crate::dataset::HistoryDataset;
use crate::rows::Rows;

impl HistoryDataset {
    /// The place of each item among all, `[items]`, for items with equal scores: those that more users have in training come
    /// first. Of items with equally many users the order is arbitrary, but a function of who has them: a sum of hashes of the
    /// ids of their users. So the same log with its items numbered or named otherwise gives the same lists. Test items decide
    /// only between items that training, validation and seen pairs do not tell apart.
    #[must_use]
    pub fn tie_order(&self) -> Vec<u32> {
        let items = self.items.len();
        let users: Vec<u64> = (0..self.users.len() as u32).map(|user| hash(&self.users.id(user).to_string())).collect();
        let sums = |parts: &[&Rows]| {
            let mut sums = vec![0_u64; items];
            for (part, rows) in (1..).zip(parts) {
                for (user, row) in users.iter().zip(rows.iter()) {
                    let of_pair = mixed(user.wrapping_add(part));
                    for item in row {
                        let sum = &mut sums[*item as usize];
                        *sum = sum.wrapping_add(of_pair);
                    }
                }
            }
            sums
        };
        let counts = self.train.item_counts(items);
        let (known, tested) = (
            sums(&[&self.train, &self.validation, &self.seen.train, &self.seen.validation]),
            sums(&[&self.test, &self.seen.test]),
        );
        let mut order: Vec<u32> = (0..items as u32).collect();
        let key = |item: usize| (std::cmp::Reverse(counts[item]), known[item], tested[item]);
        order.sort_by_key(|item| key(*item as usize));
        places(&order)
    }
}

/// The place of each number in an order of all numbers below its length.
fn places(order: &[u32]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (place, number) in (0..).zip(order) {
        places[*number as usize] = place;
    }
    places
}

fn hash(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    u64::from_le_bytes(std::array::from_fn(|i| hash.as_bytes()[i]))
}

/// The last steps of SplitMix64 (Steele et al. 2014), so that sums of neighbours do not meet.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataConfig, SplitConfig};
    use crate::interactions::Interactions;
    use crate::simulate::{SimulationConfig, simulated};
    use crate::{Read, SeenLog, prepare, progress};

    fn prepared(log: Interactions) -> HistoryDataset {
        let seen = SeenLog::empty(log.users.len());
        let (steps, data) = (Vec::new(), DataConfig { source: "memory".into(), ..DataConfig::default() });
        let read = Read {
            interactions: log,
            seen,
            seen_rows: Vec::new(),
            steps,
            skipped_rows: 0,
            skipped_examples: Vec::new(),
            data,
            time_unit: None,
            notes: Vec::new(),
        };
        let split = SplitConfig::LeaveLast { validation: 1, test: 1 };
        prepare::assemble(read, &split, 1, &mut progress::silent).unwrap()
    }

    #[test]
    fn the_order_follows_the_data_however_items_are_numbered() {
        let config = SimulationConfig { users: 60, items: 80, interactions: 8.0, least: 3, ..Default::default() };
        let log = simulated(&config).unwrap();
        let items = log.items.len() as u32;
        // As if each id had been given to another item: the numbers run backwards.
        let backwards = Interactions { item: log.item.iter().map(|item| items - 1 - item).collect(), ..log.clone() };
        let (one, other) = (prepared(log), prepared(backwards));
        let counts = one.train.item_counts(items as usize);
        assert!((0..20).any(|n| counts.iter().filter(|count| **count == n).count() > 3), "there are ties");
        // Who has each item in which part, in the order of the items' places. Items that nothing tells apart may change places.
        let in_order = |data: &HistoryDataset| {
            let mut owners = vec![Vec::new(); items as usize];
            for (part, rows) in [&data.train, &data.validation, &data.test].into_iter().enumerate() {
                for (user, row) in rows.iter().enumerate() {
                    for item in row {
                        owners[*item as usize].push((part, user));
                    }
                }
            }
            let mut ordered: Vec<_> = data.tie_order().into_iter().zip(owners).collect();
            ordered.sort();
            ordered
        };
        assert_eq!(in_order(&one), in_order(&other));
        let mut best = vec![0; items as usize];
        one.tie_order().iter().zip(&counts).for_each(|(place, count)| best[*place as usize] = *count);
        assert!(best.is_sorted_by(|a, b| a >= b));
    }
}
