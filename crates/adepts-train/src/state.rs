//! The state of a training between two updates.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::sums::{Exact, Sums};

/// What changes from update to update, parameters and moments aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The epoch in progress, from 1.
    pub(crate) epoch: usize,
    /// Its batches that are done.
    pub(crate) batch: usize,
    /// Updates taken.
    pub(crate) taken: u64,
    /// Whether training has ended; there are no arrays then.
    pub(crate) finished: bool,
    /// The best epoch and its score.
    pub(crate) best: Option<(usize, Exact)>,
    /// Sums over the batches of the epoch in progress.
    pub(crate) sums: Sums,
    /// Seconds spent in updates of the epoch in progress.
    pub(crate) epoch_seconds: Exact,
    /// Seconds spent in updates in the epochs before.
    pub(crate) train_seconds: Exact,
    /// Seconds spent in validation.
    pub(crate) eval_seconds: Exact,
    /// Past epochs whose signals are kept.
    pub(crate) window: usize,
    /// Signals of past epochs, the latest last, each `[users]`.
    #[serde(skip)]
    pub(crate) signals: VecDeque<Vec<f32>>,
    /// Signals of the epoch in progress, `[users]`, NaN where there is none; empty if the learner does not look at any.
    #[serde(skip)]
    pub(crate) signal: Vec<f32>,
}

impl State {
    /// Before the first update.
    pub(crate) fn first() -> Self {
        Self {
            epoch: 1,
            batch: 0,
            taken: 0,
            finished: false,
            best: None,
            sums: Sums::default(),
            epoch_seconds: Exact(0.0),
            train_seconds: Exact(0.0),
            eval_seconds: Exact(0.0),
            window: 0,
            signals: VecDeque::new(),
            signal: Vec::new(),
        }
    }
}
