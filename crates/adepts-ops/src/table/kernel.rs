//! Updates of the rows that a batch used, each row once.

use rayon::prelude::*;

use crate::adam::kernel::{self as adam, Adam};
use crate::embedding::Codes;
use crate::embedding::kernel::Use;
use crate::level::{Level, per_level};
use crate::math::fma;
use crate::rows::prefetch;

/// Settings of Adagrad (Duchi, Hazan & Singer 2011) with coupled L2: `l2 · w` is added to the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// Step size.
    pub learning_rate: f32,
    /// Added to the root of the sum of squares.
    pub epsilon: f32,
    /// Coupled weight decay.
    pub l2: f32,
}

/// How a row that was used is updated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Adam, with the number of the update from 1.
    Adam(Adam, u64),
    /// Adagrad, whose sums of squares stand in place of the second moments.
    Adagrad(Adagrad),
}

/// A table with its moments, each `[V, width]`. They stand apart, not interleaved, so that a table is saved and opened
/// without a second copy in memory; prefetching hides most of what that costs.
#[derive(Debug)]
pub struct State<'a> {
    /// The embeddings.
    pub weight: &'a mut [f32],
    /// First moments.
    pub first: &'a mut [f32],
    /// Second moments, or sums of squares.
    pub second: &'a mut [f32],
}

/// Entries of a batch in one task, which goes on to the last entry of its last code.
const ENTRIES: usize = 1024;
/// How many entries ahead of its use a row is asked for.
const AHEAD: usize = 16;

/// Updates the rows that `codes` names, given the gradient of their means, `[codes.rows(), width]`. What a row gets from
/// several entries is added up in the order of the entries.
///
/// # Panics
/// If a code is not in the table or an array has another size.
pub fn update(level: Level, rule: Rule, state: State<'_>, width: usize, codes: &Codes, gradient: &[f32]) {
    let State { mut weight, mut first, mut second } = state;
    let n = weight.len();
    assert!(
        gradient.len() == codes.rows() * width && first.len() == n && second.len() == n,
        "table: {n} weights of width {width}, {} and {} moments, {} gradients of {} rows",
        first.len(),
        second.len(),
        gradient.len(),
        codes.rows()
    );
    codes.check(n / width);
    let step = match rule {
        Rule::Adam(adam, time) => Step::Adam(adam.at(time)),
        Rule::Adagrad(adagrad) => Step::Adagrad(adagrad),
    };
    let uses = codes.uses();
    let (mut rest, mut base, mut parts) = (&uses[..], 0, Vec::new());
    while !rest.is_empty() {
        let last = rest[rest.len().min(ENTRIES) - 1].code;
        let (of_part, behind) = rest.split_at(rest.partition_point(|of| of.code <= last));
        let floats = (last as usize + 1 - base) * width;
        let (of_weight, of_first, of_second);
        (of_weight, weight) = weight.split_at_mut(floats);
        (of_first, first) = first.split_at_mut(floats);
        (of_second, second) = second.split_at_mut(floats);
        parts.push(Part { base, uses: of_part, weight: of_weight, first: of_first, second: of_second });
        (rest, base) = (behind, last as usize + 1);
    }
    parts.into_par_iter().for_each(|part| update_part(level, part, step, width, codes, gradient));
}

/// Consecutive rows of a table, from row `base` on, with all entries that name one of them.
struct Part<'a> {
    base: usize,
    uses: &'a [Use],
    weight: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

#[derive(Clone, Copy)]
enum Step {
    Adam(adam::Step),
    Adagrad(Adagrad),
}

per_level! {
    fn update_part(part: Part<'_>, step: Step, width: usize, codes: &Codes, gradient: &[f32]) = update_part_body
}

#[inline(always)]
fn update_part_body<const FMA: bool>(mut part: Part<'_>, step: Step, width: usize, codes: &Codes, gradient: &[f32]) {
    let (uses, mut done, mut asked) = (part.uses, 0, 0);
    for of_row in uses.chunk_by(|a, b| a.code == b.code) {
        done += of_row.len();
        for next in uses.iter().take(done + AHEAD).skip(asked) {
            ask(&part, *next, width, gradient);
        }
        asked = done + AHEAD;
        let row = (of_row[0].code as usize - part.base) * width;
        let mut from = 0;
        while from < width {
            let at = (row + from, from);
            from += match width - from {
                64.. => update_tile::<FMA, 64>(&mut part, step, of_row, at, width, codes, gradient),
                32.. => update_tile::<FMA, 32>(&mut part, step, of_row, at, width, codes, gradient),
                16.. => update_tile::<FMA, 16>(&mut part, step, of_row, at, width, codes, gradient),
                8.. => update_tile::<FMA, 8>(&mut part, step, of_row, at, width, codes, gradient),
                _ => update_tile::<FMA, 1>(&mut part, step, of_row, at, width, codes, gradient),
            };
        }
    }
}

/// Has what an entry will need brought into the cache.
#[inline(always)]
fn ask(part: &Part<'_>, next: Use, width: usize, gradient: &[f32]) {
    for from in (0..width).step_by(16) {
        let at = (next.code as usize - part.base) * width + from;
        prefetch::<16>(part.weight, at);
        prefetch::<16>(part.first, at);
        prefetch::<16>(part.second, at);
        prefetch::<16>(gradient, next.row as usize * width + from);
    }
}

/// Updates `N` columns of the row that all of `uses` name: those at `at` of the part, which are columns `from` on.
#[inline(always)]
fn update_tile<const FMA: bool, const N: usize>(
    part: &mut Part<'_>,
    step: Step,
    uses: &[Use],
    (at, from): (usize, usize),
    width: usize,
    codes: &Codes,
    gradient: &[f32],
) -> usize {
    let mut sum = [0.0f32; N];
    for of in uses {
        let (share, d) = (codes.share(of.row as usize), &gradient[of.row as usize * width + from..][..N]);
        for j in 0..N {
            sum[j] = fma::<FMA>(share, d[j], sum[j]);
        }
    }
    let (w, m, v) = (&mut part.weight[at..][..N], &mut part.first[at..][..N], &mut part.second[at..][..N]);
    match step {
        Step::Adam(step) => adam::update_body::<FMA>(step, w, &sum, m, v),
        Step::Adagrad(Adagrad { learning_rate, epsilon, l2 }) => {
            for ((w, g), v) in w.iter_mut().zip(sum).zip(v) {
                let g = fma::<FMA>(l2, *w, g);
                *v = fma::<FMA>(g, g, *v);
                *w -= learning_rate * g / (v.sqrt() + epsilon);
            }
        }
    }
    N
}
