//! Finished history runs as their files tell.

use adepts_data::HistoryDataset;
use adepts_eval::MetricAt;

use super::config::{EvalConfig, HistoryExperiment};
use crate::error::{Error, RunError};
use crate::files::DATA;
use crate::record;

/// A finished history run as its files tell, without its model.
pub type Record = record::Record<HistoryExperiment>;

impl Record {
    /// The data that it was trained on.
    pub fn data(&self) -> Result<HistoryDataset, Error> {
        if !self.manifest.histories {
            return Err(RunError::WithoutHistories { path: self.folder.clone() }.into());
        }
        Ok(HistoryDataset::open(&self.folder.join(DATA))?)
    }

    /// The first per-user metric of its evaluation.
    #[must_use]
    pub fn metric(&self) -> Option<MetricAt> {
        first_metric(&self.experiment.eval)
    }
}

/// The metric that decides who is served worst.
#[must_use]
pub fn first_metric(eval: &EvalConfig) -> Option<MetricAt> {
    eval.metrics.iter().copied().find(|metric| metric.per_user().is_some())
}
