//! Initial values, drawn from streams of their own.

use adepts_data::seed;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Numbers that one stream of [`normal`] gives.
const BLOCK: usize = 1 << 16;

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

/// `count` draws of N(0, `deviation`²).
#[must_use]
pub fn normal(seed: u64, name: &str, count: usize, deviation: f32) -> Vec<f32> {
    let mut values = vec![0.0f32; count];
    values.par_chunks_mut(BLOCK).enumerate().for_each(|(block, values)| {
        let mut random = seed::stream(seed, name, &[block as u64]);
        for value in values {
            let draw: f32 = StandardNormal.sample(&mut random);
            *value = draw * deviation;
        }
    });
    values
}

/// Equal values.
#[must_use]
pub fn constant<const D: usize>(value: f32, shape: [usize; D], device: &Device) -> Tensor<D> {
    let count = shape.iter().product();
    Tensor::from_data(TensorData::new(vec![value; count], shape), device).require_grad()
}
