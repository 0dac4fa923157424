//! Gathers of weight rows into registers, tile by tile of columns.

use std::mem::MaybeUninit;

use crate::buffer::build_chunks;
use crate::csr::Csr;
use crate::level::{Level, per_level};
use crate::math::fma;
use crate::rows::prefetch;

/// Shapes of a stacked sparse linear layer.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of stacked layers.
    pub experts: usize,
    /// Number of inputs (items).
    pub items: usize,
    /// Number of outputs.
    pub width: usize,
}

impl Shape {
    fn check(&self, weight: &[f32], bias: &[f32], rows: &Csr) {
        let Self { experts, items, width } = *self;
        assert!(
            weight.len() == experts * items * width && bias.len() == experts * width && rows.columns() == items,
            "sparse_linear: weight [{experts}, {items}, {width}], bias [{experts}, {width}], rows over {}",
            rows.columns()
        );
    }
}

/// Most rows of a task: a tile of weights is read once for them. Fewer rows make smaller tasks, so that all threads have some.
const ROWS: usize = 512;
/// Fewest rows of a task, and those of a task of fewer experts than [`MANY`].
const FEW_ROWS: usize = 64;
/// From this number of experts on there is work for all threads in whole experts.
const MANY: usize = 4;
/// Rows of the weight gradient of one task.
const WEIGHT_ROWS: usize = 256;

/// `out[k, r, :] = bias[k, :] + scale[r] · Σ_{i ∈ row r} weight[k, i, :]`.
///
/// # Shapes
/// weight `[K, I, D]`, bias `[K, D]` → `[K, R, D]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn forward(level: Level, shape: Shape, weight: &[f32], bias: &[f32], rows: &Csr) -> Vec<f32> {
    forward_first(level, shape, weight, bias, rows, shape.width)
}

/// The first `take` columns of [`forward`]: `[K, R, take]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn forward_first(level: Level, shape: Shape, weight: &[f32], bias: &[f32], rows: &Csr, take: usize) -> Vec<f32> {
    let Shape { experts, items, width } = shape;
    shape.check(weight, bias, rows);
    assert!(take <= width, "sparse_linear: the first {take} of {width} columns");
    let count = rows.rows();
    let task = if experts < MANY { FEW_ROWS } else { count.clamp(FEW_ROWS, ROWS) };
    build_chunks(experts * count * take, task * take, |chunk, out| {
        let fill = |k: usize, first: usize, out: &mut [MaybeUninit<f32>]| {
            let weight = &weight[k * items * width..][..items * width];
            gather(level, out, weight, width, &bias[k * width..][..take], rows, first);
        };
        // SAFETY: `gather` writes every tile of every row of its place.
        unsafe { out.pieces(chunk * task, take, count, fill) };
    })
}

/// Gradients of [`forward`]: `([K, I, D], [K, D])`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn backward(level: Level, shape: Shape, rows: &Csr, d_out: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let Shape { experts, items, width } = shape;
    let count = rows.rows();
    assert_eq!(d_out.len(), experts * count * width, "sparse_linear: gradient [{experts}, {count}, {width}]");
    let _ = rows.transposed(); // built once, before the threads need it
    let d_weight = build_chunks(experts * items * width, WEIGHT_ROWS * width, |chunk, out| {
        let fill = |k: usize, first: usize, out: &mut [MaybeUninit<f32>]| {
            scatter(level, out, &d_out[k * count * width..][..count * width], rows, width, first);
        };
        // SAFETY: `scatter` writes every tile of every row of its place.
        unsafe { out.pieces(chunk * WEIGHT_ROWS, width, items, fill) };
    });
    let d_bias = build_chunks(experts * width, width, |k, out| {
        let out = out.zero();
        for row in d_out[k * count * width..][..count * width].chunks(width) {
            out.iter_mut().zip(row).for_each(|(sum, d)| *sum += d);
        }
    });
    (d_weight, d_bias)
}

per_level! {
    fn gather(out: &mut [MaybeUninit<f32>], weight: &[f32], stride: usize, bias: &[f32], rows: &Csr, first: usize) = gather_body
}

/// How many rows ahead of its use a tile is asked for: rows follow the user's items, which no processor can foresee.
const AHEAD: usize = 8;

/// The widest tile of columns kept in registers.
const TILE: usize = 64;

#[inline(always)]
fn gather_body<const FMA: bool>(
    out: &mut [MaybeUninit<f32>],
    weight: &[f32],
    stride: usize,
    bias: &[f32],
    rows: &Csr,
    first: usize,
) {
    let width = bias.len();
    let mut from = 0;
    while from < width {
        let left = width - from;
        let tile = if left >= TILE {
            TILE
        } else if left >= 32 {
            32
        } else if left >= 16 {
            16
        } else if left >= 8 {
            8
        } else {
            1
        };
        for (r, row) in out.chunks_mut(width).enumerate() {
            let (items, scale) = (rows.row(first + r), rows.scale(first + r));
            let (place, bias) = (&mut row[from..from + tile], &bias[from..from + tile]);
            match tile {
                64 => gather_tile::<FMA, 64>(place, weight, stride, from, bias, items, scale),
                32 => gather_tile::<FMA, 32>(place, weight, stride, from, bias, items, scale),
                16 => gather_tile::<FMA, 16>(place, weight, stride, from, bias, items, scale),
                8 => gather_tile::<FMA, 8>(place, weight, stride, from, bias, items, scale),
                _ => gather_tile::<FMA, 1>(place, weight, stride, from, bias, items, scale),
            }
        }
        from += tile;
    }
}

#[inline(always)]
fn gather_tile<const FMA: bool, const N: usize>(
    out: &mut [MaybeUninit<f32>],
    weight: &[f32],
    stride: usize,
    from: usize,
    bias: &[f32],
    items: &[u32],
    scale: f32,
) {
    let mut sum = [0.0f32; N];
    for (n, &item) in items.iter().enumerate() {
        if let Some(&next) = items.get(n + AHEAD) {
            prefetch::<N>(weight, next as usize * stride + from);
        }
        let w = &weight[item as usize * stride + from..][..N];
        for j in 0..N {
            sum[j] += w[j];
        }
    }
    for j in 0..N {
        sum[j] = fma::<FMA>(scale, sum[j], bias[j]);
    }
    out.write_copy_of_slice(&sum);
}

per_level! {
    fn scatter(out: &mut [MaybeUninit<f32>], d_out: &[f32], rows: &Csr, width: usize, first: usize) = scatter_body
}

#[inline(always)]
fn scatter_body<const FMA: bool>(out: &mut [MaybeUninit<f32>], d_out: &[f32], rows: &Csr, width: usize, first: usize) {
    let transposed = rows.transposed();
    let mut from = 0;
    while from < width {
        let left = width - from;
        let tile = if left >= TILE {
            TILE
        } else if left >= 32 {
            32
        } else if left >= 16 {
            16
        } else if left >= 8 {
            8
        } else {
            1
        };
        for (i, place) in out.chunks_mut(width).enumerate() {
            let (users, place) = (transposed.rows(first + i), &mut place[from..from + tile]);
            match tile {
                64 => scatter_tile::<FMA, 64>(place, d_out, width, from, users, rows),
                32 => scatter_tile::<FMA, 32>(place, d_out, width, from, users, rows),
                16 => scatter_tile::<FMA, 16>(place, d_out, width, from, users, rows),
                8 => scatter_tile::<FMA, 8>(place, d_out, width, from, users, rows),
                _ => scatter_tile::<FMA, 1>(place, d_out, width, from, users, rows),
            }
        }
        from += tile;
    }
}

#[inline(always)]
fn scatter_tile<const FMA: bool, const N: usize>(
    out: &mut [MaybeUninit<f32>],
    d_out: &[f32],
    width: usize,
    from: usize,
    users: &[u32],
    rows: &Csr,
) {
    let mut sum = [0.0f32; N];
    for (n, &user) in users.iter().enumerate() {
        if let Some(&next) = users.get(n + AHEAD) {
            prefetch::<N>(d_out, next as usize * width + from);
        }
        let (d, scale) = (&d_out[user as usize * width + from..][..N], rows.scale(user as usize));
        for j in 0..N {
            sum[j] = fma::<FMA>(scale, d[j], sum[j]);
        }
    }
    out.write_copy_of_slice(&sum);
}
