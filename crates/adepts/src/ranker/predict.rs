//! Probabilities for new examples.

use std::path::Path;
use std::sync::Arc;

use adepts_data::Progress;
use adepts_data::examples::{EncodeSummary, Encoded, RawFiles};
use arrow_array::{ArrayRef, Float32Array, UInt64Array};

use super::evaluate::{BLOCK, write_columns};
use super::run::RankerRun;
use crate::error::Error;

/// What a prediction was about.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The place of each scored row among the rows of the files, from 1.
    pub rows: Vec<u64>,
    /// Its probability.
    pub scores: Vec<f32>,
    /// What was met in the files.
    pub met: EncodeSummary,
}

impl RankerRun {
    /// Gives each row of raw files, which have the columns that the model was trained on, its probability. The label may be
    /// absent.
    pub fn predict(&self, files: &RawFiles, progress: Progress<'_>) -> Result<Predicted, Error> {
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        let each = |block: Encoded| {
            let start = scores.len();
            scores.resize(start + block.examples.rows(), 0.0);
            self.model.score(&block.examples, &mut scores[start..]);
            rows.extend(block.rows);
            Ok::<(), Error>(())
        };
        let met = self.data.encode(files, BLOCK, each, progress)?;
        Ok(Predicted { rows, scores, met })
    }
}

impl Predicted {
    /// Writes `row` and `score` of each row as Parquet.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let rows: ArrayRef = Arc::new(UInt64Array::from(self.rows.clone()));
        write_columns(path, vec![("row", rows), ("score", Arc::new(Float32Array::from(self.scores.clone())))])
    }
}
