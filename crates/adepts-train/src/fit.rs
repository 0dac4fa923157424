//! The training loop.

use std::collections::BTreeMap;
use std::path::Path;

use adepts_core::{HistoryModel, Stopwatch, TabularModel};
use adepts_data::tabular::{Shares, TabularDataset};
use adepts_data::{Grouping, Rows};

use crate::course::{self, Course, Users};
use crate::run::{Run, Setting};
use crate::{Fingerprint, Observer, TrainConfig, TrainError};

/// What is trained on, and where the files of the run are.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The `[train]` table.
    pub config: &'a TrainConfig,
    /// Seed of all randomness.
    pub seed: u64,
    /// Training histories, `[users]`.
    pub train: &'a Rows,
    /// Validation items, for gates that look at them.
    pub validation: &'a Rows,
    /// Number of items in the catalogue.
    pub items: usize,
    /// The users that are learned from: ascending, none without a training history.
    pub learners: &'a [u32],
    /// Mainstream score of each user.
    pub mainstream: &'a [f32],
    /// Groups by which gates and weights are logged.
    pub groups: Option<&'a Grouping>,
    /// The run directory: holds `checkpoint.safetensors`, `best.safetensors` and `epochs.jsonl`.
    pub folder: &'a Path,
    /// What a checkpoint must agree with to be resumed: configuration, data and seed.
    pub fingerprint: &'a Fingerprint,
    /// Least seconds between checkpoints.
    pub checkpoint_every: f64,
    /// Whether to continue from a checkpoint, if there is one; otherwise training starts afresh and replaces the files of
    /// an earlier one.
    pub resume: bool,
}

/// What is trained on, and where the files of the run are, for tabular models; fields as in [`Training`].
#[derive(Clone, Copy, Debug)]
pub struct TabularTraining<'a> {
    /// The `[train]` table.
    pub config: &'a TrainConfig,
    /// Seed of all randomness.
    pub seed: u64,
    /// The prepared tabular data, which are streamed.
    pub data: &'a TabularDataset,
    /// The items' shares of the training rows, for a loss that asks for them.
    pub shares: Option<&'a Shares>,
    /// The run directory.
    pub folder: &'a Path,
    /// What a checkpoint must agree with to be resumed.
    pub fingerprint: &'a Fingerprint,
    /// Least seconds between checkpoints.
    pub checkpoint_every: f64,
    /// Whether to continue from a checkpoint, if there is one.
    pub resume: bool,
}

/// What a validation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// Scores of all users or rows, such as `ndcg@10`.
    pub scores: BTreeMap<String, f64>,
    /// The score that early stopping watches; larger is better.
    pub stop: f64,
    /// The same for each group of users, by name.
    pub groups: Vec<(String, f64)>,
}

/// What may go wrong in a validation.
pub type ValidateError = Box<dyn std::error::Error + Send + Sync>;

/// How training ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// By patience or with the last epoch; the model holds the parameters of the best epoch.
    Finished(Summary),
    /// On request; a checkpoint is written, and the model holds the parameters of the moment.
    Interrupted {
        /// The epoch in progress, from 1.
        epoch: usize,
        /// Its batches that are done.
        batch: usize,
    },
}

/// A finished training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Epochs trained.
    pub epochs: usize,
    /// The best one.
    pub best_epoch: usize,
    /// Its validation score; NaN without validation.
    pub best: f64,
    /// Seconds spent in updates.
    pub train_seconds: f64,
    /// Seconds spent in validation.
    pub eval_seconds: f64,
}

/// Trains a model until it no longer improves, and leaves it with the parameters of its best epoch.
///
/// Each epoch goes through the learners in an order of its own, validates with `validate`, and tells `observer`. When
/// `stop_requested` says so, the update in progress is finished, a checkpoint written, and training ends; resuming gives the
/// same parameters and the same log, times aside, as if it had not been stopped, and so it does after the process was killed.
///
/// # Panics
/// If the learner breaks its contract: a parameter without gradient, weights that are not one per user.
pub fn fit(
    model: &mut dyn HistoryModel,
    training: &Training<'_>,
    validate: &mut dyn FnMut(&dyn HistoryModel) -> Result<Validation, ValidateError>,
    observer: &mut dyn Observer,
    stop_requested: &dyn Fn() -> bool,
) -> Result<Outcome, TrainError> {
    training.config.check()?;
    let Training { config, seed, folder, fingerprint, checkpoint_every, resume, .. } = *training;
    let setting = Setting { config, seed, folder, fingerprint, checkpoint_every, resume, validated: true };
    let mut users = Users::new(model, training)?;
    go(&mut users, setting, &mut |users: &Users<'_>| validate(&*users.model).map(Some), observer, stop_requested)
}

/// As [`fit`], without validation, where nothing is held out: training ends with the last epoch, and the model holds its
/// parameters. The order of users and all noise are those of [`fit`].
///
/// # Panics
/// As [`fit`].
pub fn fit_all(
    model: &mut dyn HistoryModel,
    training: &Training<'_>,
    observer: &mut dyn Observer,
    stop_requested: &dyn Fn() -> bool,
) -> Result<Outcome, TrainError> {
    training.config.check()?;
    let Training { config, seed, folder, fingerprint, checkpoint_every, resume, .. } = *training;
    let setting = Setting { config, seed, folder, fingerprint, checkpoint_every, resume, validated: false };
    go(&mut Users::new(model, training)?, setting, &mut |_| Ok(None), observer, stop_requested)
}

/// As [`fit`], for a tabular model: each epoch goes through all training rows in an order of its own.
///
/// # Panics
/// If the learner breaks its contract: a parameter or a gathered table without gradient.
pub fn fit_tabular(
    model: &mut dyn TabularModel,
    training: &TabularTraining<'_>,
    validate: &mut dyn FnMut(&dyn TabularModel) -> Result<Validation, ValidateError>,
    observer: &mut dyn Observer,
    stop_requested: &dyn Fn() -> bool,
) -> Result<Outcome, TrainError> {
    training.config.check()?;
    let TabularTraining { config, seed, folder, fingerprint, checkpoint_every, resume, .. } = *training;
    let setting = Setting { config, seed, folder, fingerprint, checkpoint_every, resume, validated: true };
    let mut rows = course::Rows::new(model, training)?;
    go(&mut rows, setting, &mut |rows: &course::Rows<'_>| validate(&*rows.model).map(Some), observer, stop_requested)
}

/// As [`fit_tabular`], without validation: training ends with the last epoch, and the model holds its parameters.
///
/// # Panics
/// As [`fit_tabular`].
pub fn fit_all_tabular(
    model: &mut dyn TabularModel,
    training: &TabularTraining<'_>,
    observer: &mut dyn Observer,
    stop_requested: &dyn Fn() -> bool,
) -> Result<Outcome, TrainError> {
    training.config.check()?;
    let TabularTraining { config, seed, folder, fingerprint, checkpoint_every, resume, .. } = *training;
    let setting = Setting { config, seed, folder, fingerprint, checkpoint_every, resume, validated: false };
    go(&mut course::Rows::new(model, training)?, setting, &mut |_| Ok(None), observer, stop_requested)
}

/// The loop. Where there is no validation, `validate` gives none.
fn go<C: Course>(
    course: &mut C,
    setting: Setting<'_>,
    validate: &mut dyn FnMut(&C) -> Result<Option<Validation>, ValidateError>,
    observer: &mut dyn Observer,
    stop_requested: &dyn Fn() -> bool,
) -> Result<Outcome, TrainError> {
    let (mut run, beginning) = Run::start(course, setting)?;
    observer.begin(beginning, &run.progress());
    while !run.finished() {
        run.begin(course)?;
        while run.update(course)? {
            observer.step(&run.progress());
            if stop_requested() {
                return run.interrupt(course);
            }
            run.save_when_due(course)?;
        }
        let watch = Stopwatch::start();
        let found =
            validate(course).map_err(|source| TrainError::Validation { epoch: run.progress().epoch, source })?;
        let record = run.close(course, found, watch.seconds())?;
        observer.epoch(&record, &run.progress());
        if stop_requested() && !run.finished() {
            return run.interrupt(course);
        }
        run.save_when_due(course)?;
    }
    run.finish(course)
}
