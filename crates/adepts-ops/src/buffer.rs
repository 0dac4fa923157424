//! Large results that are written exactly once, without being cleared before.

use rayon::prelude::*;

use crate::matrix::{Matrix, Threads, product_into};

/// A vector of `chunks * width` floats, each chunk written in parallel by `write(chunk, destination)`,
/// which must fill it whole: `destination` comes uninitialised and is handed over as initialised only by
/// [`Uninit::fill`].
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

/// A piece of memory that is still to be filled.
pub(crate) struct Uninit<'a> {
    place: &'a mut [std::mem::MaybeUninit<f32>],
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

    /// Fills with zeros and hands over the filled slice.
    pub(crate) fn zero(self) -> &'a mut [f32] {
        self.repeat(&[0.0; 64])
    }
}
