//! How a kernel becomes a differentiable operation on Burn tensors of the CPU backend.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Shape, Tensor, TensorData};
use burn_flex::FlexTensor;

/// The CPU backend with automatic differentiation.
pub(crate) type Tracked = Autodiff<Flex>;

/// Where the tensors of a call live.
pub(crate) enum Place {
    /// On the CPU backend, with or without automatic differentiation: a kernel serves it.
    Cpu {
        /// Whether gradients are wanted.
        tracked: bool,
    },
    /// On another device: the default body serves it.
    Other,
}

pub(crate) fn place<const D: usize>(tensor: &Tensor<D>) -> Place {
    if tensor.clone().try_into_primitive::<Tracked>().is_ok() {
        Place::Cpu { tracked: true }
    } else if tensor.clone().try_into_primitive::<Flex>().is_ok() {
        Place::Cpu { tracked: false }
    } else {
        Place::Other
    }
}

/// The primitive of a tensor on the CPU backend, contiguous.
pub(crate) fn flex<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    match tensor.try_into_primitive::<Flex>() {
        Ok(tensor) => contiguous(tensor),
        Err(error) => panic!("all tensors of an operation live on one device: {error:?}"),
    }
}

/// The primitive of a tensor on the differentiating CPU backend.
pub(crate) fn tracked<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Tracked> {
    match tensor.try_into_primitive::<Tracked>() {
        Ok(tensor) => tensor,
        Err(error) => panic!("all tensors of an operation live on one device: {error:?}"),
    }
}

pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

/// The elements of a contiguous tensor.
///
/// # Panics
/// If it is not of 32-bit floats.
pub(crate) fn elements(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("the operations compute in 32-bit floats")
}

/// The elements of a contiguous tensor, to be written. A view of a part of other memory gets memory of its own first.
pub(crate) fn elements_mut(tensor: &mut FlexTensor) -> &mut [f32] {
    if elements(tensor).len() != tensor.storage::<f32>().len() {
        *tensor = from_vec(elements(tensor).to_vec(), tensor.layout().shape().clone());
    }
    tensor.storage_mut()
}

pub(crate) fn from_vec(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// What the backward pass needs, taken out once, so that it can be overwritten in place.
struct Held<S>(Arc<Mutex<Option<S>>>);

impl<S> Clone for Held<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Held<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

struct Operation<S, const N: usize>(fn(S, FlexTensor) -> [FlexTensor; N]);

impl<S, const N: usize> fmt::Debug for Operation<S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operation")
    }
}

impl<S: Send + 'static, const N: usize> Backward<Flex, N> for Operation<S, N> {
    type State = Held<S>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d_out = contiguous(grads.consume::<Flex>(&ops.node));
        let state = ops.state.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let state = state.expect("a graph is walked backward once");
        for (parent, gradient) in ops.parents.into_iter().zip((self.0)(state, d_out)) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// Runs `forward` on the primitives of `inputs` and records `backward`, which turns the gradient of the output into
/// those of the inputs.
pub(crate) fn record<S: Send + 'static, const N: usize>(
    inputs: [FloatTensor<Tracked>; N],
    forward: impl FnOnce([FlexTensor; N]) -> (FlexTensor, S),
    backward: fn(S, FlexTensor) -> [FlexTensor; N],
) -> FloatTensor<Tracked> {
    let nodes = inputs.each_ref().map(<FloatTensor<Tracked>>::node);
    let (out, state) = forward(inputs.map(|input| contiguous(input.into_primitive())));
    match Operation(backward).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(Held(Arc::new(Mutex::new(Some(state)))), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    }
}

/// As many values as an operation has inputs.
///
/// # Panics
/// If there are not so many.
pub(crate) fn all<T, const N: usize>(values: Vec<T>) -> [T; N] {
    let found = values.len();
    values.try_into().unwrap_or_else(|_| panic!("{found} values of an operation with {N} inputs"))
}
