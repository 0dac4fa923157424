//! How parameters follow their gradients.

use std::collections::BTreeMap;
use std::mem;

use adepts_core::{Leaf, Parameter, Values};
use adepts_ops::adam;
use adepts_ops::adam::kernel::Adam as Settings;
use adepts_ops::table::Table;
use adepts_ops::table::kernel::Adagrad;
use burn::backend::Flex;
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::arrays::{ArrayFile, Entry};
use crate::{OptimizerConfig, TablesConfig, TrainError};

/// Adam with coupled L2, in place: a parameter is neither copied nor allocated anew.
///
/// Moments are kept by parameter name, so that a checkpoint finds its way back.
#[derive(Debug)]
pub struct Adam {
    settings: Settings,
    /// How tables follow, unless as parameters do.
    adagrad: Option<Adagrad>,
    moments: BTreeMap<String, Moments>,
    copies: u64,
}

/// Running means of gradients and of their squares.
#[derive(Debug, Default)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Adam {
    /// Adam that has seen no gradient.
    #[must_use]
    pub fn new(config: &OptimizerConfig, l2_divisor: f64) -> Self {
        let OptimizerConfig::Adam { learning_rate, beta1, beta2, epsilon, l2 } = *config;
        let settings = Settings {
            learning_rate: learning_rate as f32,
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            epsilon: epsilon as f32,
            l2: (l2 / l2_divisor) as f32,
            neutral: 0.0,
        };
        Self { settings, adagrad: None, moments: BTreeMap::new(), copies: 0 }
    }

    /// With tables that follow as `tables` says.
    #[must_use]
    pub fn with_tables(mut self, tables: Option<&TablesConfig>) -> Self {
        if let Some(TablesConfig::Adagrad { learning_rate, epsilon }) = tables.cloned() {
            let (learning_rate, epsilon) = (learning_rate as f32, epsilon as f32);
            self.adagrad = Some(Adagrad { learning_rate, epsilon, l2: self.settings.l2 });
        }
        self
    }

    /// Update number `time` (from 1) of all parameters.
    ///
    /// # Panics
    /// If a parameter has no gradient, or is not on the CPU backend.
    pub fn step(&mut self, time: u64, parameters: Vec<(String, Parameter<'_>)>, gradients: &mut Gradients) {
        for (name, Parameter { values, neutral }) in parameters {
            let settings = Settings { neutral, ..self.settings };
            match values {
                Values::One(slot) => self.update(settings, time, &name, slot, gradients),
                Values::Two(slot) => self.update(settings, time, &name, slot, gradients),
                Values::Three(slot) => self.update(settings, time, &name, slot, gradients),
            }
        }
    }

    /// Update number `time` (from 1) of the rows of tables outside automatic differentiation that were gathered.
    ///
    /// # Panics
    /// If the loss does not depend on what was gathered, or two leaves are of one table.
    pub fn step_tables(
        &self,
        time: u64,
        mut tables: Vec<(String, &mut Table)>,
        leaves: &[Leaf],
        gradients: &mut Gradients,
    ) {
        let mut seen = vec![false; tables.len()];
        for Leaf { table: at, codes, rows } in leaves {
            let (name, table) = &mut tables[*at];
            assert!(!std::mem::replace(&mut seen[*at], true), "table `{name}` was gathered from twice in one batch");
            let Some(gradient) = rows.grad_remove(gradients) else {
                panic!("the loss does not depend on what was gathered from table `{name}`")
            };
            let gradient = adepts_core::tensors::values(&gradient);
            match self.adagrad {
                Some(adagrad) => table.update_adagrad(codes, &gradient, adagrad),
                None => table.update(codes, &gradient, self.settings, time),
            }
        }
    }

    /// How often the memory of a parameter was shared, so that it had to be copied: each is a waste of time and memory.
    #[must_use]
    pub fn copies(&self) -> u64 {
        self.copies
    }

    fn update<const D: usize>(
        &mut self,
        settings: Settings,
        time: u64,
        name: &str,
        slot: &mut Tensor<D>,
        gradients: &mut Gradients,
    ) {
        let Some(gradient) = slot.grad_remove(gradients) else {
            panic!("parameter `{name}` has no gradient: the loss does not depend on it, or it does not require one");
        };
        let n = slot.dims().iter().product();
        let moments = self.moments.entry(name.to_owned()).or_default();
        moments.first.resize(n, 0.0);
        moments.second.resize(n, 0.0);
        // The tensor leaves its slot, so that the update holds the only reference to the memory.
        let nothing = Tensor::from_data(TensorData::new(Vec::<f32>::new(), [0; D]), &slot.device());
        let weight = match mem::replace(slot, nothing).inner().try_into_primitive::<Flex>() {
            Ok(weight) => weight,
            Err(error) => panic!("parameter `{name}` is not on the CPU backend: {error:?}"),
        };
        self.copies += u64::from(!weight.is_unique());
        let weight = Tensor::from_primitive::<Flex>(weight);
        let weight = adam::update(settings, time, weight, gradient, &mut moments.first, &mut moments.second);
        *slot = Tensor::from_inner(weight).require_grad();
    }

    /// The moments as arrays of a checkpoint.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.moments.iter().flat_map(|(name, moments)| {
            [
                Entry::list(format!("adam.first/{name}"), &moments.first),
                Entry::list(format!("adam.second/{name}"), &moments.second),
            ]
        })
    }

    /// Takes the moments of one parameter from a checkpoint.
    pub(crate) fn restore(&mut self, file: &mut ArrayFile, name: &str, n: usize) -> Result<(), TrainError> {
        let first = file.read(&format!("adam.first/{name}"), &[n])?;
        let second = file.read(&format!("adam.second/{name}"), &[n])?;
        self.moments.insert(name.to_owned(), Moments { first, second });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn weight_decay_draws_a_factor_to_1_and_a_weight_to_0() {
        let config = OptimizerConfig::Adam { learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 0.1 };
        let mut adam = Adam::new(&config, 1.0);
        let vector = |values: [f32; 2]| Tensor::<1>::from_floats(values, &Device::flex().autodiff()).require_grad();
        let (mut factor, mut weight) = (vector([1.0, 0.5]), vector([1.0, 0.5]));
        for time in 1..=1000 {
            let mut gradients = ((factor.clone() + weight.clone()) * 0.0).sum().backward();
            let parameters = vec![
                ("factor".to_owned(), Parameter::factor(&mut factor)),
                ("weight".to_owned(), (&mut weight).into()),
            ];
            adam.step(time, parameters, &mut gradients);
        }
        let [factor, weight] = [factor, weight].map(|tensor| adepts_core::tensors::values(&tensor));
        assert!(factor[0] == 1.0 && (factor[1] - 1.0).abs() < 0.05, "{factor:?}");
        assert!(weight.iter().all(|w| w.abs() < 0.05), "{weight:?}");
    }
}
