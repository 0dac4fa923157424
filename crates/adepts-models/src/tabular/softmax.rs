//! Sampled softmax: a user's own item among the items of the batch.
//!
//! With u the vector of a row's user and v that of its item, `l_rc = u_r · v_c / temperature − log q_c`, where q is the share of
//! the training rows that have item c: items come into a batch as often as they are in the rows, and without the correction
//! popular ones would be pushed away for that alone (Bengio & Senécal 2008; Yi et al. 2019, who estimate q from
//! the stream). The loss of a row is `−log softmax(l_r)_r` over the candidates of the row:
//!
//! - its own item, and the items of other rows,
//! - but not those that are the row's own item again, nor items that the batch has as another positive of the same user:
//!   these are *accidental hits*, no negatives;
//! - where domains share nothing, those of its own domain alone.

use adepts_data::tabular::{NO_USER, TabularBatch};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

/// What stands in the place of −∞ for pairs that are no candidates: its exponential is 0, and no difference overflows.
const EXCLUDED: f32 = -1e9;

/// What is added to the scores of all pairs of a batch: `[R, R]`, row by row. `correct`: whether popular items are corrected for;
/// `apart`: whether a row has only candidates of its own domain.
///
/// # Panics
/// If the rows have no items, or no shares where these are needed.
#[must_use]
pub fn offsets(batch: &TabularBatch, correct: bool, apart: bool) -> Vec<f32> {
    let rows = batch.rows();
    assert_eq!(batch.item.len(), rows, "sampled softmax: an item for each row");
    assert!(!correct || batch.log_share.len() == rows, "sampled softmax: the share of each row's item");
    let known = known(batch);
    let mut offsets = vec![0.0; rows * rows];
    offsets.par_chunks_exact_mut(rows.max(1)).enumerate().for_each(|(row, offsets)| {
        let own = [(0, batch.item[row])];
        let positives = match batch.user.get(row).filter(|user| **user != NO_USER) {
            Some(user) => &known[known.partition_point(|pair| pair.0 < *user)..known.partition_point(|p| p.0 <= *user)],
            None => &own,
        };
        for (other, offset) in offsets.iter_mut().enumerate() {
            let hit = other != row && positives.binary_search_by_key(&batch.item[other], |pair| pair.1).is_ok();
            let elsewhere = apart && batch.domain[other] != batch.domain[row];
            *offset = match (hit || elsewhere, correct) {
                (true, _) => EXCLUDED,
                (false, true) => -batch.log_share[other],
                (false, false) => 0.0,
            };
        }
    });
    offsets
}

/// The pairs of user and item in the batch, ascending; none where users are not known.
fn known(batch: &TabularBatch) -> Vec<(u32, u32)> {
    let pairs = batch.user.iter().copied().zip(batch.item.iter().copied());
    let mut pairs: Vec<(u32, u32)> = pairs.filter(|(user, _)| *user != NO_USER).collect();
    pairs.sort_unstable();
    pairs
}

/// The loss of each row (nats). `offsets` are [`offsets`] of the batch.
///
/// # Shapes
/// users `[R, width]`, items `[R, width]`, `R × R` offsets → `[R, 1]`.
#[must_use]
pub fn sampled_softmax(users: Tensor<2>, items: Tensor<2>, offsets: Vec<f32>, temperature: f64) -> Tensor<2> {
    let ([rows, _], device) = (users.dims(), users.device());
    let own: Vec<f32> = (0..rows).map(|row| offsets[row * rows + row]).collect();
    let own = Tensor::<2>::from_data(TensorData::new(own, [rows, 1]), &device);
    let offsets = Tensor::<2>::from_data(TensorData::new(offsets, [rows, rows]), &device);
    let scale = (1.0 / temperature) as f32;
    let users = users * scale;
    let own = (users.clone() * items.clone()).sum_dim(1) + own;
    let logits = users.matmul(items.transpose()) + offsets;
    // The largest is subtracted, so that no exponential overflows and at least one is 1.
    let top = logits.clone().detach().max_dim(1);
    (logits - top.clone()).exp().sum_dim(1).log() + top - own
}
