//! The mainstream score: how much a user's history is like everybody's.

use rand::seq::index;
use rayon::prelude::*;

use crate::dataset::MainstreamMethod;
use crate::rows::Rows;
use crate::seed;

/// Up to this many pair counts, the sum over items of their squared number of users, the score is exact.
pub const EXACT_PAIR_COUNTS: u64 = 20_000_000_000;

/// Beyond that the score is against a sample of this many users.
pub const SAMPLE_USERS: usize = 5_000;

/// The mainstream score of each user, in 0..=1, and how it was computed.
///
/// `MS_u` is the mean over the other users `v` with a training row of the Jaccard similarity
/// `|u ∩ v| / |u ∪ v|` of the two rows; 0 for a user without one (Zhu and Caverlee, WSDM 2022).
/// `items` is the size of the catalogue. Beyond [`EXACT_PAIR_COUNTS`] the mean is over a sample of
/// [`SAMPLE_USERS`] users (the user himself left out), drawn from `seed`.
///
/// Overlaps are counted through the inverted lists, one user at a time, so the work is the number of pair counts;
/// each user's sum is formed in a fixed order, so the scores are the same for any number of threads.
///
/// # Panics
/// If an item of `train` is not below `items`.
#[must_use]
pub fn mainstream_scores(train: &Rows, items: usize, seed: u64) -> (Vec<f32>, MainstreamMethod) {
    let pair_counts: u64 = train.item_counts(items).iter().map(|&c| u64::from(c) * u64::from(c)).sum();
    let present: Vec<u32> = (0..train.len() as u32).filter(|&u| !train.row(u as usize).is_empty()).collect();
    if pair_counts <= EXACT_PAIR_COUNTS || present.len() <= SAMPLE_USERS {
        return (scores_against(train, items, &present), MainstreamMethod::Exact);
    }
    let against = sample(&present, SAMPLE_USERS, seed);
    (scores_against(train, items, &against), MainstreamMethod::Sample { users: SAMPLE_USERS, seed })
}

/// `size` of the users, ascending.
fn sample(users: &[u32], size: usize, seed: u64) -> Vec<u32> {
    let mut stream = seed::stream(seed, "mainstream sample", &[]);
    let mut chosen: Vec<u32> = index::sample(&mut stream, users.len(), size).into_iter().map(|i| users[i]).collect();
    chosen.sort_unstable();
    chosen
}

/// Mean Jaccard similarity of each user's row with those of the users in `against`, ascending and with rows.
fn scores_against(train: &Rows, items: usize, against: &[u32]) -> Vec<f32> {
    let lists = Inverted::new(train, items, against);
    (0..train.len())
        .into_par_iter()
        .with_min_len(16)
        .map_init(
            || Scratch { counts: vec![0; against.len()], touched: Vec::new() },
            |scratch, user| {
                let row = train.row(user);
                let place = against.binary_search(&(user as u32)).ok();
                let others = against.len() - usize::from(place.is_some());
                if row.is_empty() || others == 0 {
                    return 0.0;
                }
                // With himself the similarity is exactly 1, which is taken off again.
                let own = if place.is_some() { 1.0 } else { 0.0 };
                ((lists.similarity(row, scratch) - own) / others as f64).max(0.0) as f32
            },
        )
        .collect()
}

/// What one thread counts in; `counts` is all zero between two users.
struct Scratch {
    counts: Vec<u32>,
    touched: Vec<u32>,
}

/// Which of the users that are compared with have each item.
struct Inverted {
    starts: Vec<usize>,
    places: Vec<u32>,
    /// Number of items of each of the users.
    lengths: Vec<u32>,
}

impl Inverted {
    fn new(train: &Rows, items: usize, against: &[u32]) -> Self {
        let mut starts = vec![0_usize; items + 1];
        for &user in against {
            for &item in train.row(user as usize) {
                starts[item as usize + 1] += 1;
            }
        }
        for item in 0..items {
            starts[item + 1] += starts[item];
        }
        let mut next = starts.clone();
        let mut places = vec![0; starts[items]];
        for (place, &user) in against.iter().enumerate() {
            for &item in train.row(user as usize) {
                places[next[item as usize]] = place as u32;
                next[item as usize] += 1;
            }
        }
        let lengths = against.iter().map(|&user| train.row(user as usize).len() as u32).collect();
        Self { starts, places, lengths }
    }

    fn list(&self, item: u32) -> &[u32] {
        &self.places[self.starts[item as usize]..self.starts[item as usize + 1]]
    }

    /// The sum of the Jaccard similarities of `row` with the rows of all users compared with.
    fn similarity(&self, row: &[u32], scratch: &mut Scratch) -> f64 {
        let work: usize = row.iter().map(|&item| self.list(item).len()).sum();
        // A sweep over all counts costs about as much as remembering a quarter as many.
        if work * 4 >= self.lengths.len() { self.sweep(row, scratch) } else { self.walk(row, scratch) }
    }

    /// Counts blindly and visits every count.
    fn sweep(&self, row: &[u32], scratch: &mut Scratch) -> f64 {
        for &item in row {
            for &place in self.list(item) {
                scratch.counts[place as usize] += 1;
            }
        }
        let (counts, count_rest) = scratch.counts.as_chunks_mut::<LANES>();
        let (lengths, length_rest) = self.lengths.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for (count, length) in counts.iter_mut().zip(lengths) {
            for lane in 0..LANES {
                sums[lane] += jaccard(count[lane], row.len() as u32, length[lane]);
            }
            *count = [0; LANES];
        }
        let mut sum: f64 = sums.iter().sum();
        for (count, &length) in count_rest.iter_mut().zip(length_rest) {
            sum += jaccard(*count, row.len() as u32, length);
            *count = 0;
        }
        sum
    }

    /// Counts and remembers whom, for users who share items with few.
    fn walk(&self, row: &[u32], scratch: &mut Scratch) -> f64 {
        for &item in row {
            for &place in self.list(item) {
                let count = &mut scratch.counts[place as usize];
                if *count == 0 {
                    scratch.touched.push(place);
                }
                *count += 1;
            }
        }
        let mut sum = 0.0;
        for place in scratch.touched.drain(..) {
            let count = &mut scratch.counts[place as usize];
            sum += jaccard(*count, row.len() as u32, self.lengths[place as usize]);
            *count = 0;
        }
        sum
    }
}

const LANES: usize = 8;

/// `common / (a + b - common)`; the operands are below 2³¹, which converts to floating point in one instruction.
fn jaccard(common: u32, a: u32, b: u32) -> f64 {
    f64::from(common as i32) / f64::from((a + b - common) as i32)
}
