use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::kernel::{self, Held};
use crate::csr::Csr;
use crate::dense;
use crate::extend::{Place, Tracked, elements, flex, from_vec, place, record, tracked};
use crate::level::Level;

/// The losses of a batch.
#[derive(Debug)]
pub struct Judged {
    /// Cross-entropy of each row's target, in nats: `[R]`, differentiable.
    pub cross_entropy: Tensor<1>,
    /// Probe loss of each row, in nats, without gradient; empty without a probe.
    pub probe: Vec<f32>,
}

/// Cross-entropy of the target and, without gradient, the loss of the held-out items `(seen, probe)`, for logits that are
/// the first columns of `packed`; further columns are passed over.
///
/// # Shapes
/// packed `[R, ≥ I]`, target, seen and probe `[R, I]`.
///
/// # Panics
/// If the shapes do not fit, or the tensor is not of floats.
#[must_use]
pub fn row_losses(packed: Tensor<2>, target: &Arc<Csr>, held: Option<(&Csr, &Csr)>) -> Judged {
    let [rows, stride] = packed.dims();
    let judge = |logits: &FlexTensor| {
        let held = held.map(|(seen, probe)| Held { seen, probe });
        kernel::forward(Level::best(), elements(logits), stride, target, held)
    };
    match place(&packed) {
        Place::Other => {
            let values = packed.clone().into_data().convert::<f32>();
            let values = values.as_slice::<f32>().expect("converted to 32-bit floats").to_vec();
            let losses = judge(&from_vec(values, [rows, stride]));
            Judged { cross_entropy: composed_cross_entropy(packed, target), probe: losses.probe }
        }
        Place::Cpu { tracked: false } => {
            let losses = judge(&flex(packed));
            Judged {
                cross_entropy: Tensor::from_primitive::<Flex>(from_vec(losses.cross_entropy, [rows])),
                probe: losses.probe,
            }
        }
        Place::Cpu { tracked: true } => {
            let mut probe = Vec::new();
            let cross_entropy = record(
                [tracked(packed)],
                |[packed]| {
                    let losses = judge(&packed);
                    probe = losses.probe;
                    (from_vec(losses.cross_entropy, [rows]), (packed, losses.log_sum, Arc::clone(target), stride))
                },
                |(packed, log_sum, target, stride): (FlexTensor, Vec<f32>, Arc<Csr>, usize), d| {
                    let (logits, d) = (elements(&packed), elements(&d));
                    let gradient = kernel::backward(Level::best(), logits, stride, &target, &log_sum, d);
                    [from_vec(gradient, [target.rows(), stride])]
                },
            );
            Judged { cross_entropy: Tensor::from_primitive::<Tracked>(cross_entropy), probe }
        }
    }
}

/// The default body of the cross-entropy.
#[must_use]
pub fn composed_cross_entropy(packed: Tensor<2>, target: &Csr) -> Tensor<1> {
    let logits = packed.narrow(1, 0, target.columns());
    let listed = dense::ones(target, &logits.device());
    let log_p = logits.clone() - dense::log_sum_exp(logits);
    -(log_p * listed).sum_dim(1).reshape([target.rows()])
}
