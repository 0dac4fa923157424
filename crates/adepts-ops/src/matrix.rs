//! Products of row-major matrices: bounds checked here, computed by the `gemm` crate.

use std::mem::MaybeUninit;

use gemm::Parallelism;

/// A view of a matrix: element (r, c) is at `r * row_stride + c * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major `[rows, columns]` matrix.
    ///
    /// # Panics
    /// If `data` does not hold `rows * columns` elements.
    #[must_use]
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(Some(data.len()), rows.checked_mul(columns), "Matrix: [{rows}, {columns}]");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Number of columns.
    #[must_use]
    pub fn width(self) -> usize {
        self.columns
    }

    /// The view of `count` columns from `from` on.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn columns(self, from: usize, count: usize) -> Self {
        assert!(from <= self.columns && count <= self.columns - from, "Matrix: {count} columns from {from}");
        // A view of nothing may begin behind the end of its slice.
        let data = self.data.get(from * self.column_stride..).unwrap_or_default();
        Self { data, columns: count, ..self }
    }

    /// The transposed view.
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Whether a product starts from zero or from what stands in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The output is overwritten.
    Zero,
    /// The product is added to the output.
    Output,
}

/// Whether a product may use all threads or only the caller's. The result is the same, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// Only the caller's.
    One,
    /// All of the current pool.
    All,
}

/// `out = a·b` or `out += a·b`, with `out` row-major `[a.rows, b.columns]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn product(out: &mut [f32], start: Start, a: Matrix<'_>, b: Matrix<'_>, threads: Threads) {
    assert_eq!(Some(out.len()), a.rows.checked_mul(b.columns), "product: [{}, {}]", a.rows, b.columns);
    // SAFETY: `out` is initialised and holds `a.rows * b.columns` elements, as asserted.
    unsafe { raw_product(out.as_mut_ptr(), start, a, b, threads) };
}

/// As [`product`], into memory that is not initialised yet.
pub(crate) fn product_into<'o>(
    out: &'o mut [MaybeUninit<f32>],
    a: Matrix<'_>,
    b: Matrix<'_>,
    threads: Threads,
) -> &'o mut [f32] {
    assert_eq!(Some(out.len()), a.rows.checked_mul(b.columns), "product: [{}, {}]", a.rows, b.columns);
    // SAFETY: `out` holds `a.rows * b.columns` elements, as asserted; a product that starts from zero reads none of them
    // and writes them all.
    unsafe {
        raw_product(out.as_mut_ptr().cast(), Start::Zero, a, b, threads);
        out.assume_init_mut()
    }
}

/// # Safety
/// `out` must be valid for writes of `a.rows * b.columns` floats and overlap neither input; with [`Start::Output`] they
/// must be initialised.
unsafe fn raw_product(out: *mut f32, start: Start, a: Matrix<'_>, b: Matrix<'_>, threads: Threads) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(b.rows, k, "product: [{m}, {k}]·[{}, {n}]", b.rows);
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(rayon::current_num_threads()),
    };
    // SAFETY: `Matrix::new` keeps every index of `a` and `b` inside its slice; `out` is the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            n as isize,
            start == Start::Output,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
