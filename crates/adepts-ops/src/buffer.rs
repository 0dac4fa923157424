//! Large results that are written exactly once, without being cleared before.

use std::cell::Cell;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::matrix::{Matrix, Threads, product_into};

/// A vector of `chunks * width` floats, each chunk written in parallel by `write(chunk, destination)`,
/// which must fill it whole: `destination` comes uninitialised and is handed over as initialised only by
/// the methods of [`Uninit`].
pub(crate) fn build_chunks<F>(total: usize, width: usize, write: F) -> Vec<f32>
where
    F: Fn(usize, Uninit<'_>) + Sync,
{
    assert!(width > 0 || total == 0, "build_chunks: {total} elements in chunks of none");
    let mut out: Vec<f32> = Vec::with_capacity(total);
    if width > 0 {
        out.spare_capacity_mut()[..total].par_chunks_mut(width).enumerate().for_each(|(chunk, place)| {
            let (written, elements) = (Cell::new(0), place.len());
            write(chunk, Uninit { place, written: &written });
            assert_eq!(written.get(), elements, "build_chunks: written elements of chunk {chunk}");
        });
    }
    // SAFETY: every chunk of the first `total` elements was filled, as the assertion above checked.
    unsafe { out.set_len(total) };
    out
}

/// As [`build_chunks`], for three vectors whose chunks of one index are written together, while what they are computed
/// from is in the cache. Each is given as (total, width).
pub(crate) fn build_three<F>(sizes: [(usize, usize); 3], write: F) -> [Vec<f32>; 3]
where
    F: Fn(usize, [Uninit<'_>; 3]) + Sync,
{
    assert!(sizes.iter().all(|(_, width)| *width > 0), "build_three: {sizes:?}");
    let parts: [Vec<usize>; 3] =
        sizes.map(|(total, width)| (0..total).step_by(width).map(|at| width.min(total - at)).collect());
    let mut built = build_parts(&parts, |part, mut places| {
        let mut next = || places.next().expect("three vectors");
        write(part, [next(), next(), next()]);
    });
    std::array::from_fn(|at| std::mem::take(&mut built[at]))
}

/// As [`build_chunks`], for any number of vectors whose parts are of any size: `sizes[v][p]` floats for part `p` of vector
/// `v`. The parts of one index are written together.
///
/// # Panics
/// If the vectors have unequal numbers of parts.
pub(crate) fn build_parts<F>(sizes: &[Vec<usize>], write: F) -> Vec<Vec<f32>>
where
    F: Fn(usize, std::vec::IntoIter<Uninit<'_>>) + Sync,
{
    let parts = sizes.first().map_or(0, Vec::len);
    assert!(sizes.iter().all(|of| of.len() == parts), "build_parts: vectors of unequal numbers of parts");
    let totals: Vec<usize> = sizes.iter().map(|of| of.iter().sum()).collect();
    let mut out: Vec<Vec<f32>> = totals.iter().map(|total| Vec::with_capacity(*total)).collect();
    let mut rest: Vec<&mut [MaybeUninit<f32>]> =
        out.iter_mut().zip(&totals).map(|(out, total)| &mut out.spare_capacity_mut()[..*total]).collect();
    let mut places = Vec::with_capacity(parts);
    for part in 0..parts {
        let mut of_part = Vec::with_capacity(sizes.len());
        for (rest, of) in rest.iter_mut().zip(sizes) {
            of_part.push(rest.split_off_mut(..of[part]).expect("a vector is as long as its parts together"));
        }
        places.push(of_part);
    }
    places.into_par_iter().enumerate().for_each(|(part, places)| {
        let (written, elements) = (Cell::new(0), places.iter().map(|place| place.len()).sum::<usize>());
        let places: Vec<_> = places.into_iter().map(|place| Uninit { place, written: &written }).collect();
        write(part, places.into_iter());
        assert_eq!(written.get(), elements, "build_parts: written elements of part {part}");
    });
    for (out, total) in out.iter_mut().zip(totals) {
        // SAFETY: every part of the first `total` elements was filled, as the assertion above checked.
        unsafe { out.set_len(total) };
    }
    out
}

/// A piece of memory that is still to be filled.
pub(crate) struct Uninit<'a> {
    place: &'a mut [MaybeUninit<f32>],
    /// Elements of the chunk that were written; what fills a place consumes it, so none is counted twice.
    written: &'a Cell<usize>,
}

impl<'a> Uninit<'a> {
    /// Fills with copies of `pattern` and hands over the filled slice.
    pub(crate) fn repeat(self, pattern: &[f32]) -> &'a mut [f32] {
        for row in self.place.chunks_mut(pattern.len()) {
            row.write_copy_of_slice(&pattern[..row.len()]);
        }
        self.count();
        // SAFETY: the loop has written every element.
        unsafe { self.place.assume_init_mut() }
    }

    /// Fills with a matrix product and hands over the filled slice.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub(crate) fn product(self, a: Matrix<'_>, b: Matrix<'_>, threads: Threads) -> &'a mut [f32] {
        self.count();
        product_into(self.place, a, b, threads)
    }

    /// Has stacked rows filled piece by piece: the place begins at row `start` of stacks of `per_stack` rows each;
    /// `fill(stack, first row, place)` gets a place that ends where its stack ends.
    ///
    /// # Safety
    /// `fill` must write every element of its place.
    pub(crate) unsafe fn pieces(
        self,
        start: usize,
        width: usize,
        per_stack: usize,
        mut fill: impl FnMut(usize, usize, &mut [MaybeUninit<f32>]),
    ) {
        self.count();
        let (mut place, mut at) = (self.place, start);
        while !place.is_empty() {
            let (stack, first) = (at / per_stack, at % per_stack);
            let rows = (per_stack - first).min(place.len() / width);
            let (piece, rest) = place.split_at_mut(rows * width);
            fill(stack, first, piece);
            place = rest;
            at += rows;
        }
    }

    /// Fills with rows of `source`, which are `width` wide, and hands over the filled slice.
    ///
    /// # Panics
    /// If the place is not for as many rows, or there is no such row.
    pub(crate) fn gather(self, source: &[f32], width: usize, rows: &[u32]) -> &'a mut [f32] {
        assert_eq!(self.place.len(), width * rows.len(), "gather: {} rows of width {width}", rows.len());
        for (place, row) in self.place.chunks_mut(width.max(1)).zip(rows) {
            place.write_copy_of_slice(&source[*row as usize * width..][..width]);
        }
        self.count();
        // SAFETY: the loop has written every element, as there is a row of `width` elements for each chunk.
        unsafe { self.place.assume_init_mut() }
    }

    /// Fills with zeros and hands over the filled slice.
    pub(crate) fn zero(self) -> &'a mut [f32] {
        self.repeat(&[0.0; 64])
    }

    fn count(&self) {
        self.written.set(self.written.get() + self.place.len());
    }
}
