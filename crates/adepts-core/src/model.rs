//! What a model is: a recipe that is checked before anything is allocated, then a model that scores, then one that learns.

use std::collections::VecDeque;

use adepts_data::Rows;
use burn::tensor::{Device, Tensor};

use crate::batch::{HistoryBatch, Probe};
use crate::config::ConfigError;
use crate::memory::Memory;
use crate::tensors::{Tensors, TensorsError};

/// One line of the registry: a model that can be asked for by name.
#[derive(Debug)]
pub struct HistorySpec {
    /// The name in configurations, such as `tall`.
    pub name: &'static str,
    /// One line: what it is.
    pub summary: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// A commented `[model]` table with the defaults.
    pub example: &'static str,
    /// Reads a `[model]` table (without `kind`).
    pub recipe: fn(toml::Table) -> Result<Box<dyn HistoryRecipe>, ConfigError>,
}

/// A model as configured.
pub trait HistoryRecipe: Send + Sync {
    /// The `[model]` table with every default written out (without `kind`).
    fn resolved(&self) -> toml::Table;

    /// Refuses sizes that the model cannot be built for.
    fn check_sizes(&self, sizes: &HistorySizes) -> Result<(), ConfigError> {
        let _ = sizes;
        Ok(())
    }

    /// What it will take in memory, before anything is allocated.
    fn memory(&self, sizes: &HistorySizes) -> Memory;

    /// The untrained model.
    fn build(&self, sizes: &HistorySizes, seed: u64, device: &Device) -> Box<dyn HistoryModel>;

    /// The model with saved parameters of the same names and shapes. Faster than to build one and to load them where no
    /// initial parameters have to be drawn.
    fn restore(
        &self,
        sizes: &HistorySizes,
        seed: u64,
        device: &Device,
        tensors: Tensors,
    ) -> Result<Box<dyn HistoryModel>, TensorsError> {
        let mut model = self.build(sizes, seed, device);
        model.load(&tensors)?;
        Ok(model)
    }
}

/// The sizes that a model is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySizes {
    /// Number of users to learn from.
    pub users: usize,
    /// Number of items in the catalogue.
    pub items: usize,
    /// Training pairs.
    pub pairs: usize,
    /// Rows of a training batch.
    pub batch: usize,
}

/// A history model.
pub trait HistoryModel: Send + Sync {
    /// Number of items in the catalogue.
    fn items(&self) -> usize;

    /// Number of experts that a gate mixes; 1 for models without a gate.
    fn experts(&self) -> usize {
        1
    }

    /// What its gate or its row weights look at in training, if they look at items beside the input.
    fn probe(&self) -> Option<Probe> {
        None
    }

    /// What its gate looks at, and so what its scores depend on, if it has a gate that looks at items beside the input.
    fn gate_probe(&self) -> Option<Probe> {
        self.probe()
    }

    /// Whether its gate is the published one of validation items, whose training is stopped by how well it finds the very
    /// items that it looks at. Every other gate is stopped by what it finds with a part of the history.
    fn stops_as_published(&self) -> bool {
        false
    }

    /// Scores of all items for each row, `[rows, items]`, larger is better; the result for a row does not depend on the
    /// other rows. With a gate, the shares of the experts, `[rows, experts]`, are written into `shares` unless it is empty.
    fn score(&self, batch: &HistoryBatch, scores: &mut [f32], shares: &mut [f32]);

    /// What each item of a history adds to the score of `item`, where a score is a sum of such terms; `None` elsewhere.
    fn terms(&self, history: &[u32], item: u32) -> Option<Vec<f32>> {
        let _ = (history, item);
        None
    }

    /// How its parameters are found.
    fn fit(&mut self) -> Fit<'_>;

    /// The parameters by name.
    fn save(&self) -> Tensors;

    /// Replaces the parameters by saved ones of the same names and shapes.
    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError>;
}

/// How a model's parameters are found.
pub enum Fit<'a> {
    /// In one go.
    Closed(&'a mut dyn ClosedForm),
    /// Update by update.
    Steps(&'a mut dyn HistoryLearner),
}

/// A model that is fitted in closed form.
pub trait ClosedForm {
    /// Fits to the rows of the users that may be learned from.
    fn fit(&mut self, rows: &Rows, progress: adepts_data::Progress<'_>) -> Result<(), FitError>;
}

/// Why a closed form could not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The system of equations is not positive definite.
    #[error("the {items} × {items} matrix of item counts plus l2 = {l2} is not positive definite; use a larger l2")]
    NotPositiveDefinite {
        /// Number of items.
        items: usize,
        /// The regularisation.
        l2: f64,
    },
}

/// A model that learns by gradient descent.
pub trait HistoryLearner {
    /// Each parameter with its name, always in the same order.
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)>;

    /// The loss of a batch.
    fn loss(&self, batch: &HistoryBatch, step: &Step) -> HistoryLoss;

    /// The weights of all users' rows in the coming epoch, a pure function of what is known; `None` for equal weights.
    fn row_weights(&self, known: &Known<'_>) -> Option<Vec<f32>> {
        let _ = known;
        None
    }

    /// How many past epochs of row signals [`HistoryLearner::row_weights`] looks at.
    fn signal_window(&self) -> usize {
        0
    }

    /// The least row weight, for counting the users that are at it.
    fn weight_floor(&self) -> Option<f32> {
        None
    }

    /// What the configured `l2` is divided by.
    fn l2_divisor(&self) -> f64 {
        1.0
    }
}

/// A parameter in its place.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// Its values, to be read or replaced.
    pub values: Values<'a>,
    /// The value that means "no effect", to which weight decay draws: 0 for a weight or a bias, 1 for a factor such as the
    /// scale of a normalisation.
    pub neutral: f32,
}

impl<'a> Parameter<'a> {
    /// A factor: at 1 it changes nothing, so weight decay draws it to 1.
    #[must_use]
    pub fn factor(values: impl Into<Values<'a>>) -> Self {
        Self { values: values.into(), neutral: 1.0 }
    }
}

impl<'a, T: Into<Values<'a>>> From<T> for Parameter<'a> {
    /// A weight or a bias, which weight decay draws to 0.
    fn from(values: T) -> Self {
        Self { values: values.into(), neutral: 0.0 }
    }
}

/// The values of a parameter, in the tensor that holds them.
#[derive(Debug)]
pub enum Values<'a> {
    /// A vector.
    One(&'a mut Tensor<1>),
    /// A matrix.
    Two(&'a mut Tensor<2>),
    /// A stack of matrices.
    Three(&'a mut Tensor<3>),
}

impl<'a> From<&'a mut Tensor<1>> for Values<'a> {
    fn from(tensor: &'a mut Tensor<1>) -> Self {
        Self::One(tensor)
    }
}

impl<'a> From<&'a mut Tensor<2>> for Values<'a> {
    fn from(tensor: &'a mut Tensor<2>) -> Self {
        Self::Two(tensor)
    }
}

impl<'a> From<&'a mut Tensor<3>> for Values<'a> {
    fn from(tensor: &'a mut Tensor<3>) -> Self {
        Self::Three(tensor)
    }
}

/// Where in training a step is: all randomness of the step follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Seed of the training.
    pub seed: u64,
    /// The epoch, from 1.
    pub epoch: usize,
    /// Updates already taken.
    pub taken: u64,
}

/// The loss of a batch.
#[derive(Debug)]
pub struct HistoryLoss {
    /// What is minimised: a single number.
    pub total: Tensor<1>,
    /// Its parts for the log, such as `ce` and `kl`.
    pub parts: Vec<(&'static str, f64)>,
    /// A number per row that is remembered for [`HistoryLearner::row_weights`]; NaN where there is none. Empty if unused.
    pub signal: Vec<f32>,
    /// The experts' shares `[rows, experts]`; empty without a gate.
    pub shares: Vec<f32>,
}

/// What is known before an epoch.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The coming epoch, from 1.
    pub epoch: usize,
    /// Signals of past epochs, the latest last, each `[users]`.
    pub signals: &'a VecDeque<Vec<f32>>,
    /// Mainstream score of each user.
    pub mainstream: &'a [f32],
    /// The users that are learned from, ascending.
    pub learners: &'a [u32],
}
