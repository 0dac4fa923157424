use burn::backend::Flex;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use crate::buffer::build_chunks;
use crate::extend::{Place, Tracked, elements, flex, from_vec, place, record, tracked};
use crate::matrix::{Matrix, Threads};

/// `x · weight`. A result of many rows can differ in the last bit from that of the same rows among others, so it serves training.
///
/// # Shapes
/// x `[R, in]`, weight `[in, out]` → `[R, out]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let ([rows, inputs], [of_weight, outputs]) = (x.dims(), weight.dims());
    assert_eq!(inputs, of_weight, "linear: x [{rows}, {inputs}], weight [{of_weight}, {outputs}]");
    match place(&x) {
        Place::Other => composed_linear(x, weight),
        Place::Cpu { tracked: false } => {
            let (x, weight) = (flex(x), flex(weight));
            let out = product(matrix(&x, [rows, inputs]), matrix(&weight, [inputs, outputs]), [rows, outputs]);
            Tensor::from_primitive::<Flex>(out)
        }
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(x), tracked(weight)],
            |[x, weight]| {
                let out = product(matrix(&x, [rows, inputs]), matrix(&weight, [inputs, outputs]), [rows, outputs]);
                (out, (x, weight, [rows, inputs, outputs]))
            },
            |(x, weight, [rows, inputs, outputs]): (FlexTensor, FlexTensor, [usize; 3]), d| {
                let (x, weight) = (matrix(&x, [rows, inputs]), matrix(&weight, [inputs, outputs]));
                let d = matrix(&d, [rows, outputs]);
                [product(d, weight.t(), [rows, inputs]), product(x.t(), d, [inputs, outputs])]
            },
        )),
    }
}

fn matrix(of: &FlexTensor, [rows, columns]: [usize; 2]) -> Matrix<'_> {
    Matrix::new(elements(of), rows, columns)
}

fn product(a: Matrix<'_>, b: Matrix<'_>, shape: [usize; 2]) -> FlexTensor {
    let total = shape[0] * shape[1];
    let out = build_chunks(total, total.max(1), |_, out| {
        out.product(a, b, Threads::All);
    });
    from_vec(out, shape)
}

/// The default body of [`linear`].
#[must_use]
pub fn composed_linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    x.matmul(weight)
}
