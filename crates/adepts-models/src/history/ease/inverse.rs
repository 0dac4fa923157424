//! The inverse of a large positive definite matrix, block by block, and the regression weights that it gives.
//!
//! Every block is computed by one sequential call of faer, and blocks depend on the size of the matrix alone: the result is
//! the same, bit for bit, for any number of threads.

use std::collections::VecDeque;

use adepts_data::Progress;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltRegularization, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, Mat, MatMut, MatRef, Par, Spec};
use rayon::prelude::*;

/// Columns of a block.
pub(super) const WIDTH: usize = 128;

/// Blocks of the inverse between two reports of progress.
const REPORT: usize = 16;

/// The matrix is not positive definite.
pub(super) struct NotPositiveDefinite;

/// Cholesky factorisation in place: a matrix A `[n, n]`, column-major, of which the lower triangle is read, becomes L with
/// `A = LLᵀ` in its lower triangle; what is above is undefined.
///
/// Right-looking: the blocks of columns to the right of a finished one are brought up to date in parallel.
pub(super) fn factor(matrix: &mut [f64], n: usize, progress: Progress<'_>) -> Result<(), NotPositiveDefinite> {
    let scratch = cholesky_in_place_scratch::<f64>(WIDTH, Par::Seq, Spec::default());
    let mut scratch = MemBuffer::new(scratch);
    for start in (0..n).step_by(WIDTH) {
        progress("factorising", start as u64, Some(n as u64));
        let width = WIDTH.min(n - start);
        let (done, right) = matrix.split_at_mut((start + width) * n);
        let panel = MatMut::from_column_major_slice_mut(&mut done[start * n..], n, width);
        let (mut corner, mut below) = panel.split_at_row_mut(start).1.split_at_row_mut(width);
        let stack = MemStack::new(&mut scratch);
        cholesky_in_place(corner.as_mut(), LltRegularization::default(), Par::Seq, stack, Spec::default())
            .map_err(|_| NotPositiveDefinite)?;
        let corner = corner.as_ref();
        tiles(below.as_mut()).into_par_iter().for_each(|tile| {
            solve_lower_triangular_in_place(corner, tile.transpose_mut(), Par::Seq);
        });
        let below = below.as_ref();
        right.par_chunks_mut(WIDTH * n).enumerate().for_each(|(block, columns)| {
            let (first, width) = (block * WIDTH, columns.len() / n);
            let columns = MatMut::from_column_major_slice_mut(columns, n, width);
            let place = columns.split_at_row_mut(start + WIDTH + first).1;
            let rows = below.subrows(first, below.nrows() - first);
            matmul(place, Accum::Add, rows, below.subrows(first, width).transpose(), -1.0, Par::Seq);
        });
    }
    Ok(())
}

/// Cuts a matrix into blocks of at most [`WIDTH`] rows.
fn tiles<T>(mut rest: MatMut<'_, T>) -> Vec<MatMut<'_, T>> {
    let mut tiles = Vec::with_capacity(rest.nrows().div_ceil(WIDTH));
    while rest.nrows() > 0 {
        let rows = WIDTH.min(rest.nrows());
        let (tile, below) = rest.split_at_row_mut(rows);
        tiles.push(tile);
        rest = below;
    }
    tiles
}

/// Writes the upper triangle of P = (LLᵀ)⁻¹ into `inverse` `[n, n]`, row-major, in blocks of [`WIDTH`] rows; the blocks on
/// the diagonal are written whole, what is left of them stays. Returns diag(P).
///
/// Rows from `start` of P are, as it is symmetric, its columns from `start`, of which the elements below `start` need only
/// the part of L from `start` on.
pub(super) fn upper_triangle(
    factor: &[f64],
    inverse: &mut [f32],
    n: usize,
    progress: Progress<'_>,
) -> Result<Vec<f64>, NotPositiveDefinite> {
    let factor = MatRef::from_column_major_slice(factor, n, n);
    let mut diagonal = vec![0.0; n];
    let blocks = inverse.chunks_mut(REPORT * WIDTH * n).zip(diagonal.chunks_mut(REPORT * WIDTH));
    for (report, (rows, diagonal)) in blocks.enumerate() {
        let before = report * REPORT * WIDTH;
        progress("inverting", before as u64, Some(n as u64));
        let blocks = rows.par_chunks_mut(WIDTH * n).zip(diagonal.par_chunks_mut(WIDTH)).enumerate();
        blocks.for_each(|(block, (rows, diagonal))| {
            let start = before + block * WIDTH;
            let mut columns = Mat::<f64>::zeros(n - start, diagonal.len());
            for j in 0..diagonal.len() {
                columns[(j, j)] = 1.0;
            }
            let factor = factor.submatrix(start, start, n - start, n - start);
            solve_lower_triangular_in_place(factor, columns.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(factor.transpose(), columns.as_mut(), Par::Seq);
            for (j, row) in rows.chunks_mut(n).enumerate() {
                diagonal[j] = columns[(j, j)];
                for (i, place) in row[start..].iter_mut().enumerate() {
                    *place = columns[(i, j)] as f32;
                }
            }
        });
    }
    progress("inverting", n as u64, Some(n as u64));
    if diagonal.iter().all(|p| *p > 0.0 && p.is_finite()) { Ok(diagonal) } else { Err(NotPositiveDefinite) }
}

/// Turns the upper triangle of P, as [`upper_triangle`] leaves it, into B = I − P / diag(P), column by column; both
/// `[n, n]`, row-major.
pub(super) fn regress(matrix: &mut [f32], diagonal: &[f64]) {
    let n = diagonal.len();
    let mut strips: VecDeque<_> = matrix
        .chunks_mut(WIDTH * n)
        .map(|rows| {
            let height = rows.len() / n;
            tiles(MatMut::from_column_major_slice_mut(rows, n, height)).into_iter()
        })
        .collect();
    // Each tile on or above the diagonal with its mirror image, [columns, rows] both. What a strip of rows still has begins
    // on the diagonal: the tiles before were taken as mirror images.
    let mut pairs = Vec::with_capacity(strips.len() * (strips.len() + 1) / 2);
    let mut top = 0;
    while let Some(strip) = strips.pop_front() {
        let mut below = strips.iter_mut();
        for (i, tile) in strip.enumerate() {
            let mirrored = if i == 0 { None } else { below.next().and_then(Iterator::next) };
            pairs.push((top, top + i * WIDTH, tile, mirrored));
        }
        top += WIDTH;
    }
    pairs.into_par_iter().for_each(|(top, left, mut upper, lower)| {
        let weight = |p: f32, column: usize| (-f64::from(p) / diagonal[column]) as f32;
        if let Some(mut lower) = lower {
            for c in 0..upper.nrows() {
                for r in 0..upper.ncols() {
                    lower[(r, c)] = weight(upper[(c, r)], top + r);
                }
            }
        }
        for r in 0..upper.ncols() {
            for c in 0..upper.nrows() {
                upper[(c, r)] = if top + r == left + c { 0.0 } else { weight(upper[(c, r)], left + c) };
            }
        }
    });
}
