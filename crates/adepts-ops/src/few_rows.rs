//! Products of a few rows with a wide weight that is read once, as it lies.
//!
//! `gemm` arranges a weight anew before it multiplies, which pays for hundreds of rows and not for ten: then most of the time
//! is spent waiting for memory. Here a strip of columns stays in the cache while all rows meet it, and the next strip is
//! asked for meanwhile.

use crate::level::Level;

/// Rows that meet a weight `[hidden, items]`, and where their products go.
#[derive(Debug)]
pub(crate) struct Meeting<'a> {
    /// `[R, hidden]`.
    pub(crate) z: &'a [f32],
    /// `[R, items]`; what stands there is overwritten.
    pub(crate) out: &'a mut [f32],
}

/// Whether there is a kernel for this instruction set.
pub(crate) fn has(level: Level) -> bool {
    level != Level::PORTABLE
}

/// `out = z · weight + bias` for each of the meetings. An element is summed in the order of the weight's rows and the bias is
/// added to the sum, so it has the same bits whatever the number of rows.
///
/// # Panics
/// If the shapes do not fit, or there is no kernel.
pub(crate) fn multiply(level: Level, weight: &[f32], bias: &[f32], meetings: &mut [Meeting<'_>]) {
    let items = bias.len();
    let hidden = weight.len() / items.max(1);
    assert_eq!(weight.len(), hidden * items, "few_rows: a weight of {} for {items} items", weight.len());
    for Meeting { z, out } in meetings.iter() {
        let rows = out.len() / items.max(1);
        assert!(
            out.len() == rows * items && z.len() == rows * hidden,
            "few_rows: {} inputs of width {hidden}, {} outputs of width {items}",
            z.len(),
            out.len()
        );
    }
    #[cfg(target_arch = "x86_64")]
    {
        use crate::level::Set;
        match level.set() {
            // SAFETY: a `Level` of this set exists only where the processor was found to have it, and shapes were checked.
            Set::Avx512 => return unsafe { x86::avx512(weight, bias, hidden, meetings) },
            // SAFETY: as above.
            Set::Avx2 => return unsafe { x86::avx2(weight, bias, hidden, meetings) },
            Set::Portable => {}
        }
    }
    panic!("few_rows: no kernel for {}", level.name());
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps,
        _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::Meeting;
    use crate::rows::prefetch;

    /// The most rows whose sums stay in registers.
    const ROWS: usize = 6;

    /// Floats that are computed with at once. All of it needs the instruction set that the type stands for, and addresses
    /// of as many floats.
    trait Vector: Copy {
        const LANES: usize;
        unsafe fn load(from: *const f32) -> Self;
        unsafe fn store(self, to: *mut f32);
        unsafe fn all(value: f32) -> Self;
        unsafe fn plus(self, other: Self) -> Self;
        unsafe fn plus_product(self, a: Self, b: Self) -> Self;
    }

    macro_rules! vector {
        ($type:ident, $lanes:literal, $load:ident, $store:ident, $all:ident, $add:ident, $fma:ident) => {
            impl Vector for $type {
                const LANES: usize = $lanes;
                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the caller's promise.
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn all(value: f32) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $all(value) }
                }
                #[inline(always)]
                unsafe fn plus(self, other: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $add(self, other) }
                }
                #[inline(always)]
                unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $fma(a, b, self) }
                }
            }
        };
    }

    vector!(__m512, 16, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_add_ps, _mm512_fmadd_ps);
    vector!(__m256, 8, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_add_ps, _mm256_fmadd_ps);

    /// # Safety
    /// Shapes must fit, as [`super::multiply`] checks.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    pub(super) unsafe fn avx512(weight: &[f32], bias: &[f32], hidden: usize, meetings: &mut [Meeting<'_>]) {
        // SAFETY: the caller's promise. 6 · 4 sums are 24 of 32 registers.
        unsafe { strips::<__m512, 4>(weight, bias, hidden, meetings) };
    }

    /// # Safety
    /// As of [`avx512`].
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2(weight: &[f32], bias: &[f32], hidden: usize, meetings: &mut [Meeting<'_>]) {
        // SAFETY: the caller's promise. 6 · 2 sums are 12 of 16 registers.
        unsafe { strips::<__m256, 2>(weight, bias, hidden, meetings) };
    }

    /// Strip by strip of `N` vectors, then of one, then of one column.
    #[inline(always)]
    unsafe fn strips<V: Vector, const N: usize>(
        weight: &[f32],
        bias: &[f32],
        hidden: usize,
        meetings: &mut [Meeting<'_>],
    ) {
        let mut from = 0;
        while from < bias.len() {
            let left = bias.len() - from;
            // SAFETY: the strip ends where the columns end, and the caller promises that shapes fit.
            from += unsafe {
                if left >= N * V::LANES {
                    strip::<V, N>(weight, bias, hidden, from, meetings);
                    N * V::LANES
                } else if left >= V::LANES {
                    strip::<V, 1>(weight, bias, hidden, from, meetings);
                    V::LANES
                } else {
                    column(weight, bias, hidden, from, meetings);
                    1
                }
            };
        }
    }

    /// All rows of all meetings for the strip from column `from` on.
    #[inline(always)]
    unsafe fn strip<V: Vector, const N: usize>(
        weight: &[f32],
        bias: &[f32],
        hidden: usize,
        from: usize,
        meetings: &mut [Meeting<'_>],
    ) {
        let items = bias.len();
        // The first rows that meet a strip ask for the next one.
        let mut ahead = true;
        for Meeting { z, out } in meetings {
            let rows = out.len() / items;
            let mut row = 0;
            while row < rows {
                let (z, out) = (&z[row * hidden..], &mut out[row * items..]);
                // SAFETY: as many rows are left.
                row += unsafe {
                    match rows - row {
                        1 => tile::<V, 1, N>(weight, bias, hidden, from, z, out, ahead),
                        2 | 3 => tile::<V, 2, N>(weight, bias, hidden, from, z, out, ahead),
                        4 | 5 => tile::<V, 4, N>(weight, bias, hidden, from, z, out, ahead),
                        _ => tile::<V, ROWS, N>(weight, bias, hidden, from, z, out, ahead),
                    }
                };
                ahead = false;
            }
        }
    }

    /// `R` rows for `N` vectors of columns; gives `R`.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize, const N: usize>(
        weight: &[f32],
        bias: &[f32],
        hidden: usize,
        from: usize,
        z: &[f32],
        out: &mut [f32],
        ahead: bool,
    ) -> usize {
        let (items, columns) = (bias.len(), N * V::LANES);
        // SAFETY: the instruction set is the caller's promise. Rows of the weight and of the output have `items` floats and
        // the strip ends before them; there are `hidden` rows of the weight, and `R` rows of inputs and outputs.
        unsafe {
            let mut sums = [[V::all(0.0); N]; R];
            for h in 0..hidden {
                if ahead {
                    for line in (0..columns).step_by(16) {
                        prefetch::<1>(weight, h * items + from + columns + line);
                    }
                }
                let at = weight.as_ptr().add(h * items + from);
                let mut w = [V::all(0.0); N];
                for (n, w) in w.iter_mut().enumerate() {
                    *w = V::load(at.add(n * V::LANES));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let z = V::all(*z.as_ptr().add(r * hidden + h));
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = sum.plus_product(z, w);
                    }
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                for (n, sum) in sums.into_iter().enumerate() {
                    let at = from + n * V::LANES;
                    sum.plus(V::load(bias.as_ptr().add(at))).store(out.as_mut_ptr().add(r * items + at));
                }
            }
        }
        R
    }

    /// One column, where fewer are left than a vector has.
    #[inline(always)]
    fn column(weight: &[f32], bias: &[f32], hidden: usize, at: usize, meetings: &mut [Meeting<'_>]) {
        let items = bias.len();
        for Meeting { z, out } in meetings {
            for (row, out) in out.chunks_exact_mut(items).enumerate() {
                let z = &z[row * hidden..][..hidden];
                let sum =
                    z.iter().zip(weight[at..].iter().step_by(items)).fold(0.0f32, |sum, (z, w)| z.mul_add(*w, sum));
                out[at] = sum + bias[at];
            }
        }
    }
}
