use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use burn_flex::FlexTensor;

use super::kernel::{self, Noise};
use crate::extend::{Place, Tracked, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;
use crate::normal;

/// `z = μ + ε ⊙ exp(½ log σ²)` (Kingma & Welling 2014) for `h = [μ | log σ²]`.
///
/// # Shapes
/// h `[K, R, 2H]` → `[K, R, H]`.
#[must_use]
pub fn sample(h: Tensor<3>, noise: &Noise) -> Tensor<3> {
    let [experts, rows, width] = h.dims();
    let hidden = width / 2;
    let out_shape = [experts, rows, hidden];
    match place(&h) {
        Place::Other => composed_sample(h, noise),
        Place::Cpu { tracked: false } => {
            let z = kernel::sample(Level::best(), elements(&flex(h)), hidden, noise);
            Tensor::from_primitive::<Flex>(from_vec(z, out_shape))
        }
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(h)],
            |[h]| {
                let z = from_vec(kernel::sample(Level::best(), elements(&h), hidden, noise), out_shape);
                (z.clone(), (h, z, [experts, rows, hidden]))
            },
            |(h, z, [experts, rows, hidden]): (FlexTensor, FlexTensor, [usize; 3]), d_z| {
                let (h, z, d_z) = (elements(&h), elements(&z), elements(&d_z));
                [from_vec(kernel::sample_backward(Level::best(), h, z, d_z, hidden), [experts, rows, 2 * hidden])]
            },
        )),
    }
}

/// KL(N(μ, σ²) ‖ N(0, 1)) of each expert and row for `h = [μ | log σ²]`, in nats.
///
/// # Shapes
/// h `[K, R, 2H]` → `[K, R]`.
#[must_use]
pub fn divergence(h: Tensor<3>) -> Tensor<2> {
    let [experts, rows, width] = h.dims();
    match place(&h) {
        Place::Other => composed_divergence(h),
        Place::Cpu { tracked: false } => {
            let kl = kernel::divergence(Level::best(), elements(&flex(h)), width / 2);
            Tensor::from_primitive::<Flex>(from_vec(kl, [experts, rows]))
        }
        Place::Cpu { tracked: true } => Tensor::from_primitive::<Tracked>(record(
            [tracked(h)],
            |[h]| {
                let kl = kernel::divergence(Level::best(), elements(&h), width / 2);
                (from_vec(kl, [experts, rows]), (h, [experts, rows, width]))
            },
            |(h, shape): (FlexTensor, [usize; 3]), d_kl| {
                let d_h = kernel::divergence_backward(Level::best(), elements(&h), elements(&d_kl), shape[2] / 2);
                [from_vec(d_h, shape)]
            },
        )),
    }
}

fn halves(h: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let hidden = h.dims()[2] / 2;
    (h.clone().narrow(2, 0, hidden), h.narrow(2, hidden, hidden))
}

/// The default body of [`sample`].
#[must_use]
pub fn composed_sample(h: Tensor<3>, noise: &Noise) -> Tensor<3> {
    let [experts, rows, width] = h.dims();
    let (device, hidden) = (h.device(), width / 2);
    let eps = normal::draw(Level::best(), noise, experts * rows, hidden);
    let eps = Tensor::from_data(TensorData::new(eps, [experts, rows, hidden]), &device);
    let (mu, log_var) = halves(h);
    mu + eps * (log_var * 0.5).exp()
}

/// The default body of [`divergence`].
#[must_use]
pub fn composed_divergence(h: Tensor<3>) -> Tensor<2> {
    let [experts, rows, _] = h.dims();
    let (mu, log_var) = halves(h);
    let each = log_var.clone().exp() + mu.clone() * mu - log_var - 1.0;
    (each.sum_dim(2) * 0.5).reshape([experts, rows])
}
