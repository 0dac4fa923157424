//! The linear decoders of K experts, and how their products are cut.

use crate::few_rows::{self, Meeting};
use crate::level::Level;
use crate::matrix::{Matrix, Start, Threads, product};

/// Shapes of a mixture of linear decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of experts K.
    pub experts: usize,
    /// Rows of the batch R.
    pub rows: usize,
    /// Width of the latent H.
    pub hidden: usize,
    /// Number of items I.
    pub items: usize,
}

/// The experts' decoders: weight `[K, H, I]`, bias `[K, I]`.
#[derive(Clone, Copy, Debug)]
pub struct Decoders<'a> {
    /// Their shapes.
    pub shape: Shape,
    /// `[K, H, I]`.
    pub weight: &'a [f32],
    /// `[K, I]`.
    pub bias: &'a [f32],
}

impl<'a> Decoders<'a> {
    pub(super) fn expert(&self, k: usize) -> (&'a [f32], &'a [f32]) {
        let Shape { hidden, items, .. } = self.shape;
        (&self.weight[k * hidden * items..][..hidden * items], &self.bias[k * items..][..items])
    }

    /// The rows of expert `k` out of those of all, `[K, R, H]`.
    pub(super) fn rows_of<'z>(&self, k: usize, z: &'z [f32]) -> &'z [f32] {
        let of_expert = self.shape.rows * self.shape.hidden;
        &z[k * of_expert..][..of_expert]
    }

    pub(super) fn weight(&self, k: usize) -> Matrix<'a> {
        Matrix::new(self.expert(k).0, self.shape.hidden, self.shape.items)
    }

    pub(super) fn check(&self, z: &[f32]) {
        let Shape { experts, rows, hidden, items } = self.shape;
        assert!(
            z.len() == experts * rows * hidden
                && self.weight.len() == experts * hidden * items
                && self.bias.len() == experts * items,
            "mixture: z [{experts}, {rows}, {hidden}], weight [{experts}, {hidden}, {items}], bias [{experts}, {items}]"
        );
    }
}

/// How products are cut over rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All rows of the batch as they come: for training.
    Whole,
    /// Whole tiles of [`TILE`] rows, so that the result for a row does not depend on how many others are in the batch:
    /// for prediction. The number of rows must be a multiple of it.
    Tiles,
}

impl Cut {
    pub(super) fn check(self, rows: usize) {
        assert!(self == Self::Whole || rows.is_multiple_of(TILE), "mixture: {rows} rows are no multiple of {TILE}");
    }
}

/// Rows of a tile in prediction.
pub const TILE: usize = 16;

/// What the number of rows must be a multiple of in [`fold_in`](super::kernel::fold_in): a few rows need no padding where a kernel of our own
/// multiplies them, because it sums each row alike.
#[must_use]
pub fn tile(level: Level, experts: usize, rows: usize, hidden: usize) -> usize {
    if is_few(level, experts, 2 * rows, hidden) { 1 } else { TILE }
}

/// Whether [`few_rows`] multiplies: where `gemm` sums as it does, and rows are so few and experts so many that it is faster, because
/// threads take an expert each.
pub(super) fn is_few(level: Level, experts: usize, rows: usize, hidden: usize) -> bool {
    experts >= MANY && rows < WORTH_A_COPY && hidden > SHORT && hidden <= ONE_GO && few_rows::has(level)
}

/// From this number of experts on, threads take an expert each instead of sharing each product.
pub(super) const MANY: usize = 4;

/// From this number of rows on, a copy of an expert's weight with its bias as one more row costs less than reading and
/// writing the logits once more.
pub(super) const WORTH_A_COPY: usize = 128;

/// Sums of so few terms are taken by a way of their own, which begins with what stands in the output.
pub(super) const SHORT: usize = 2;

/// The longest sum that a product takes in one go whatever its other sizes are. Longer ones would be cut by sizes that depend
/// on the number of rows, and so round differently.
pub(super) const ONE_GO: usize = 512;

/// The logits of expert `k` for some rows, in place of what stands there: the same bits for any number of rows and meetings.
pub(super) fn decode(level: Level, d: Decoders<'_>, k: usize, meetings: &mut [Meeting<'_>]) {
    let Shape { experts, hidden, items, .. } = d.shape;
    let (weight, bias) = d.expert(k);
    let rows: usize = meetings.iter().map(|of| of.out.len() / items).sum();
    if is_few(level, experts, rows, hidden) {
        few_rows::multiply(level, weight, bias, meetings);
        return;
    }
    for Meeting { z, out } in meetings {
        out.chunks_exact_mut(items).for_each(|row| row.copy_from_slice(bias));
        add_product(out, Matrix::new(z, out.len() / items, hidden), weight, threads(experts));
    }
}

/// `out += a · weight`, for `[columns of a, I]` weights: an element is summed in the same order for any number of rows.
pub(super) fn add_product(out: &mut [f32], a: Matrix<'_>, weight: &[f32], threads: Threads) {
    let items = weight.len() / a.width().max(1);
    for from in (0..a.width()).step_by(ONE_GO) {
        let count = ONE_GO.min(a.width() - from);
        let part = Matrix::new(&weight[from * items..][..count * items], count, items);
        product(out, Start::Output, a.columns(from, count), part, threads);
    }
}

pub(super) fn threads(experts: usize) -> Threads {
    if experts < MANY { Threads::All } else { Threads::One }
}
