//! What a model for retrieval is: two towers, which turn users and items into vectors whose inner product is the score.

use adepts_data::tabular::TabularBatch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// The `[retrieval]` table: what stands around a tabular model that serves as the tower of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TowersConfig {
    /// Floats of a vector.
    pub dimension: usize,
    /// Widths of the layers of the tower of items before its vector.
    pub hidden: Vec<usize>,
    /// Whether vectors are brought to length 1, so that scores are cosines.
    pub normalise: bool,
    /// What scores are divided by in the loss.
    pub temperature: f64,
    /// Whether the loss is corrected for popular items being in a batch more often (Yi et al. 2019).
    pub correction: bool,
}

impl Default for TowersConfig {
    fn default() -> Self {
        Self { dimension: 32, hidden: vec![64], normalise: true, temperature: 0.1, correction: true }
    }
}

impl TowersConfig {
    /// Checks what types cannot say.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.dimension == 0 {
            return Err(ConfigError::invalid("dimension", "expected a number above 0, found 0"));
        }
        if self.hidden.contains(&0) || self.hidden.len() > 7 {
            let problem = format!("expected 0 to 7 widths above 0, found {:?}", self.hidden);
            return Err(ConfigError::invalid("hidden", problem));
        }
        let temperature = self.temperature;
        // A softmax of 32-bit numbers holds cosines that are divided by this.
        if !(1e-3..=1e3).contains(&temperature) {
            let problem = format!("expected 0.001 to 1000, found {temperature}");
            return Err(ConfigError::invalid("temperature", problem));
        }
        Ok(())
    }
}

/// The side of a model for retrieval that answers.
pub trait Towers {
    /// Floats of a vector.
    fn width(&self) -> usize;

    /// Whether an item has a vector of its own in each domain.
    fn apart(&self) -> bool;

    /// The vectors of rows that have the columns of the user's side: `[rows, width]`; that of a row does not depend on the
    /// other rows.
    fn users(&self, rows: &TabularBatch) -> Vec<f32>;

    /// The vectors of items, in the domains that their rows name: `[width, items]`.
    fn items(&self, rows: &TabularBatch) -> Tensor<2>;

    /// The score of every item for each of some users: users `[rows, width]`, items as from [`Towers::items`] →
    /// `[rows, items]`. The scores of a row do not depend on the other rows.
    fn scores(&self, users: &[f32], items: &Tensor<2>, scores: &mut [f32]);
}
