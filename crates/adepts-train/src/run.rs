//! The parts of the loop: one update, the end of an epoch, and the files beside.

use std::path::{Path, PathBuf};

use adepts_core::{EpochRecord, Step, Stopwatch};
use adepts_ops::table::Table;

use crate::arrays::{self, ArrayFile, Entry, Floats};
use crate::checkpoint;
use crate::course::Course;
use crate::journal::Journal;
use crate::optimizer::Adam;
use crate::state::State;
use crate::sums::{Exact, Sums};
use crate::{Beginning, Fingerprint, Outcome, Progress, Summary, TrainConfig, TrainError, Validation};

/// What every training has.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) config: &'a TrainConfig,
    pub(crate) seed: u64,
    pub(crate) folder: &'a Path,
    pub(crate) fingerprint: &'a Fingerprint,
    pub(crate) checkpoint_every: f64,
    pub(crate) resume: bool,
    /// Whether epochs are validated. If not, the last one is the best.
    pub(crate) validated: bool,
}

/// A training in progress.
pub(crate) struct Run<'a> {
    setting: Setting<'a>,
    batches: usize,
    adam: Adam,
    journal: Journal,
    state: State,
    since_checkpoint: Stopwatch,
}

impl<'a> Run<'a> {
    /// From the checkpoint, if it is to be resumed and there is one, or from the beginning.
    pub(crate) fn start(course: &mut impl Course, setting: Setting<'a>) -> Result<(Self, Beginning), TrainError> {
        let adam =
            Adam::new(&setting.config.optimizer, course.l2_divisor()).with_tables(setting.config.tables.as_ref());
        let (journal, since_checkpoint) = (Journal::new(setting.folder), Stopwatch::start());
        let (batches, state) = (course.batches(), State::first());
        let mut run = Self { setting, batches, adam, journal, state, since_checkpoint };
        let path = run.checkpoint();
        let resumed =
            if setting.resume { checkpoint::load(&path, setting.fingerprint, course, &mut run.adam)? } else { None };
        let beginning = match &resumed {
            Some(state) if state.finished => Beginning::Ended,
            Some(_) => Beginning::Continued,
            None if setting.resume => Beginning::NoCheckpoint,
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

    /// Begins an epoch, or goes on in its midst.
    pub(crate) fn begin(&mut self, course: &mut impl Course) -> Result<(), TrainError> {
        course.begin(&mut self.state)
    }

    /// One update, if there is a batch left in this epoch.
    pub(crate) fn update(&mut self, course: &mut impl Course) -> Result<bool, TrainError> {
        let watch = Stopwatch::start();
        let step = Step { seed: self.setting.seed, epoch: self.state.epoch, taken: self.state.taken };
        let Some(taken) = course.next(&self.state, &step)? else { return Ok(false) };
        let total = f64::from(taken.total.clone().into_scalar::<f32>());
        for (part, value) in taken.parts.iter().copied().chain([("total", total)]) {
            if !value.is_finite() {
                let (epoch, batch, part) = (self.state.epoch, self.state.batch + 1, part.to_owned());
                return Err(TrainError::NotFinite { epoch, batch, part, value });
            }
        }
        self.state.sums.add(taken.rows, &taken.parts, total);
        course.note(&mut self.state, &taken.seen);
        let mut gradients = taken.total.backward();
        let leaves = taken.leaves;
        // The graph goes first: what it holds of the parameters would have to be copied.
        drop(taken.total);
        self.state.taken += 1;
        self.adam.step_tables(self.state.taken, course.tables(), &leaves, &mut gradients);
        drop(leaves);
        self.adam.step(self.state.taken, course.parameters(), &mut gradients);
        self.state.batch += 1;
        self.state.epoch_seconds.0 += watch.seconds();
        Ok(true)
    }

    /// Ends an epoch: the best parameters are kept, the log gets its line. Without a validation the last epoch is the best.
    pub(crate) fn close(
        &mut self,
        course: &mut impl Course,
        found: Option<Validation>,
        eval_seconds: f64,
    ) -> Result<EpochRecord, TrainError> {
        let config = self.setting.config;
        let stop = found.as_ref().map(|found| found.stop);
        if let Some(value) = stop.filter(|stop| !stop.is_finite()) {
            return Err(TrainError::ScoreNotFinite { epoch: self.state.epoch, value });
        }
        let best = match stop {
            Some(stop) => self.state.best.is_none_or(|(_, Exact(best))| stop > best),
            None => self.state.epoch == config.epochs,
        };
        if best {
            self.keep_best(course)?;
            self.state.best = Some((self.state.epoch, Exact(stop.unwrap_or(f64::NAN))));
        }
        let found = found.unwrap_or_default();
        let (gate, groups) = course.close(&self.state, &found);
        let scores = found.scores.into_iter().chain(stop.map(|stop| ("stop".to_owned(), stop)));
        let record = EpochRecord {
            epoch: self.state.epoch,
            step: self.state.taken,
            train_seconds: self.state.epoch_seconds.0,
            eval_seconds,
            losses: self.state.sums.losses(),
            validation: scores.filter(|(_, score)| score.is_finite()).collect(),
            best,
            gate,
            groups,
        };
        self.journal.append(&record)?;

        let (window, rows) = course.signals();
        if window > 0 {
            self.state.signals.push_back(std::mem::take(&mut self.state.signal));
            let surplus = self.state.signals.len().saturating_sub(window);
            self.state.signals.drain(..surplus);
            self.state.signal = vec![f32::NAN; rows];
        }
        let best_epoch = self.state.best.map_or(self.state.epoch, |(epoch, _)| epoch);
        let patient = !self.setting.validated || self.state.epoch - best_epoch < config.stop.patience;
        self.state.finished = self.state.epoch == config.epochs || !patient;
        self.state.train_seconds.0 += std::mem::take(&mut self.state.epoch_seconds).0;
        self.state.eval_seconds.0 += eval_seconds;
        self.state.sums = Sums::default();
        self.state.epoch += 1;
        self.state.batch = 0;
        Ok(record)
    }

    /// Writes a checkpoint unless the last one is recent.
    pub(crate) fn save_when_due(&mut self, course: &mut impl Course) -> Result<(), TrainError> {
        if self.since_checkpoint.seconds() >= self.setting.checkpoint_every { self.save(course) } else { Ok(()) }
    }

    /// Writes a checkpoint, after what it refers to is sure to last.
    fn save(&mut self, course: &mut impl Course) -> Result<(), TrainError> {
        if self.state.best.is_some() {
            arrays::sync(&self.best())?;
        }
        self.journal.sync()?;
        checkpoint::save(&self.checkpoint(), self.setting.fingerprint, &self.state, course, &self.adam)?;
        self.since_checkpoint = Stopwatch::start();
        Ok(())
    }

    /// Ends on request.
    pub(crate) fn interrupt(&mut self, course: &mut impl Course) -> Result<Outcome, TrainError> {
        self.save(course)?;
        Ok(Outcome::Interrupted { epoch: self.state.epoch, batch: self.state.batch })
    }

    /// Ends with the best parameters in the model. The checkpoint then says no more than that, so that a run that dies
    /// before the model is saved elsewhere is not trained again.
    pub(crate) fn finish(mut self, course: &mut impl Course) -> Result<Outcome, TrainError> {
        let (best_epoch, Exact(best)) = self.state.best.unwrap_or((0, Exact(f64::NAN)));
        let path = self.best();
        let mut file = ArrayFile::open(&path)?;
        let found = file.note("epoch")?;
        if found != best_epoch.to_string() {
            return Err(TrainError::OtherEpoch { path, found: found.to_owned(), expected: best_epoch });
        }
        for (name, mut parameter) in course.parameters() {
            let floats = file.read(&name, &arrays::shape(&parameter))?;
            arrays::replace(&mut parameter, floats);
        }
        checkpoint::recount(course, &mut file, "")?;
        for (name, table) in course.tables() {
            let shape = [table.rows(), table.width()];
            file.read_into(&name, &shape, table.finish())?;
        }
        self.save(course)?;
        let State { epoch, train_seconds, eval_seconds, .. } = self.state;
        let (train_seconds, eval_seconds) = (train_seconds.0, eval_seconds.0);
        Ok(Outcome::Finished(Summary { epochs: epoch - 1, best_epoch, best, train_seconds, eval_seconds }))
    }

    pub(crate) fn progress(&self) -> Progress {
        let config = self.setting.config;
        let state = &self.state;
        let done = state.epoch - 1;
        let best_epoch = state.best.map_or(done, |(epoch, _)| epoch);
        let seconds = state.train_seconds.0 + state.eval_seconds.0;
        Progress {
            epoch: state.epoch,
            epochs: config.epochs,
            batch: state.batch,
            batches: self.batches,
            best: state.best.filter(|_| self.setting.validated).map(|(epoch, Exact(score))| (epoch, score)),
            patience_left: if self.setting.validated {
                (best_epoch + config.stop.patience).saturating_sub(done)
            } else {
                config.epochs.saturating_sub(done)
            },
            epoch_seconds: (done > 0).then(|| seconds / done as f64),
        }
    }

    fn keep_best(&self, course: &mut impl Course) -> Result<(), TrainError> {
        let parameters = course.parameters();
        let mut entries: Vec<Entry> = parameters.iter().map(|(name, p)| Entry::parameter(name.clone(), p)).collect();
        drop(parameters);
        entries.extend(checkpoint::counted(course, ""));
        for (name, table) in course.tables() {
            let table: &Table = table;
            let (shape, floats) = (vec![table.rows(), table.width()], Floats::Slice(table.arrays()[0]));
            entries.push(Entry { name, shape, floats });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        arrays::write(&self.best(), &[("epoch", self.state.epoch.to_string())], &entries, false)
    }

    fn best(&self) -> PathBuf {
        self.setting.folder.join("best.safetensors")
    }

    fn checkpoint(&self) -> PathBuf {
        self.setting.folder.join("checkpoint.safetensors")
    }
}
