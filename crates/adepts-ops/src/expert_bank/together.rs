//! The first layer of experts that all rows go to, as one product: side by side, narrow layers read the rows once.

use super::layers::{Bank, Layer, add_bias, threads};
use super::routes::Routes;
use crate::buffer::{Uninit, build_chunks, build_parts};
use crate::level::Level;
use crate::matrix::{Matrix, Start, product};
use crate::rows::add_rows;

/// Outputs from which on a layer is wide enough to be multiplied alone.
const WIDE: usize = 64;
/// Rows of one task.
const ROWS: usize = 512;
/// Rows of the weight of one task.
const STRIP: usize = 64;

/// The first layer of all experts of a bank.
#[derive(Clone, Debug)]
pub(crate) struct Together {
    experts: usize,
    inputs: usize,
    outputs: usize,
    /// `[in, E · out]`.
    weight: Vec<f32>,
}

impl Together {
    /// `None` where the products of the experts stand better alone.
    pub(crate) fn of(bank: Bank<'_>, routes: &Routes) -> Option<Self> {
        let (experts, Layer { inputs, outputs, weight, .. }) = (bank.experts, bank.layers[0]);
        let together = routes.dense() && routes.batch > 0 && experts > 1 && outputs < WIDE;
        together.then(|| Self { experts, inputs, outputs, weight: turned(weight, experts, inputs, outputs) })
    }

    fn wide(&self) -> usize {
        self.experts * self.outputs
    }

    fn weight(&self) -> Matrix<'_> {
        Matrix::new(&self.weight, self.inputs, self.wide())
    }

    /// What the layer gives for each pair, `[P, out]`.
    pub(crate) fn forward(&self, level: Level, bias: &[f32], relu: bool, x: &[f32], batch: usize) -> Vec<f32> {
        let (wide, outputs) = (self.wide(), self.outputs);
        let rows: Vec<usize> = (0..batch).step_by(ROWS).map(|from| ROWS.min(batch - from)).collect();
        let sizes = vec![rows.iter().map(|rows| rows * outputs).collect::<Vec<_>>(); self.experts];
        let parts = build_parts(&sizes, |at, places| {
            let x = &x[at * ROWS * self.inputs..][..rows[at] * self.inputs];
            let mut all = vec![0.0; rows[at] * wide];
            product(&mut all, Start::Zero, Matrix::new(x, rows[at], self.inputs), self.weight(), threads(rows.len()));
            add_bias(level, &mut all, bias, relu);
            for (expert, place) in places.enumerate() {
                let own = place.zero().chunks_exact_mut(outputs).zip(all.chunks_exact(wide));
                own.for_each(|(own, row)| own.copy_from_slice(&row[expert * outputs..][..outputs]));
            }
        });
        parts.concat()
    }

    /// Gradients of the rows `[B, in]`, the weights `[E, in, out]` and the biases `[E, out]`, given that of what the layer gives
    /// before its ReLU, `[P, out]`.
    pub(crate) fn backward(&self, level: Level, x: &[f32], batch: usize, d: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let Self { experts, inputs, outputs, .. } = *self;
        let wide = self.wide();
        let d = turned(d, experts, batch, outputs);
        let tasks = batch.div_ceil(ROWS);
        let of_rows = |chunk: usize, out: Uninit<'_>| {
            let (first, rows) = (chunk * ROWS, ROWS.min(batch - chunk * ROWS));
            let d = Matrix::new(&d[first * wide..][..rows * wide], rows, wide);
            out.product(d, self.weight().t(), threads(tasks));
        };
        let d_x = build_chunks(batch * inputs, ROWS * inputs, of_rows);
        let strips = inputs.div_ceil(STRIP);
        let of_strip = |strip: usize, out: Uninit<'_>| {
            let (from, count) = (strip * STRIP, STRIP.min(inputs - strip * STRIP));
            let x = Matrix::new(x, batch, inputs).columns(from, count);
            out.product(x.t(), Matrix::new(&d, batch, wide), threads(strips));
        };
        let d_weight = build_chunks(inputs * wide, STRIP * wide, of_strip);
        let mut d_bias = vec![0.0; wide];
        add_rows(level, &mut d_bias, &d);
        (d_x, turned(&d_weight, inputs, experts, outputs), d_bias)
    }
}

/// `[A, B, width]` as `[B, A, width]`.
fn turned(values: &[f32], a: usize, b: usize, width: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for j in 0..b {
        for i in 0..a {
            out.extend_from_slice(&values[(i * b + j) * width..][..width]);
        }
    }
    out
}
