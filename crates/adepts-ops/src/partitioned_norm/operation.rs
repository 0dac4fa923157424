use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use burn_flex::FlexTensor;

use super::kernel::{self, Norm, Saved};
use super::{EPSILON, Statistics};
use crate::extend::{Place, Tracked, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;

/// `γ_d (x − μ_d) / √(σ_d² + ε) + β_d` for each row and its domain, and the means and variances, which take no gradient of their own.
/// A row of no domain gives 0.
///
/// # Shapes
/// x `[B, width]`; domains `[B, D]`, of which a row has 1 at its domain and 0 elsewhere; scale γ and shift β `[D, width]` →
/// `[B, width]`. Domains have no gradient.
///
/// # Panics
/// If the shapes do not fit, or, on the CPU, a row is of several domains.
#[must_use]
pub fn partitioned_norm(
    x: Tensor<2>,
    domains: &Tensor<2>,
    scale: Tensor<2>,
    shift: Tensor<2>,
) -> (Tensor<2>, Statistics) {
    match place(&x) {
        Place::Other => composed_partitioned_norm(x, domains, scale, shift),
        Place::Cpu { tracked: false } => {
            let (out, _, found) = run(&flex(x), &numbers(domains), &flex(scale), &flex(shift));
            (Tensor::from_primitive::<Flex>(out), found)
        }
        Place::Cpu { tracked: true } => {
            let domains = numbers(domains);
            let mut statistics = None;
            let out = record(
                [tracked(x), tracked(scale), tracked(shift)],
                |[x, scale, shift]| {
                    let (out, saved, found) = run(&x, &domains, &scale, &shift);
                    statistics = Some(found);
                    (out, (scale, saved))
                },
                |(scale, saved): (FlexTensor, Saved), d_out| {
                    let [rows, _] = d_out.layout().shape().dims();
                    let [groups, width] = scale.layout().shape().dims();
                    let [x, of_scale, of_shift] =
                        kernel::backward(Level::best(), elements(&scale), &saved, elements(&d_out));
                    [
                        from_vec(x, [rows, width]),
                        from_vec(of_scale, [groups, width]),
                        from_vec(of_shift, [groups, width]),
                    ]
                },
            );
            (Tensor::from_primitive::<Tracked>(out), statistics.expect("the forward pass ran"))
        }
    }
}

fn run(x: &FlexTensor, domains: &[f32], scale: &FlexTensor, shift: &FlexTensor) -> (FlexTensor, Saved, Statistics) {
    let [groups, _] = scale.layout().shape().dims();
    let norm = Norm { scale: elements(scale), shift: elements(shift) };
    let (out, saved, found) = kernel::forward(Level::best(), elements(x), domains, norm, groups);
    (from_vec(out, x.layout().shape().clone()), saved, found)
}

/// The default body: the same by ordinary tensor operations, on every device. What is not a number in a row of one domain also
/// reaches the others.
///
/// # Shapes
/// As [`partitioned_norm`].
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn composed_partitioned_norm(
    x: Tensor<2>,
    domains: &Tensor<2>,
    scale: Tensor<2>,
    shift: Tensor<2>,
) -> (Tensor<2>, Statistics) {
    let device = x.device();
    let counts = numbers(&domains.clone().sum_dim(0));
    let shares: Vec<f32> = counts.iter().map(|count| 1.0 / count.max(1.0)).collect();
    let shares = Tensor::<2>::from_data(TensorData::new(shares, [counts.len(), 1]), &device);
    // With one 1 in each row a product picks the row of the domain, exactly.
    let pick = |of_domains: Tensor<2>| domains.clone().matmul(of_domains);
    let mean_of = |x: Tensor<2>| domains.clone().transpose().matmul(x) * shares.clone();
    let mean = mean_of(x.clone());
    let centred = x - pick(mean.clone());
    let variance = mean_of(centred.clone().square());
    let found = Statistics { mean: numbers(&mean), variance: numbers(&variance), counts };
    (centred * pick(scale / (variance + EPSILON).sqrt()) + pick(shift), found)
}

fn numbers(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.to_data().try_to_vec().expect("the operations compute in 32-bit floats")
}
