//! The k best of many scores: every ranked list of the evaluation and of the server is made here.
//!
//! The scan keeps a threshold, the score of the k-th best seen so far, and looks at blocks of 16 scores: a block
//! whose maximum does not beat the threshold is skipped as a whole. What beats it goes into a buffer of 2k keys;
//! a full buffer is cut back to its best k, which raises the threshold. For scores in random order only about
//! k ln(n / k) of n items are ever looked at one by one.

/// Width of the blocks that are skipped as a whole: four registers of the narrowest vector unit.
const BLOCK: usize = 16;

/// Writes to `out` the indices of the `k` largest scores, best first; equal scores stand in ascending order of
/// their indices, so the list is a function of the scores alone. What `out` held before is dropped.
///
/// A score of −∞ is a masked item and never appears, so the list can be shorter than `k`. A NaN never appears
/// either: it is not above any threshold. It is a mistake of whoever made the scores, and callers that can name
/// user and item check for it before. −0 and +0 are equal.
///
/// # Panics
/// If there are more than `u32::MAX` scores.
///
/// ```
/// let mut best = Vec::new();
/// adepts_ops::top_k::top_k(&[0.5, f32::NEG_INFINITY, 2.0, 0.5], 3, &mut best);
/// assert_eq!(best, [2, 0, 3]);
/// ```
pub fn top_k(scores: &[f32], k: usize, out: &mut Vec<u32>) {
    assert!(u32::try_from(scores.len()).is_ok(), "top_k: {} scores are more than u32 can number", scores.len());
    out.clear();
    let k = k.min(scores.len());
    if k == 0 {
        return;
    }
    let mut best = Best { k, threshold: f32::NEG_INFINITY, keys: Vec::with_capacity(2 * k) };
    let (blocks, rest) = scores.as_chunks::<BLOCK>();
    for (b, block) in blocks.iter().enumerate() {
        if maximum(block) > best.threshold {
            best.offer(block, b * BLOCK);
        }
    }
    best.offer(rest, blocks.len() * BLOCK);
    best.keys.sort_unstable_by(|a, b| b.cmp(a));
    best.keys.truncate(k);
    out.extend(best.keys.iter().map(|key| !(*key as u32)));
}

/// As [`top_k`], with equal scores in ascending order of their places in `order` (`[items]`, each place once).
///
/// # Panics
/// As [`top_k`], and if there are not as many places as scores.
pub fn top_k_by(scores: &[f32], k: usize, order: &[u32], out: &mut Vec<u32>) {
    assert_eq!(order.len(), scores.len(), "top_k_by: a place for each score");
    top_k(scores, k, out);
    let Some(&last) = out.last() else { return };
    let least = scores[last as usize];
    let above = out.partition_point(|item| scores[*item as usize] > least);
    // Which of those with the least score are in the list is for the order to say.
    let tied: u32 = scores.iter().map(|score| u32::from(*score == least)).sum();
    let room = out.len() - above;
    if tied as usize > room {
        out.truncate(above);
        out.extend((0..).zip(scores).filter(|(_, score)| **score == least).map(|(item, _)| item));
        out[above..].select_nth_unstable_by_key(room - 1, |item| order[*item as usize]);
        out.truncate(above + room);
    }
    for equal in out.chunk_by_mut(|a, b| scores[*a as usize] == scores[*b as usize]) {
        equal.sort_unstable_by_key(|item| order[*item as usize]);
    }
}

/// The largest score of a block; a NaN is passed over.
#[inline]
fn maximum(block: &[f32; BLOCK]) -> f32 {
    // Halving keeps the lanes independent, which is what the vector unit wants.
    let mut lanes = [f32::NEG_INFINITY; BLOCK / 4];
    for quarter in block.as_chunks::<{ BLOCK / 4 }>().0 {
        for (lane, &score) in lanes.iter_mut().zip(quarter) {
            *lane = if score > *lane { score } else { *lane };
        }
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

/// The best so far: at most 2k keys, of which the k-th best is at least as good as `threshold`.
struct Best {
    k: usize,
    /// Only what is strictly above can still enter: an equal score later in the scan has a higher index.
    threshold: f32,
    keys: Vec<u64>,
}

impl Best {
    #[inline]
    fn offer(&mut self, scores: &[f32], first: usize) {
        for (i, &score) in scores.iter().enumerate() {
            if score > self.threshold {
                self.keys.push(key(score, (first + i) as u32));
                if self.keys.len() == 2 * self.k {
                    self.cut();
                }
            }
        }
    }

    /// Keeps the best k and raises the threshold to the worst of them.
    fn cut(&mut self) {
        let (_, worst, _) = self.keys.select_nth_unstable_by(self.k - 1, |a, b| b.cmp(a));
        self.threshold = score_of(*worst);
        self.keys.truncate(self.k);
    }
}

/// A key that is larger for a larger score and, among equal scores, for a lower index.
#[inline]
fn key(score: f32, index: u32) -> u64 {
    // Adding zero turns −0 into +0, which compare as equal.
    let bits = (score + 0.0).to_bits();
    // The usual order-preserving map of floats to unsigned numbers: flip the sign bit of what is positive, every
    // bit of what is negative.
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    u64::from(ordered) << 32 | u64::from(!index)
}

/// The score in a key.
#[inline]
fn score_of(key: u64) -> f32 {
    let ordered = (key >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_full_sort(scores: &[f32], k: usize) -> Vec<u32> {
        let mut all: Vec<u32> = (0..scores.len() as u32).filter(|&i| scores[i as usize] > f32::NEG_INFINITY).collect();
        all.sort_by(|&a, &b| scores[b as usize].partial_cmp(&scores[a as usize]).unwrap().then(a.cmp(&b)));
        all.truncate(k);
        all
    }

    fn of(scores: &[f32], k: usize) -> Vec<u32> {
        let mut out = vec![7; 3];
        top_k(scores, k, &mut out);
        out
    }

    #[test]
    fn equal_scores_stand_in_ascending_order_of_their_indices() {
        assert_eq!(of(&[1.0; 40], 5), [0, 1, 2, 3, 4]);
        assert_eq!(of(&[0.0, -0.0, 0.0, -1.0], 3), [0, 1, 2]);
        assert_eq!(of(&[-0.0, 0.0], 1), [0]);
    }

    #[test]
    fn equal_scores_stand_in_the_order_that_is_given() {
        let mut out = Vec::new();
        top_k_by(&[1.0, 2.0, 1.0, 0.0, -0.0], 2, &[4, 3, 2, 1, 0], &mut out);
        assert_eq!(out, [1, 2]);
        top_k_by(&[1.0, 2.0, 1.0, 0.0, -0.0], 4, &[4, 3, 2, 1, 0], &mut out);
        assert_eq!(out, [1, 2, 0, 4]);
        top_k_by(&[f32::NEG_INFINITY; 2], 2, &[1, 0], &mut out);
        assert_eq!(out, [0_u32; 0]);
    }

    #[test]
    fn masked_items_and_nan_never_appear() {
        assert_eq!(of(&[f32::NEG_INFINITY; 33], 4), [0_u32; 0]);
        assert_eq!(of(&[f32::NAN, -1.0, f32::NEG_INFINITY, 3.0, f32::NAN], 4), [3, 1]);
        let mut scores = vec![f32::NAN; 64];
        scores[40] = -5.0;
        assert_eq!(of(&scores, 4), [40]);
    }

    #[test]
    fn infinity_is_the_best() {
        assert_eq!(of(&[1.0, f32::INFINITY, f32::MAX, f32::MIN], 4), [1, 2, 0, 3]);
    }

    #[test]
    fn nothing_asked_and_nothing_there_give_nothing() {
        assert_eq!(of(&[1.0, 2.0], 0), [0_u32; 0]);
        assert_eq!(of(&[], 3), [0_u32; 0]);
    }

    #[test]
    fn ascending_scores_are_the_worst_case_and_still_right() {
        let scores: Vec<f32> = (0..5000).map(|i| i as f32).collect();
        assert_eq!(of(&scores, 100), (4900..5000).rev().collect::<Vec<u32>>());
    }

    proptest! {
        #[test]
        fn top_k_equals_a_full_sort(
            scores in prop::collection::vec(
                prop_oneof![4 => -3.0_f32..3.0, 2 => (-3_i8..4).prop_map(f32::from), 1 => Just(f32::NEG_INFINITY), 1 => Just(-0.0)],
                0..400,
            ),
            k in 0_usize..60,
        ) {
            prop_assert_eq!(of(&scores, k), by_full_sort(&scores, k));
        }

        #[test]
        fn an_order_of_equal_scores_is_that_of_a_full_sort(
            places in prop::collection::vec(any::<u32>(), 0..200).prop_map(|keys| {
                let mut order: Vec<u32> = (0..keys.len() as u32).collect();
                order.sort_by_key(|item| (keys[*item as usize], *item));
                order
            }),
            values in prop::collection::vec(
                prop_oneof![6 => (-2_i8..3).prop_map(f32::from), 1 => Just(f32::NEG_INFINITY), 1 => Just(-0.0)], 200,
            ),
            k in 0_usize..60,
        ) {
            let scores = &values[..places.len()];
            let mut all: Vec<u32> =
                (0..scores.len() as u32).filter(|i| scores[*i as usize] > f32::NEG_INFINITY).collect();
            let key = |i: u32| (scores[i as usize], places[i as usize]);
            all.sort_by(|a, b| {
                let ((a, first), (b, second)) = (key(*a), key(*b));
                b.partial_cmp(&a).unwrap().then(first.cmp(&second))
            });
            all.truncate(k);
            let mut out = vec![9];
            top_k_by(scores, k, &places, &mut out);
            prop_assert_eq!(out, all);
        }
    }
}
