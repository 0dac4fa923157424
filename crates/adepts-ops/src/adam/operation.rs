use burn::backend::Flex;
use burn::tensor::Tensor;

use super::kernel::{self, Adam};
use crate::extend::{elements, flex};
use crate::level::Level;

/// One update of a parameter, in place where the caller holds the only reference to its memory.
///
/// # Shapes
/// All of one shape; `m` and `v` flat.
///
/// # Panics
/// If the tensors are not on the CPU backend or differ in size.
#[must_use]
pub fn update<const D: usize>(
    adam: Adam,
    time: u64,
    weight: Tensor<D>,
    gradient: Tensor<D>,
    m: &mut [f32],
    v: &mut [f32],
) -> Tensor<D> {
    let (mut weight, gradient) = (flex(weight), flex(gradient));
    kernel::step(Level::best(), adam, time, weight.storage_mut(), elements(&gradient), m, v);
    Tensor::from_primitive::<Flex>(weight)
}
