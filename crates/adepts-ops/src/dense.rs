//! Sparse rows as dense tensors, for the default bodies.

use burn::tensor::{Device, Tensor, TensorData};

use crate::csr::Csr;

fn filled(rows: &Csr, value: impl Fn(usize) -> f32) -> Vec<f32> {
    let columns = rows.columns();
    let mut dense = vec![0.0; rows.rows() * columns];
    for row in 0..rows.rows() {
        for &item in rows.row(row) {
            dense[row * columns + item as usize] = value(row);
        }
    }
    dense
}

/// The rows with their scales, `[R, I]`.
pub(crate) fn scaled(rows: &Csr, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(filled(rows, |row| rows.scale(row)), [rows.rows(), rows.columns()]), device)
}

/// 1 for listed items, `[R, I]`.
pub(crate) fn ones(rows: &Csr, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(filled(rows, |_| 1.0), [rows.rows(), rows.columns()]), device)
}

/// A large negative number for listed items, 0 for others, `[R, I]`: added to logits it keeps items out of a softmax.
pub(crate) fn mask(rows: &Csr, device: &Device) -> Tensor<2> {
    ones(rows, device) * -1e30
}

/// log Σ exp over the last dimension, keeping it with length 1.
pub(crate) fn log_sum_exp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let top = x.clone().detach().max_dim(D - 1);
    (x - top.clone()).exp().sum_dim(D - 1).log() + top
}
