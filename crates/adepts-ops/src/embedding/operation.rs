use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use burn_flex::FlexTensor;

use super::{Codes, Columns, kernel};
use crate::extend::{Place, Tracked, elements, elements_mut, flex, from_vec, place, record, tracked};
use crate::level::Level;

/// The mean of the rows that each row of codes names, zeros where it names none. The gradient is dense: for tables so large
/// that this hurts there is [`crate::table::Table`].
///
/// # Shapes
/// weight `[V, D]`, R rows of codes → `[R, D]`.
///
/// # Panics
/// If a code is not below V.
#[must_use]
pub fn gather(weight: Tensor<2>, codes: &Arc<Codes>) -> Tensor<2> {
    let [table_rows, width] = weight.dims();
    let take = |weight: &FlexTensor| {
        let mut out = vec![0.0; codes.rows() * width];
        kernel::gather(Level::best(), elements(weight), Columns::all(width), codes, &mut out);
        from_vec(out, [codes.rows(), width])
    };
    match place(&weight) {
        Place::Other => composed_gather(weight, codes),
        Place::Cpu { tracked: false } => Tensor::from_primitive::<Flex>(take(&flex(weight))),
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(weight)],
            |[weight]| (take(&weight), ([table_rows, width], Arc::clone(codes))),
            |([table_rows, width], codes), d_out| {
                let d = kernel::scatter(Level::best(), table_rows, Columns::all(width), &codes, elements(&d_out));
                [from_vec(d, [table_rows, width])]
            },
        )),
    }
}

/// The default body of [`gather`].
#[must_use]
pub fn composed_gather(weight: Tensor<2>, codes: &Codes) -> Tensor<2> {
    let ([_, width], device) = (weight.dims(), weight.device());
    let indices = |values: Vec<i64>| {
        let count = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
    };
    let zeros = Tensor::<2>::zeros([codes.rows(), width], &device);
    if codes.all().is_empty() {
        return zeros;
    }
    let (mut row_of, mut shares) = (Vec::new(), Vec::new());
    for row in 0..codes.rows() {
        let listed = codes.row(row).len();
        row_of.extend(std::iter::repeat_n(row as i64, listed));
        shares.extend(std::iter::repeat_n(1.0 / listed as f32, listed));
    }
    let shares = Tensor::<2>::from_data(TensorData::new(shares, [row_of.len(), 1]), &device);
    let taken = weight.select(0, indices(codes.all().iter().map(|code| i64::from(*code)).collect()));
    zeros.select_assign(0, indices(row_of), taken * shares, IndexingUpdateOp::Add)
}

/// [`gather`] into some columns of a matrix, in place of what stood there, without a copy of the others.
///
/// # Shapes
/// z `[R, C]`, weight `[V, D]`, R rows of codes → z with columns `from..from + D` replaced.
///
/// # Panics
/// If a code is not below V, or z has not so many rows or columns.
#[must_use]
pub fn gather_into(z: Tensor<2>, from: usize, weight: Tensor<2>, codes: &Arc<Codes>) -> Tensor<2> {
    let [table_rows, width] = weight.dims();
    let columns = Columns { from, width, of: z.dims()[1] };
    let fill = |mut z: FlexTensor, weight: &FlexTensor| {
        kernel::gather(Level::best(), elements(weight), columns, codes, elements_mut(&mut z));
        z
    };
    match place(&weight) {
        Place::Other => composed_gather_into(z, from, weight, codes),
        Place::Cpu { tracked: false } => Tensor::from_primitive::<Flex>(fill(flex(z), &flex(weight))),
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(z), tracked(weight)],
            |[z, weight]| (fill(z, &weight), ([table_rows, width], columns, Arc::clone(codes))),
            |(shape, columns, codes), d_out| {
                let d = kernel::scatter(Level::best(), shape[0], columns, &codes, elements(&d_out));
                [cleared(d_out, columns), from_vec(d, shape)]
            },
        )),
    }
}

/// The default body of [`gather_into`].
#[must_use]
pub fn composed_gather_into(z: Tensor<2>, from: usize, weight: Tensor<2>, codes: &Codes) -> Tensor<2> {
    put_into(z, from, composed_gather(weight, codes))
}

/// Some columns of a matrix replaced by others.
///
/// # Shapes
/// z `[R, C]`, piece `[R, D]` → z with columns `from..from + D` replaced.
///
/// # Panics
/// If z has not so many rows or columns.
#[must_use]
pub fn put_into(z: Tensor<2>, from: usize, piece: Tensor<2>) -> Tensor<2> {
    let [rows, width] = piece.dims();
    z.slice_assign([0..rows, from..from + width], piece)
}

/// No gradient for columns that were replaced.
fn cleared(mut d_out: FlexTensor, columns: Columns) -> FlexTensor {
    for row in elements_mut(&mut d_out).chunks_exact_mut(columns.of) {
        row[columns.range()].fill(0.0);
    }
    d_out
}
