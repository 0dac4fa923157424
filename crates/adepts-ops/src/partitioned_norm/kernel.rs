//! Rows are worked on domain by domain; a batch whose rows stand so is not copied.

use std::borrow::Cow;

use super::{EPSILON, Statistics};
use crate::buffer::build_chunks;
use crate::expert_bank::kernel::PAIRS;
use crate::expert_bank::routes::Routes;
use crate::level::Level;
pub use crate::norm::Norm;
use crate::norm::{self, Normed};

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    routes: Routes,
    normed: Normed,
}

/// `γ_d (x − μ_d) / √(σ_d² + ε) + β_d` for each row and its domain, and the means and variances. A row of no domain gives 0.
///
/// # Shapes
/// x `[B, width]`; domains `[B, D]`, of which a row has 1 at its domain and 0 elsewhere.
///
/// # Panics
/// If the shapes do not fit, or a row is of several domains.
#[must_use]
pub fn forward(
    level: Level,
    x: &[f32],
    domains: &[f32],
    norm: Norm<'_>,
    groups: usize,
) -> (Vec<f32>, Saved, Statistics) {
    let width = norm.scale.len().checked_div(groups).unwrap_or(0);
    let routes = Routes::new(domains, groups);
    let fits = norm.scale.len() == groups * width && norm.shift.len() == norm.scale.len();
    assert!(
        fits && domains.len() == routes.batch * groups && x.len() == routes.batch * width,
        "partitioned_norm: x of {}, domains [{}, {groups}], scale and shift of {} and {}",
        x.len(),
        routes.batch,
        norm.scale.len(),
        norm.shift.len()
    );
    let most = (0..routes.batch).map(|row| routes.pairs(row).len()).max().unwrap_or(0);
    assert!(most <= 1, "partitioned_norm: a row of {most} domains");
    let pieces = routes.pieces(PAIRS);
    let x = by_domain(x, &routes, width);
    let found = norm::statistics(level, &routes, &pieces, &x, width);
    let (out, normed) = norm::forward(level, &pieces, &x, &found, EPSILON, norm, false);
    let out = by_row(out, &routes, width);
    (out, Saved { routes, normed }, found)
}

/// Gradients of [`forward`] for x, γ and β, given that of its output, `[B, width]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn backward(level: Level, gamma: &[f32], saved: &Saved, d_out: &[f32]) -> [Vec<f32>; 3] {
    let Saved { routes, normed } = saved;
    let width = gamma.len().checked_div(routes.experts()).unwrap_or(0);
    assert_eq!(d_out.len(), routes.batch * width, "partitioned_norm: gradient [{}, {width}]", routes.batch);
    let pieces = routes.pieces(PAIRS);
    let d = by_domain(d_out, routes, width);
    let [x, scale, shift] = norm::backward(level, routes, &pieces, normed, gamma, &d);
    [by_row(x, routes, width), scale, shift]
}

/// The rows of the first domain, then those of the next.
fn by_domain<'a>(rows: &'a [f32], routes: &Routes, width: usize) -> Cow<'a, [f32]> {
    if routes.in_order() {
        return Cow::Borrowed(rows);
    }
    let gathered = build_chunks(routes.rows.len() * width, PAIRS * width.max(1), |chunk, place| {
        let from = chunk * PAIRS;
        place.gather(rows, width, &routes.rows[from..routes.rows.len().min(from + PAIRS)]);
    });
    Cow::Owned(gathered)
}

/// Back from [`by_domain`].
fn by_row(of_pairs: Vec<f32>, routes: &Routes, width: usize) -> Vec<f32> {
    if routes.in_order() {
        return of_pairs;
    }
    let mut rows = vec![0.0; routes.batch * width];
    for (pair, row) in of_pairs.chunks_exact(width.max(1)).zip(&routes.rows) {
        rows[*row as usize * width..][..width].copy_from_slice(pair);
    }
    rows
}
