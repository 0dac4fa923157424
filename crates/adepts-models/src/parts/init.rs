//! Initial values, drawn from streams of their own.

use adepts_data::seed;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rayon::prelude::*;

/// U(−1/√`fan_in`, 1/√`fan_in`) for each of `shape[0]` experts from a stream of its own.
#[must_use]
pub fn uniform<const D: usize>(seed: u64, name: &str, shape: [usize; D], fan_in: usize, device: &Device) -> Tensor<D> {
    let each: usize = shape[1..].iter().product();
    let bound = 1.0 / (fan_in as f32).sqrt();
    let mut values = vec![0.0f32; shape[0] * each];
    values.par_chunks_mut(each.max(1)).enumerate().for_each(|(expert, values)| {
        let mut random = seed::stream(seed, name, &[expert as u64]);
        for value in values {
            *value = (2.0 * random.random::<f32>() - 1.0) * bound;
        }
    });
    Tensor::from_data(TensorData::new(values, shape), device).require_grad()
}
