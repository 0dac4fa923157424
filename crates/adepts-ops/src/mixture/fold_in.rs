//! Answers of a mixture whose gate looks at a part of the history: gate and answer in one pass over the experts' weights.

use rayon::prelude::*;

use crate::buffer::build_parts;
use crate::csr::Csr;
use crate::few_rows::Meeting;
use crate::level::Level;

use super::decoders::{Decoders, Shape, decode, tile};
use super::row_pass;
use super::rule::Rule;

/// For each row the logits mixed by shares that come from the experts' probe losses for a part of its history: rows
/// `[O | g]` of width I + K, the mixed logits and the shares.
///
/// # Shapes
/// z of the part that the gate sees and of the whole history, each `[K, R, H]`; seen and probe `[R, I]`. R is a multiple of
/// [`tile`].
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn fold_in(
    level: Level,
    d: Decoders<'_>,
    z_seen: &[f32],
    z: &[f32],
    seen: &Csr,
    probe: &Csr,
    rule: Rule,
) -> Vec<f32> {
    let Shape { experts, rows, hidden, items } = d.shape;
    d.check(z);
    d.check(z_seen);
    let tile = tile(level, experts, rows, hidden);
    assert!(rows.is_multiple_of(tile), "fold_in: {rows} rows are no multiple of {tile}");
    assert!(
        seen.rows() == rows && probe.rows() == rows && seen.columns() == items && probe.columns() == items,
        "fold_in: {rows} rows over {items} items, seen {} over {}, probe {} over {}",
        seen.rows(),
        seen.columns(),
        probe.rows(),
        probe.columns()
    );
    let sizes = [vec![rows * items; experts], vec![rows; experts]];
    // Both kinds of rows meet an expert's weight while it is in the cache. The logits of the parts are needed for their
    // losses alone, and go.
    let built = build_parts(&sizes, |k, mut places| {
        let mut next = || places.next().expect("a place for logits and one for losses").zero();
        let (logits, losses) = (next(), next());
        let mut of_parts = vec![0.0; rows * items];
        let mut meetings =
            [Meeting { z: d.rows_of(k, z_seen), out: &mut of_parts }, Meeting { z: d.rows_of(k, z), out: logits }];
        decode(level, d, k, &mut meetings);
        for (r, (loss, strip)) in losses.iter_mut().zip(of_parts.chunks_exact_mut(items)).enumerate() {
            if !probe.row(r).is_empty() {
                (*loss, _) = row_pass::loss(level, strip, seen.row(r), probe.row(r), None);
            }
        }
    });
    let (logits, losses) = (&built[0], &built[1]);
    let mut out = vec![0.0; rows * (items + experts)];
    out.par_chunks_exact_mut(items + experts).enumerate().for_each(|(r, out)| {
        let (mixed, place) = out.split_at_mut(items);
        let losses: Vec<f32> = (0..experts).map(|k| losses[k * rows + r]).collect();
        let shares = row_pass::shares(&losses, probe.row(r).len(), rule);
        let strips: Vec<&[f32]> = (0..experts).map(|k| &logits[(k * rows + r) * items..][..items]).collect();
        row_pass::mix(level, &strips, &shares, mixed);
        place.copy_from_slice(&shares);
    });
    out
}
