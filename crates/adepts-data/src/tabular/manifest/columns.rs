//! The columns of prepared tabular data, as the manifest describes them.

use serde::{Deserialize, Serialize};

use super::Counts;
use crate::interactions::Part;
use crate::tabular::config::Transform;

/// A categorical field as prepared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldColumn {
    /// The name of its column in the source.
    pub name: String,
    /// Codes are below it.
    pub size: usize,
    /// Whether a row has a list of codes.
    pub many: bool,
    /// How values become codes.
    pub coding: Coding,
    /// Rows without a value, or with an empty list.
    pub missing: Counts,
    /// Values (of lists, each) that have the code 0 because the vocabulary does not have them.
    pub unknown: Counts,
}

/// How values become codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Coding {
    /// By a vocabulary, in a file of its own: the code is the place in it, from 1.
    Vocabulary {
        /// The file.
        file: String,
        /// Its values.
        values: usize,
    },
    /// By a hash, see [`FieldConfig::hash`](crate::tabular::FieldConfig::hash).
    Hash {
        /// Codes are from 1 to this.
        codes: u32,
    },
    /// By the range in which a number lies.
    Quantiles {
        /// The bounds between the ranges, ascending; a bound belongs to the range above it.
        bounds: Vec<f64>,
    },
}

/// A dense field as prepared: `(f(x) - mean) / deviation`, and 0 where the value is missing. Numbers far outside of what the training
/// rows have are clipped, see [`DenseColumn::limits`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseColumn {
    /// The name of its column in the source.
    pub name: String,
    /// `f`: `standard` takes the number as it is, `log` its logarithm.
    pub transform: Transform,
    /// Mean of `f` over the training rows that have a value, but for a few values that are so far off that they cannot be meant.
    pub mean: f64,
    /// Standard deviation of the same; 1 if all are equal.
    pub deviation: f64,
    /// The least of them; not known of tabular data that was prepared in format 1, or where no training row has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// The largest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
    /// Rows without a value.
    pub missing: Counts,
    /// Rows whose value was clipped.
    #[serde(default)]
    pub clipped: Counts,
}

/// A number that is not so many deviations from the mean is never clipped.
const FEW_DEVIATIONS: f64 = 10.0;

impl DenseColumn {
    /// The least and the largest `f(x)` that is taken as it is: those of the training rows, or ten deviations from the mean where
    /// that is further. What lies beyond is clipped to them, because a model says nothing of what is far from all that it saw.
    /// Where the range of the training rows is not known it is that which so many rows can have.
    #[must_use]
    pub fn limits(&self, training_rows: u64) -> (f64, f64) {
        let of_rows = (training_rows as f64).sqrt() * self.deviation;
        let wide = FEW_DEVIATIONS * self.deviation;
        let (least, most) = self.least.zip(self.most).unwrap_or((self.mean - of_rows, self.mean + of_rows));
        (least.min(self.mean - wide), most.max(self.mean + wide))
    }
}

/// A domain as prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainColumn {
    /// Its value in the source.
    pub name: String,
    /// Its rows.
    pub rows: Counts,
    /// Those of them with the label 1.
    pub positives: Counts,
}

impl DomainColumn {
    /// The share of label 1 in a part; 0 without rows.
    #[must_use]
    pub fn base_rate(&self, part: Part) -> f64 {
        self.positives.of(part) as f64 / self.rows.of(part).max(1) as f64
    }
}
