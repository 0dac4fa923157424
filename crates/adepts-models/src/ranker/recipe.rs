//! From a `[model]` table to a ranker.

use std::fmt::Debug;

use adepts_core::memory::elements;
use adepts_core::{ConfigError, ExampleModel, ExampleRecipe, ExampleSizes, Memory, Work, config};
use burn::tensor::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::{Ranker, Trunk};
use super::parts::{Embedding, Layout, Norm, Shape};

/// What a trunk is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Number of embedded fields.
    pub fields: usize,
    /// Number of dense fields.
    pub dense: usize,
    /// Columns of the embedded batch.
    pub width: usize,
    /// Number of domains.
    pub domains: usize,
}

/// The configuration of a ranker: the `[model]` table, and what follows from it.
pub trait Architecture: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it configures.
    type Trunk: Trunk + 'static;

    /// Checks what types cannot say.
    fn check(&self) -> Result<(), ConfigError>;

    /// How fields are embedded.
    fn layout(&self) -> Layout;

    /// The stacks of networks in the trunk.
    fn shapes(&self, input: &Input) -> Vec<Shape>;

    /// The untrained trunk.
    fn trunk(&self, input: &Input, seed: u64, device: &Device) -> Self::Trunk;

    /// What an example costs.
    fn work(&self, input: &Input) -> Work {
        self.shapes(input).iter().map(Shape::work).fold(Work::default(), sum)
    }
}

/// The costs of two pieces together.
#[must_use]
pub fn sum(a: Work, b: Work) -> Work {
    Work {
        parameters: a.parameters + b.parameters,
        activated_parameters: a.activated_parameters + b.activated_parameters,
        multiply_adds: a.multiply_adds + b.multiply_adds,
        total_multiply_adds: a.total_multiply_adds + b.total_multiply_adds,
    }
}

/// Reads a `[model]` table.
pub fn recipe<A: Architecture>(table: toml::Table) -> Result<Box<dyn ExampleRecipe>, ConfigError> {
    let architecture: A = config::read(table)?;
    architecture.check()?;
    Ok(Box::new(Configured(architecture)))
}

struct Configured<A>(A);

impl<A: Architecture> Configured<A> {
    fn input(&self, sizes: &ExampleSizes) -> Input {
        let layout = self.0.layout();
        Input {
            fields: layout.tables(&sizes.schema).len(),
            dense: sizes.schema.dense.len(),
            width: layout.columns(&sizes.schema),
            domains: sizes.schema.domains.len(),
        }
    }
}

impl<A: Architecture> ExampleRecipe for Configured<A> {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(&self.0).expect("a configuration is a table")
    }

    fn memory(&self, sizes: &ExampleSizes) -> Memory {
        let input = self.input(sizes);
        // With batch normalisation training computes every network for every row.
        let computed = |shape: &Shape| if shape.norm == Norm::Batch { shape.experts } else { shape.active };
        let widths = |shape: &Shape| shape.widths[1..].iter().copied().fold(0, usize::saturating_add);
        let met =
            self.0.shapes(&input).iter().map(|s| elements(&[computed(s), widths(s)])).fold(0, usize::saturating_add);
        let mut memory = self.0.layout().memory(&sizes.schema, sizes.batch, sizes.lazy);
        memory = memory
            .floats("other parameters with gradients and moments", elements(&[4, self.0.work(&input).parameters]));
        memory.floats("hidden layers and their gradients", elements(&[3, sizes.batch, met]))
    }

    fn build(&self, sizes: &ExampleSizes, seed: u64, device: &Device) -> Box<dyn ExampleModel> {
        let input = self.input(sizes);
        let embedding = Embedding::init(self.0.layout(), &sizes.schema, sizes.lazy, seed, device);
        let trunk = self.0.trunk(&input, seed, device);
        Box::new(Ranker::new(embedding, trunk, self.0.work(&input)))
    }
}

/// A number that must be above 0.
pub(super) fn positive(path: &str, value: usize) -> Result<(), ConfigError> {
    if value > 0 { Ok(()) } else { Err(ConfigError::invalid(path, "expected a number above 0, found 0")) }
}

/// Widths of layers, of which there must be at least `least` and at most seven.
pub(super) fn widths(path: &str, widths: &[usize], least: usize) -> Result<(), ConfigError> {
    if widths.contains(&0) || !(least..8).contains(&widths.len()) {
        let problem = format!("expected {least} to 7 widths above 0, found {widths:?}");
        return Err(ConfigError::invalid(path, problem));
    }
    Ok(())
}
