//! Means and variances of activations that are counted in training, so that prediction does not need those of its batch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adepts_core::{Tensors, TensorsError};
use burn::tensor::{Device, Tensor, TensorData};

/// Share of a batch in the running values.
const SHARE: f32 = 0.1;

/// Running mean and variance of `width` activations for each of some groups (experts, domains): `[groups, width]`. A clone is
/// another handle of the same values.
#[derive(Clone, Debug)]
pub struct Running {
    shape: [usize; 2],
    values: Arc<Mutex<Values>>,
}

#[derive(Clone, Debug)]
struct Values {
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl Running {
    /// Mean 0 and variance 1.
    #[must_use]
    pub fn new(groups: usize, width: usize) -> Self {
        let n = groups * width;
        let values = Values { mean: vec![0.0; n], variance: vec![1.0; n] };
        Self { shape: [groups, width], values: Arc::new(Mutex::new(values)) }
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the values of a batch in, for the groups from `first` on: means and variances `[groups, width]` over `counts`
    /// rows of each group. A group with fewer than two rows says nothing about variance and is left as it is.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn update(&self, first: usize, mean: &[f32], variance: &[f32], counts: &[f32]) {
        let [groups, width] = self.shape;
        let fits = first + counts.len() <= groups && mean.len() == counts.len() * width && variance.len() == mean.len();
        assert!(fits, "running: {} groups from {first} of width {width}, there are {groups}", counts.len());
        let mut values = self.values();
        let Values { mean: means, variance: variances } = &mut *values;
        for (group, count) in counts.iter().enumerate().filter(|(_, count)| **count >= 2.0) {
            let (from, to) = (group * width, (first + group) * width);
            let unbiased = count / (count - 1.0);
            for at in 0..width {
                means[to + at] += SHARE * (mean[from + at] - means[to + at]);
                variances[to + at] += SHARE * (unbiased * variance[from + at] - variances[to + at]);
            }
        }
    }

    /// Means and variances.
    #[must_use]
    pub fn tensors(&self, device: &Device) -> [Tensor<2>; 2] {
        let Values { mean, variance } = self.values().clone();
        [mean, variance].map(|values| Tensor::from_data(TensorData::new(values, self.shape), device))
    }

    /// The names of its arrays.
    #[must_use]
    pub fn names(name: &str) -> [String; 2] {
        [format!("{name}.mean"), format!("{name}.variance")]
    }

    pub(super) fn save(&self, name: &str, tensors: &mut Tensors) {
        let [mean, variance] = Self::names(name);
        let values = self.values().clone();
        tensors.insert(mean, &self.shape, values.mean);
        tensors.insert(variance, &self.shape, values.variance);
    }

    pub(super) fn load(&mut self, name: &str, tensors: &Tensors) -> Result<(), TensorsError> {
        let [mean, variance] = Self::names(name);
        let mean = tensors.get(&mean, &self.shape)?.to_vec();
        let variance = tensors.get(&variance, &self.shape)?.to_vec();
        *self.values() = Values { mean, variance };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_one_row_is_left_as_it_is() {
        let running = Running::new(2, 1);
        running.update(0, &[5.0, 5.0], &[0.0, 3.0], &[1.0, 4.0]);
        let values = running.values();
        assert_eq!(values.mean, [0.0, 0.5]);
        assert_eq!(values.variance, [1.0, 1.0 + 0.1 * (4.0 / 3.0 * 3.0 - 1.0)]);
    }
}
