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
    mainstream_among(train, &vec![true; train.len()], items, seed)
}

/// As [`mainstream_scores`], but every user is compared with those alone who are learned from: row weights come of the
/// scores, and nothing of a held-out user may get into them.
///
/// # Panics
/// If an item of `train` is not below `items`, or `learns` is not one per user.
#[must_use]
pub fn mainstream_among(train: &Rows, learns: &[bool], items: usize, seed: u64) -> (Vec<f32>, MainstreamMethod) {
    let (against, method) = compared_with(train, learns, items, seed);
    (Community::of(train, items, &against).scores(train), method)
}

/// The users that everyone is compared with, ascending.
fn compared_with(train: &Rows, learns: &[bool], items: usize, seed: u64) -> (Vec<u32>, MainstreamMethod) {
    assert_eq!(learns.len(), train.len(), "mainstream scores: one flag per user");
    let counts_for = |user: &u32| learns[*user as usize] && !train.row(*user as usize).is_empty();
    let present: Vec<u32> = (0..train.len() as u32).filter(counts_for).collect();
    let mut counts = vec![0_u64; items];
    for item in present.iter().flat_map(|user| train.row(*user as usize)) {
        counts[*item as usize] += 1;
    }
    let pair_counts: u64 = counts.iter().map(|count| count * count).sum();
    if pair_counts <= EXACT_PAIR_COUNTS || present.len() <= SAMPLE_USERS {
        return (present, MainstreamMethod::Exact);
    }
    (sample(&present, SAMPLE_USERS, seed), MainstreamMethod::Sample { users: SAMPLE_USERS, seed })
}

/// `size` of the users, ascending.
fn sample(users: &[u32], size: usize, seed: u64) -> Vec<u32> {
    let mut stream = seed::stream(seed, "mainstream sample", &[]);
    let mut chosen: Vec<u32> = index::sample(&mut stream, users.len(), size).into_iter().map(|i| users[i]).collect();
    chosen.sort_unstable();
    chosen
}

/// The users that histories are compared with, for scores of histories one by one.
pub struct Community {
    lists: Inverted,
    /// Their indices, ascending.
    against: Vec<u32>,
}

impl Community {
    /// Those that [`mainstream_among`] compares with.
    ///
    /// # Panics
    /// If an item of `train` is not below `items`, or `learns` is not one per user.
    #[must_use]
    pub fn new(train: &Rows, learns: &[bool], items: usize, seed: u64) -> Self {
        Self::of(train, items, &compared_with(train, learns, items, seed).0)
    }

    fn of(train: &Rows, items: usize, against: &[u32]) -> Self {
        Self { lists: Inverted::new(train, items, against), against: against.to_vec() }
    }

    /// The mainstream score of a history, strictly ascending; that of `user`, if it is somebody's.
    #[must_use]
    pub fn score(&self, history: &[u32], user: Option<u32>) -> f32 {
        self.score_with(history, user, &mut Scratch { counts: vec![0; self.against.len()], touched: Vec::new() })
    }

    /// The scores of the users of these rows.
    #[must_use]
    pub fn scores(&self, rows: &Rows) -> Vec<f32> {
        let scratch = || Scratch { counts: vec![0; self.against.len()], touched: Vec::new() };
        (0..rows.len())
            .into_par_iter()
            .with_min_len(16)
            .map_init(scratch, |scratch, user| self.score_with(rows.row(user), Some(user as u32), scratch))
            .collect()
    }

    /// Mean Jaccard similarity with the users compared with, but for himself.
    fn score_with(&self, history: &[u32], user: Option<u32>, scratch: &mut Scratch) -> f32 {
        let among = user.is_some_and(|user| self.against.binary_search(&user).is_ok());
        let others = self.against.len() - usize::from(among);
        if history.is_empty() || others == 0 {
            return 0.0;
        }
        // With himself the similarity is exactly 1, which is taken off again.
        let own = if among { 1.0 } else { 0.0 };
        ((self.lists.similarity(history, scratch) - own) / others as f64).max(0.0) as f32
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    /// By the definition, without any index.
    fn by_definition(train: &Rows) -> Vec<f32> {
        let present = train.iter().filter(|row| !row.is_empty()).count();
        let score = |user: usize| {
            let mut sum = 0.0;
            for other in (0..train.len()).filter(|&other| other != user) {
                let common = train.row(user).iter().filter(|item| train.row(other).contains(item)).count();
                let either = train.row(user).len() + train.row(other).len() - common;
                sum += if common == 0 { 0.0 } else { common as f64 / either as f64 };
            }
            if train.row(user).is_empty() || present < 2 { 0.0 } else { (sum / (present - 1) as f64) as f32 }
        };
        (0..train.len()).map(score).collect()
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6)
    }

    #[test]
    fn scores_are_the_golden_ones() {
        let golden: serde_json::Value = serde_json::from_str(include_str!("../tests/golden/mainstream.json")).unwrap();
        let train: Vec<Vec<u32>> = serde_json::from_value(golden["train"].clone()).unwrap();
        let score: Vec<f32> = serde_json::from_value(golden["score"].clone()).unwrap();
        let (scores, method) = mainstream_scores(&Rows::from_lists(train), 31, 7);
        assert_eq!(method, MainstreamMethod::Exact);
        assert!(close(&scores, &score), "{scores:?} against {score:?}");
    }

    #[test]
    fn a_user_without_history_or_without_others_scores_zero() {
        let train = Rows::from_lists(vec![vec![0, 1], vec![], vec![0, 1]]);
        assert_eq!(mainstream_scores(&train, 2, 0).0, [1.0, 0.0, 1.0]);
        assert_eq!(mainstream_scores(&Rows::from_lists(vec![vec![0]]), 1, 0).0, [0.0]);
        assert_eq!(mainstream_scores(&Rows::empty(0), 0, 0).0, Vec::<f32>::new());
    }

    #[test]
    fn a_history_alone_has_the_score_that_it_has_among_all() {
        let train = Rows::from_lists(vec![vec![0, 1], vec![1, 2], vec![0, 2, 3]]);
        let (community, scores) = (Community::new(&train, &[true; 3], 4, 0), mainstream_scores(&train, 4, 0).0);
        for user in 0..3 {
            assert_eq!(community.score(train.row(user as usize), Some(user)), scores[user as usize]);
        }
        // A stranger is compared with all three.
        let expected = (1.0 + 1.0 / 3.0 + 1.0 / 4.0) / 3.0;
        assert!((community.score(&[0, 1], None) - expected as f32).abs() < 1e-6);
    }

    #[test]
    fn held_out_users_change_no_score_but_their_own() {
        let with = |held_out: Vec<u32>| {
            let train = Rows::from_lists(vec![vec![0, 1], vec![1, 2], vec![0, 2, 3], held_out]);
            mainstream_among(&train, &[true, true, true, false], 4, 0).0
        };
        let (one, other) = (with(vec![0, 1]), with(vec![3]));
        assert_eq!(one[..3], other[..3]);
        assert!(one[3] > other[3] && other[3] > 0.0, "{one:?} {other:?}");
        let learners = Rows::from_lists(vec![vec![0, 1], vec![1, 2], vec![0, 2, 3]]);
        assert_eq!(one[..3], mainstream_scores(&learners, 4, 0).0);
    }

    #[test]
    fn a_sample_of_all_users_gives_the_exact_score() {
        let train =
            Rows::from_lists((0..40_u32).map(|user| (0..30).filter(|i| (i * user) % 7 < 3).collect::<Vec<_>>()));
        let all: Vec<u32> = (0..40).collect();
        assert_eq!(sample(&all, 40, 3), all);
        let drawn = sample(&all, 11, 3);
        assert_eq!(drawn, sample(&all, 11, 3));
        assert_ne!(drawn, sample(&all, 11, 4));
        let mean = |scores: Vec<f32>| scores.iter().sum::<f32>() / 40.0;
        let gap = mean(Community::of(&train, 30, &drawn).scores(&train))
            - mean(Community::of(&train, 30, &all).scores(&train));
        assert!(gap.abs() < 0.1, "{gap}");
    }

    proptest! {
        #[test]
        fn scores_follow_the_definition_for_any_number_of_threads(
            lists in prop::collection::vec(prop::collection::vec(0_u32..60, 0..12), 0..50),
        ) {
            let train = Rows::from_lists(lists);
            let (scores, _) = mainstream_scores(&train, 60, 0);
            prop_assert!(close(&scores, &by_definition(&train)));
            for threads in 1..=3 {
                prop_assert_eq!(&in_threads(threads, || mainstream_scores(&train, 60, 0).0), &scores);
            }
        }

        #[test]
        fn counting_blindly_and_counting_by_memory_agree(
            lists in prop::collection::vec(prop::collection::vec(0_u32..40, 1..12), 1..40),
        ) {
            let train = Rows::from_lists(lists);
            let all: Vec<u32> = (0..train.len() as u32).collect();
            let lists = Inverted::new(&train, 40, &all);
            let mut scratch = Scratch { counts: vec![0; all.len()], touched: Vec::new() };
            for row in train.iter() {
                let (swept, walked) = (lists.sweep(row, &mut scratch), lists.walk(row, &mut scratch));
                prop_assert!((swept - walked).abs() < 1e-9);
                prop_assert!(scratch.counts.iter().all(|&count| count == 0) && scratch.touched.is_empty());
            }
        }
    }
}
