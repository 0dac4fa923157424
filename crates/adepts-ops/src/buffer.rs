//! Large results that are written exactly once, without being cleared before.

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
            let mut written = false;
            write(chunk, Uninit { place, written: &mut written });
            assert!(written, "build_chunks: chunk {chunk} was not written");
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
    let mut out = sizes.map(|(total, _)| Vec::<f32>::with_capacity(total));
    let [a, b, c] = &mut out;
    let [(n0, w0), (n1, w1), (n2, w2)] = sizes;
    let a = a.spare_capacity_mut()[..n0].par_chunks_mut(w0);
    let b = b.spare_capacity_mut()[..n1].par_chunks_mut(w1);
    let c = c.spare_capacity_mut()[..n2].par_chunks_mut(w2);
    assert!(a.len() == b.len() && b.len() == c.len(), "build_three: {sizes:?} have unequal numbers of chunks");
    a.zip(b).zip(c).enumerate().for_each(|(chunk, ((a, b), c))| {
        let mut written = [false; 3];
        let [x, y, z] = &mut written;
        let places =
            [Uninit { place: a, written: x }, Uninit { place: b, written: y }, Uninit { place: c, written: z }];
        write(chunk, places);
        assert!(written == [true; 3], "build_three: chunk {chunk} was not written");
    });
    for (out, (total, _)) in out.iter_mut().zip(sizes) {
        // SAFETY: every chunk of the first `total` elements was filled, as the assertion above checked.
        unsafe { out.set_len(total) };
    }
    out
}

/// A piece of memory that is still to be filled.
pub(crate) struct Uninit<'a> {
    place: &'a mut [MaybeUninit<f32>],
    written: &'a mut bool,
}

impl<'a> Uninit<'a> {
    /// Fills with copies of `pattern` and hands over the filled slice.
    pub(crate) fn repeat(self, pattern: &[f32]) -> &'a mut [f32] {
        for row in self.place.chunks_mut(pattern.len()) {
            row.write_copy_of_slice(&pattern[..row.len()]);
        }
        *self.written = true;
        // SAFETY: the loop has written every element.
        unsafe { self.place.assume_init_mut() }
    }

    /// Fills with a matrix product and hands over the filled slice.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub(crate) fn product(self, a: Matrix<'_>, b: Matrix<'_>, threads: Threads) -> &'a mut [f32] {
        let Self { place, written } = self;
        *written = true;
        product_into(place, a, b, threads)
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
        let (mut place, mut at) = (self.place, start);
        while !place.is_empty() {
            let (stack, first) = (at / per_stack, at % per_stack);
            let rows = (per_stack - first).min(place.len() / width);
            let (piece, rest) = place.split_at_mut(rows * width);
            fill(stack, first, piece);
            place = rest;
            at += rows;
        }
        *self.written = true;
    }

    /// Fills with zeros and hands over the filled slice.
    pub(crate) fn zero(self) -> &'a mut [f32] {
        self.repeat(&[0.0; 64])
    }
}
