//! From a `[model]` table to a ranker.

use std::fmt::Debug;

use adepts_core::memory::elements;
use adepts_core::{ConfigError, Memory, TabularModel, TabularRecipe, TabularSizes, TowersConfig, Work, config};
use adepts_data::tabular::{Schema, Side};
use burn::tensor::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::{BLOCK, Trunk, TrunkModel};
use super::parts::{DomainField, Embedding, Layout, Norm, Shape, Stack};
use super::towers::{ItemTower, TwoTowers, UserTower};

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
    /// Width of what comes out: 1 for a logit.
    pub output: usize,
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

    /// Whether it can give a vector in place of a logit, so that it can be the tower of users.
    fn tower(&self) -> bool {
        true
    }

    /// What a row costs.
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
pub fn recipe<A: Architecture>(table: toml::Table) -> Result<Box<dyn TabularRecipe>, ConfigError> {
    let architecture: A = config::read(table)?;
    architecture.check()?;
    Ok(Box::new(Configured(architecture)))
}

struct Configured<A>(A);

/// What a trunk is built for that sees these columns and gives so many floats.
fn input_of(layout: Layout, schema: &Schema, output: usize) -> Input {
    Input {
        fields: layout.tables(schema).len(),
        dense: schema.dense.len(),
        width: layout.columns(schema),
        domains: schema.domains.len(),
        output,
    }
}

/// What networks of these shapes take in training with batches of so many rows and in prediction, beside their parameters.
fn hidden_layers(shapes: &[Shape], batch: usize) -> usize {
    let floats = |shape: &Shape| {
        // For each row that meets a network: what every layer gave, two gradients of it, and under batch normalisation also what it
        // gave before scale and shift.
        let held = if shape.norm == Norm::Batch { 4 } else { 3 };
        // Prediction holds what every layer gave, and is also tried with all experts selected.
        let pairs = elements(&[held, batch, shape.active]).max(elements(&[BLOCK, shape.experts]));
        elements(&[pairs, shape.widths[1..].iter().copied().fold(0, usize::saturating_add)])
    };
    shapes.iter().map(floats).fold(0, usize::saturating_add)
}

/// What the items' shares of the training rows take, and counting them, in floats.
fn shares(sizes: &TabularSizes, layout: &Layout) -> usize {
    let items = sizes.schema.items.as_ref().map_or(0, |items| items.count);
    match layout.domain {
        // An entry of a hash table of domains and items, where it has just grown.
        DomainField::Apart => elements(&[12, sizes.rows.min(elements(&[sizes.schema.domains.len(), items]))]),
        // A number for each item; while it is made, its id and its count.
        _ => elements(&[13, items]),
    }
}

impl<A: Architecture> TabularRecipe for Configured<A> {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(&self.0).expect("a configuration is a table")
    }

    fn memory(&self, sizes: &TabularSizes) -> Memory {
        let input = input_of(self.0.layout(), &sizes.schema, 1);
        let mut memory = self.0.layout().memory(&sizes.schema, sizes.batch, sizes.lazy);
        memory = memory
            .floats("other parameters with gradients and moments", elements(&[4, self.0.work(&input).parameters]));
        memory.floats("hidden layers and their gradients", hidden_layers(&self.0.shapes(&input), sizes.batch))
    }

    fn build(&self, sizes: &TabularSizes, seed: u64, device: &Device) -> Box<dyn TabularModel> {
        let input = input_of(self.0.layout(), &sizes.schema, 1);
        let embedding = Embedding::init(self.0.layout(), &sizes.schema, sizes.lazy, seed, device);
        let trunk = self.0.trunk(&input, seed, device);
        Box::new(TrunkModel::new(embedding, trunk, self.0.work(&input)))
    }

    fn retrieval(&self, towers: &TowersConfig) -> Result<Box<dyn TabularRecipe>, ConfigError> {
        towers.check().map_err(|e| e.within("retrieval"))?;
        if !self.0.tower() {
            let problem = "this model gives a probability and no vector, so it cannot be the tower of users";
            return Err(ConfigError::invalid("model.kind", problem));
        }
        Ok(Box::new(Retrieving { architecture: self.0.clone(), towers: towers.clone() }))
    }
}

/// A tabular model as the tower of users.
struct Retrieving<A> {
    architecture: A,
    towers: TowersConfig,
}

impl<A: Architecture> Retrieving<A> {
    /// How items are embedded, and what they go through: one network, or one for each domain where domains share nothing.
    fn item(&self, schema: &Schema) -> (Layout, Shape) {
        let layout = Layout { domain: self.architecture.layout().domain.of_items(), ..self.architecture.layout() };
        let networks = if layout.domain == DomainField::Apart { schema.domains.len() } else { 1 };
        let shape = Shape::new("item", networks, layout.columns(schema), &self.towers.hidden);
        (layout, shape.ending(self.towers.dimension).active(1))
    }
}

impl<A: Architecture> TabularRecipe for Retrieving<A> {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(&self.architecture).expect("a configuration is a table")
    }

    fn memory(&self, sizes: &TabularSizes) -> Memory {
        let [user, item] = [Side::User, Side::Item].map(|side| sizes.schema.side(side));
        let (architecture, batch) = (&self.architecture, sizes.batch);
        let input = input_of(architecture.layout(), &user, self.towers.dimension);
        let (layout, shape) = self.item(&item);
        let mut memory = architecture.layout().memory(&user, batch, sizes.lazy);
        memory.parts.extend(
            layout.memory(&item, batch, sizes.lazy).parts.into_iter().map(|(what, n)| (format!("{what} of items"), n)),
        );
        let parameters = architecture.work(&input).parameters.saturating_add(shape.work().parameters);
        memory = memory.floats("other parameters with gradients and moments", elements(&[4, parameters]));
        let mut shapes = architecture.shapes(&input);
        shapes.push(shape);
        memory = memory.floats("hidden layers and their gradients", hidden_layers(&shapes, batch));
        memory = memory.floats("the scores of a batch's items and their gradients", elements(&[6, batch, batch]));
        if self.towers.correction {
            memory.floats("shares of the training rows", shares(sizes, &layout))
        } else {
            memory
        }
    }

    /// # Panics
    /// If the sizes are not of tabular data for retrieval.
    fn build(&self, sizes: &TabularSizes, seed: u64, device: &Device) -> Box<dyn TabularModel> {
        assert!(sizes.schema.items.is_some(), "a model for retrieval needs rows with items");
        let [user, item] = [Side::User, Side::Item].map(|side| sizes.schema.side(side));
        let architecture = &self.architecture;
        let input = input_of(architecture.layout(), &user, self.towers.dimension);
        let (layout, shape) = self.item(&item);
        let work = sum(architecture.work(&input), shape.work());
        Box::new(TwoTowers::new(
            sizes.schema.clone(),
            self.towers.clone(),
            UserTower {
                embedding: Embedding::init(architecture.layout(), &user, sizes.lazy, seed, device),
                trunk: architecture.trunk(&input, seed, device),
            },
            ItemTower {
                embedding: Embedding::init(layout, &item, sizes.lazy, seed, device),
                layers: Stack::init(shape, seed, device),
                apart: layout.domain == DomainField::Apart,
            },
            work,
        ))
    }

    fn retrieval(&self, towers: &TowersConfig) -> Result<Box<dyn TabularRecipe>, ConfigError> {
        Configured(self.architecture.clone()).retrieval(towers)
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
