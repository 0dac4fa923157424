//! The parts of the loop: one update, the end of an epoch, and the files beside.

use std::path::PathBuf;

use adepts_core::{Batcher, EpochRecord, Fit, HistoryModel, Known, Learner, Step, Stopwatch};
use adepts_data::seed;
use rand::seq::SliceRandom;

use crate::arrays::{self, ArrayFile, Entry};
use crate::checkpoint::{self, State};
use crate::journal::Journal;
use crate::optimizer::Adam;
use crate::sums::{self, Exact, Sums};
use crate::{Beginning, Outcome, Progress, Summary, TrainError, Training, Validation};

/// A training in progress.
pub(crate) struct Run<'a> {
    training: &'a Training<'a>,
    batcher: Batcher<'a>,
    experts: usize,
    adam: Adam,
    journal: Journal,
    state: State,
    since_checkpoint: Stopwatch,
}

/// What an epoch goes through; it follows from the seed and what is known before the epoch.
pub(crate) struct Epoch {
    order: Vec<u32>,
    weights: Option<Vec<f32>>,
}

pub(crate) fn learner(model: &mut dyn HistoryModel) -> Result<&mut dyn Learner, TrainError> {
    match model.fit() {
        Fit::Steps(learner) => Ok(learner),
        Fit::Closed(_) => Err(TrainError::NotALearner),
    }
}

impl<'a> Run<'a> {
    /// From the checkpoint, if it is to be resumed and there is one, or from the beginning.
    pub(crate) fn start(
        model: &mut dyn HistoryModel,
        training: &'a Training<'a>,
    ) -> Result<(Self, Beginning), TrainError> {
        training.config.check()?;
        if training.learners.is_empty() {
            return Err(TrainError::NoLearners);
        }
        let Training { train, validation, items, seed, .. } = *training;
        let batcher = Batcher { histories: train, validation, items, probe: model.probe(), seed };
        let experts = model.experts();
        let learner = learner(model)?;
        let adam = Adam::new(&training.config.optimizer, learner.l2_divisor());
        let (journal, since_checkpoint) = (Journal::new(training.folder), Stopwatch::start());
        let mut run = Self { training, batcher, experts, adam, journal, state: State::first(), since_checkpoint };
        let path = run.checkpoint();
        let resumed = if training.resume {
            checkpoint::load(&path, training.fingerprint, learner, &mut run.adam, train.len())?
        } else {
            None
        };
        let beginning = match &resumed {
            Some(state) if state.finished => Beginning::Ended,
            Some(_) => Beginning::Continued,
            None if training.resume => Beginning::NoCheckpoint,
            None => Beginning::Afresh,
        };
        match resumed {
            Some(state) => run.state = state,
            None => checkpoint::remove(&path)?,
        }
        run.journal.keep(run.state.epoch - 1)?;
        Ok((run, beginning))
    }

    pub(crate) fn finished(&self) -> bool {
        self.state.finished
    }

    /// The order and the weights of the epoch in progress.
    ///
    /// # Panics
    /// If the learner does not give one weight per user.
    pub(crate) fn epoch(&mut self, learner: &dyn Learner) -> Epoch {
        let Training { learners, mainstream, seed, train, .. } = *self.training;
        let mut order = learners.to_vec();
        order.shuffle(&mut seed::stream(seed, "shuffle", &[self.state.epoch as u64]));
        let known = Known { epoch: self.state.epoch, signals: &self.state.signals, mainstream, learners };
        let weights = learner.row_weights(&known);
        if let Some(weights) = &weights {
            assert_eq!(weights.len(), train.len(), "row weights: one per user");
        }
        if learner.signal_window() > 0 && self.state.signal.is_empty() {
            self.state.signal = vec![f32::NAN; train.len()];
        }
        Epoch { order, weights }
    }

    /// The users of the next batch; the last batch of an epoch may be short.
    pub(crate) fn next<'e>(&self, epoch: &'e Epoch) -> Option<&'e [u32]> {
        epoch.order.chunks(self.training.config.batch).nth(self.state.batch)
    }

    /// One update.
    ///
    /// # Panics
    /// If the learner's signals are not one per row.
    pub(crate) fn update(&mut self, learner: &mut dyn Learner, epoch: &Epoch, users: &[u32]) -> Result<(), TrainError> {
        let watch = Stopwatch::start();
        let mut batch = self.batcher.batch(users);
        if let Some(weights) = &epoch.weights {
            batch.weights = users.iter().map(|user| weights[*user as usize]).collect();
        }
        let step = Step { seed: self.training.seed, epoch: self.state.epoch, taken: self.state.taken };
        let loss = learner.loss(&batch, &step);
        let total = f64::from(loss.total.clone().into_scalar::<f32>());
        for (part, value) in loss.parts.iter().copied().chain([("total", total)]) {
            if !value.is_finite() {
                let (epoch, batch, part) = (self.state.epoch, self.state.batch + 1, part.to_owned());
                return Err(TrainError::NotFinite { epoch, batch, part, value });
            }
        }
        self.state.sums.add(users, total, &loss, self.experts, self.training.groups);
        if !self.state.signal.is_empty() && !loss.signal.is_empty() {
            assert_eq!(loss.signal.len(), users.len(), "signals: one per row");
            users.iter().zip(&loss.signal).for_each(|(user, signal)| self.state.signal[*user as usize] = *signal);
        }
        let mut gradients = loss.total.backward();
        // The graph goes first: what it holds of the parameters would have to be copied.
        drop(loss);
        self.state.taken += 1;
        self.adam.step(self.state.taken, learner, &mut gradients);
        self.state.batch += 1;
        self.state.epoch_seconds.0 += watch.seconds();
        Ok(())
    }

    /// Ends an epoch: the best parameters are kept, the log gets its line.
    pub(crate) fn close(
        &mut self,
        learner: &mut dyn Learner,
        epoch: &Epoch,
        found: Validation,
        eval_seconds: f64,
    ) -> Result<EpochRecord, TrainError> {
        let Training { config, learners, groups, .. } = *self.training;
        if !found.stop.is_finite() {
            return Err(TrainError::ScoreNotFinite { epoch: self.state.epoch, value: found.stop });
        }
        let best = self.state.best.is_none_or(|(_, Exact(best))| found.stop > best);
        if best {
            self.keep_best(learner)?;
            self.state.best = Some((self.state.epoch, Exact(found.stop)));
        }
        let (weights, floor) = (epoch.weights.as_deref(), learner.weight_floor());
        let mut groups =
            groups.map_or_else(Vec::new, |groups| sums::by_group(&self.state.sums, groups, learners, weights, floor));
        for group in &mut groups {
            let score = found.groups.iter().find(|(name, score)| *name == group.name && score.is_finite());
            group.validation = score.map(|(_, score)| *score);
        }
        let scores = found.scores.into_iter().chain([("stop".to_owned(), found.stop)]);
        let record = EpochRecord {
            epoch: self.state.epoch,
            step: self.state.taken,
            train_seconds: self.state.epoch_seconds.0,
            eval_seconds,
            losses: self.state.sums.losses(),
            validation: scores.filter(|(_, score)| score.is_finite()).collect(),
            best,
            gate: self.state.sums.gate(0),
            groups,
        };
        self.journal.append(&record)?;

        let window = learner.signal_window();
        if window > 0 {
            self.state.signals.push_back(std::mem::take(&mut self.state.signal));
            let surplus = self.state.signals.len().saturating_sub(window);
            self.state.signals.drain(..surplus);
            self.state.signal = vec![f32::NAN; self.training.train.len()];
        }
        let best_epoch = self.state.best.map_or(self.state.epoch, |(epoch, _)| epoch);
        let patient = self.state.epoch - best_epoch < config.stop.patience;
        self.state.finished = self.state.epoch == config.epochs || !patient;
        self.state.train_seconds.0 += std::mem::take(&mut self.state.epoch_seconds).0;
        self.state.eval_seconds.0 += eval_seconds;
        self.state.sums = Sums::default();
        self.state.epoch += 1;
        self.state.batch = 0;
        Ok(record)
    }

    /// Writes a checkpoint unless the last one is recent.
    pub(crate) fn save_when_due(&mut self, learner: &mut dyn Learner) -> Result<(), TrainError> {
        if self.since_checkpoint.seconds() >= self.training.checkpoint_every { self.save(learner) } else { Ok(()) }
    }

    /// Writes a checkpoint, after what it refers to is sure to last.
    fn save(&mut self, learner: &mut dyn Learner) -> Result<(), TrainError> {
        if self.state.best.is_some() {
            arrays::sync(&self.best())?;
        }
        self.journal.sync()?;
        checkpoint::save(&self.checkpoint(), self.training.fingerprint, &self.state, learner, &self.adam)?;
        self.since_checkpoint = Stopwatch::start();
        Ok(())
    }

    /// Ends on request.
    pub(crate) fn interrupt(&mut self, learner: &mut dyn Learner) -> Result<Outcome, TrainError> {
        self.save(learner)?;
        Ok(Outcome::Interrupted { epoch: self.state.epoch, batch: self.state.batch })
    }

    /// Ends with the best parameters in the model. The checkpoint then says no more than that, so that a run that dies
    /// before the model is saved elsewhere is not trained again.
    pub(crate) fn finish(mut self, learner: &mut dyn Learner) -> Result<Outcome, TrainError> {
        let (best_epoch, Exact(best)) = self.state.best.unwrap_or((0, Exact(f64::NAN)));
        let path = self.best();
        let mut file = ArrayFile::open(&path)?;
        let found = file.note("epoch")?;
        if found != best_epoch.to_string() {
            return Err(TrainError::OtherEpoch { path, found: found.to_owned(), expected: best_epoch });
        }
        for (name, mut parameter) in learner.parameters() {
            let floats = file.read(&name, &arrays::shape(&parameter))?;
            arrays::replace(&mut parameter, floats);
        }
        self.save(learner)?;
        let State { epoch, train_seconds, eval_seconds, .. } = self.state;
        let (train_seconds, eval_seconds) = (train_seconds.0, eval_seconds.0);
        Ok(Outcome::Finished(Summary { epochs: epoch - 1, best_epoch, best, train_seconds, eval_seconds }))
    }

    pub(crate) fn progress(&self) -> Progress {
        let Training { config, learners, .. } = *self.training;
        let state = &self.state;
        let done = state.epoch - 1;
        let best_epoch = state.best.map_or(done, |(epoch, _)| epoch);
        let seconds = state.train_seconds.0 + state.eval_seconds.0;
        Progress {
            epoch: state.epoch,
            epochs: config.epochs,
            batch: state.batch,
            batches: learners.len().div_ceil(config.batch),
            best: state.best.map(|(epoch, Exact(score))| (epoch, score)),
            patience_left: (best_epoch + config.stop.patience).saturating_sub(done),
            epoch_seconds: (done > 0).then(|| seconds / done as f64),
        }
    }

    fn keep_best(&self, learner: &mut dyn Learner) -> Result<(), TrainError> {
        let parameters = learner.parameters();
        let mut entries: Vec<Entry> = parameters.iter().map(|(name, p)| Entry::parameter(name.clone(), p)).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        arrays::write(&self.best(), &[("epoch", self.state.epoch.to_string())], &entries, false)
    }

    fn best(&self) -> PathBuf {
        self.training.folder.join("best.safetensors")
    }

    fn checkpoint(&self) -> PathBuf {
        self.training.folder.join("checkpoint.safetensors")
    }
}
