use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::kernel::{self, Shape};
use crate::csr::Csr;
use crate::dense;
use crate::extend::{Place, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;

/// `out[k, r, :] = bias[k, :] + x[r, :] · weight[k, :, :]` for the sparse rows x of a batch.
///
/// # Shapes
/// weight `[K, I, D]`, bias `[K, D]`, rows `[R, I]` → `[K, R, D]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn sparse_linear(weight: Tensor<3>, bias: Tensor<2>, rows: &Arc<Csr>) -> Tensor<3> {
    let [experts, items, width] = weight.dims();
    let shape = Shape { experts, items, width };
    let out_shape = [experts, rows.rows(), width];
    match place(&weight) {
        Place::Other => composed(weight, bias, rows),
        Place::Cpu { tracked: false } => {
            let (weight, bias) = (flex(weight), flex(bias));
            let out = kernel::forward(Level::best(), shape, elements(&weight), elements(&bias), rows);
            Tensor::from_primitive::<Flex>(from_vec(out, out_shape))
        }
        Place::Cpu { tracked: true } => Tensor::from_primitive::<crate::extend::Tracked>(record(
            [tracked(weight), tracked(bias)],
            |[weight, bias]| {
                let out = kernel::forward(Level::best(), shape, elements(&weight), elements(&bias), rows);
                (from_vec(out, out_shape), (shape, Arc::clone(rows)))
            },
            |(shape, rows), d_out| {
                let Shape { experts, items, width } = shape;
                let (weight, bias) = kernel::backward(Level::best(), shape, &rows, elements(&d_out));
                [from_vec(weight, [experts, items, width]), from_vec(bias, [experts, width])]
            },
        )),
    }
}

/// The first `take` columns of [`sparse_linear`], without gradients.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn first_columns(weight: Tensor<3>, bias: Tensor<2>, rows: &Arc<Csr>, take: usize) -> Tensor<3> {
    let [experts, items, width] = weight.dims();
    match place(&weight) {
        Place::Cpu { tracked: false } => {
            let (weight, bias) = (flex(weight), flex(bias));
            let shape = Shape { experts, items, width };
            let out = kernel::forward_first(Level::best(), shape, elements(&weight), elements(&bias), rows, take);
            Tensor::from_primitive::<Flex>(from_vec(out, [experts, rows.rows(), take]))
        }
        _ => composed(weight, bias, rows).narrow(2, 0, take),
    }
}

/// The default body: the same by ordinary tensor operations, on every device.
#[must_use]
pub fn composed(weight: Tensor<3>, bias: Tensor<2>, rows: &Csr) -> Tensor<3> {
    let x = dense::scaled(rows, &weight.device()).unsqueeze::<3>();
    let [experts, _, width] = weight.dims();
    x.expand([experts, rows.rows(), rows.columns()]).matmul(weight) + bias.reshape([experts, 1, width])
}
