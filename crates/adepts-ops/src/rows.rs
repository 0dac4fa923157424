//! What several kernels do with rows.

use crate::level::per_level;

/// Asks for the `N` floats from index `at` on.
#[inline(always)]
pub(crate) fn prefetch<const N: usize>(data: &[f32], at: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..N).step_by(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch, of whatever address, changes nothing but what is in the cache.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(data.as_ptr().wrapping_add(at + line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, at);
}

per_level! {
    pub(crate) fn add_rows(out: &mut [f32], rows: &[f32]) = add_rows_body
}

/// Adds up rows, four at a time.
#[inline(always)]
fn add_rows_body<const FMA: bool>(out: &mut [f32], rows: &[f32]) {
    let width = out.len();
    let fours = rows.chunks_exact(4 * width);
    for row in fours.remainder().chunks_exact(width) {
        for (o, a) in out.iter_mut().zip(row) {
            *o += a;
        }
    }
    for four in fours {
        let (ab, cd) = four.split_at(2 * width);
        let ((a, b), (c, d)) = (ab.split_at(width), cd.split_at(width));
        for ((o, (a, b)), (c, d)) in out.iter_mut().zip(a.iter().zip(b)).zip(c.iter().zip(d)) {
            *o += (a + b) + (c + d);
        }
    }
}
