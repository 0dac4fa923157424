//! The one rule for histories without an item: they are answered, and judged, by what most users have.

use crate::batch::HistoryBatch;
use crate::model::HistoryModel;

/// Scores of all items for each row as an answer goes by them, `[rows, items]`: those of the model, and where a history is
/// empty those of `popularity` (`[items]`, the number of users of each item), because a model without anything to go by would
/// rank by what its parameters happen to be. Shares of the experts are written as [`HistoryModel::score`] does; those of an
/// empty history mean nothing. What comes back says for each row whether it has scores of popularity.
pub fn answered(
    model: &dyn HistoryModel,
    batch: &HistoryBatch,
    popularity: &[f32],
    scores: &mut [f32],
    shares: &mut [f32],
) -> Vec<bool> {
    model.score(batch, scores, shares);
    let rows = scores.chunks_exact_mut(popularity.len().max(1)).take(batch.rows());
    let fill = |(row, scores): (usize, &mut [f32])| {
        let popular = batch.input.row(row).is_empty();
        if popular {
            scores.copy_from_slice(popularity);
        }
        popular
    };
    rows.enumerate().map(fill).collect()
}
