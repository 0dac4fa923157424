//! Rows of a table gathered, averaged and added up.

use rayon::prelude::*;

use super::{Codes, Columns};
use crate::buffer::build_chunks;
use crate::level::{Level, per_level};
use crate::math::fma;
use crate::rows::prefetch;

/// Rows of the batch of one task.
const ROWS: usize = 512;
/// Rows of the gradient of one task.
const TABLE_ROWS: usize = 1024;
/// How many codes ahead of its use a row is asked for: which rows come no processor can foresee.
const AHEAD: usize = 16;

/// The mean of the rows of a table that each row of codes names, zeros where it names none. Other columns of `out` stay as
/// they are.
///
/// # Shapes
/// weight `[V, columns.width]`, R rows of codes → out `[R, columns.of]`.
///
/// # Panics
/// If a code is not below V or `out` has another size.
pub fn gather(level: Level, weight: &[f32], columns: Columns, codes: &Codes, out: &mut [f32]) {
    codes.check(weight.len() / columns.width);
    columns.check(codes.rows(), out.len());
    out.par_chunks_mut(ROWS * columns.of)
        .enumerate()
        .for_each(|(chunk, out)| gather_rows(level, out, weight, columns, codes, chunk * ROWS));
}

per_level! {
    fn gather_rows(out: &mut [f32], weight: &[f32], columns: Columns, codes: &Codes, first: usize) = gather_rows_body
}

#[inline(always)]
fn gather_rows_body<const FMA: bool>(out: &mut [f32], weight: &[f32], columns: Columns, codes: &Codes, first: usize) {
    let (all, width) = (codes.all(), columns.width);
    for (row, out) in (first..).zip(out.chunks_exact_mut(columns.of)) {
        let (listed, out) = (codes.range(row), &mut out[columns.range()]);
        out.fill(0.0);
        for at in listed.clone() {
            if let Some(next) = all.get(at + AHEAD) {
                prefetch::<16>(weight, *next as usize * width);
            }
            let weight = &weight[all[at] as usize * width..][..width];
            out.iter_mut().zip(weight).for_each(|(out, weight)| *out += weight);
        }
        if listed.len() > 1 {
            let share = 1.0 / listed.len() as f32;
            for out in out {
                *out *= share;
            }
        }
    }
}

/// Gradient of [`gather`] with respect to the table, `[V, columns.width]`.
///
/// # Panics
/// If a code is not below V or the gradient has another size.
#[must_use]
pub fn scatter(level: Level, table_rows: usize, columns: Columns, codes: &Codes, d_out: &[f32]) -> Vec<f32> {
    codes.check(table_rows);
    columns.check(codes.rows(), d_out.len());
    let (uses, width) = (codes.uses(), columns.width);
    build_chunks(table_rows * width, TABLE_ROWS * width, |chunk, out| {
        let (out, first) = (out.zero(), chunk * TABLE_ROWS);
        let before = |row: usize| uses.partition_point(|of| (of.code as usize) < row);
        let uses = &uses[before(first)..before(first + TABLE_ROWS)];
        scatter_rows(level, out, first, columns, codes, uses, d_out);
    })
}

per_level! {
    fn scatter_rows(
        out: &mut [f32],
        first: usize,
        columns: Columns,
        codes: &Codes,
        uses: &[Use],
        d_out: &[f32],
    ) = scatter_rows_body
}

#[inline(always)]
fn scatter_rows_body<const FMA: bool>(
    out: &mut [f32],
    first: usize,
    columns: Columns,
    codes: &Codes,
    uses: &[Use],
    d_out: &[f32],
) {
    let Columns { from, width, of: stride } = columns;
    for of in uses {
        let (share, d) = (codes.share(of.row as usize), &d_out[of.row as usize * stride + from..][..width]);
        let out = &mut out[(of.code as usize - first) * width..][..width];
        out.iter_mut().zip(d).for_each(|(out, d)| *out = fma::<FMA>(share, *d, *out));
    }
}

/// A row of the batch that names a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) code: u32,
    pub(crate) row: u32,
}

/// Bits of a code that one pass of the sort looks at.
const DIGIT: u32 = 11;
/// Below this number of entries a sort by comparison is as fast.
const FEW: usize = 512;

impl Codes {
    /// All entries by ascending code, and those of one code by ascending row: the order in which gradients are added up.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let mut uses: Vec<Use> = (0..self.rows())
            .flat_map(|row| self.row(row).iter().map(move |code| Use { code: *code, row: row as u32 }))
            .collect();
        if uses.len() < FEW {
            uses.sort_unstable();
            return uses;
        }
        let bits = u32::BITS - uses.iter().fold(0, |all, of| all | of.code).leading_zeros();
        let mut other = vec![Use::default(); uses.len()];
        // Digits from the low ones up, each pass keeping the order of the one before.
        for shift in (0..bits).step_by(DIGIT as usize) {
            let digit = |of: &Use| (of.code >> shift) as usize & ((1 << DIGIT) - 1);
            let mut next = [0usize; 1 << DIGIT];
            for of in &uses {
                next[digit(of)] += 1;
            }
            let mut sum = 0;
            for place in &mut next {
                sum += std::mem::replace(place, sum);
            }
            for of in &uses {
                let place = &mut next[digit(of)];
                other[*place] = *of;
                *place += 1;
            }
            std::mem::swap(&mut uses, &mut other);
        }
        uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_sorted_by_code_and_then_by_row() {
        for (count, below) in [(0, 1), (300, 7), (5_000, 1), (5_000, 3_000), (20_000, u32::MAX)] {
            let codes: Vec<u32> = (0..count as u64)
                .map(|at| ((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % below)
                .collect();
            let mut want: Vec<_> = codes.iter().zip(0..).map(|(code, row)| Use { code: *code, row }).collect();
            want.sort_unstable();
            assert_eq!(Codes::one(codes).uses(), want, "{count} below {below}");
        }
    }
}
