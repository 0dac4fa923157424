//! What an epoch goes through: users with their histories, or rows. The families differ here and nowhere else.

use adepts_core::{
    Batcher, EpochGroup, Fit, GateStats, HistoryLearner, HistoryModel, Known, Leaf, Parameter, ProbeSplit, Step,
    TabularModel, Tensors, TensorsError,
};
use adepts_data::seed;
use adepts_data::tabular::Ahead;
use adepts_ops::table::Table;
use burn::tensor::Tensor;
use rand::seq::SliceRandom;

use crate::state::State;
use crate::sums;
use crate::{TabularTraining, TrainError, Training, Validation};

/// The loss of a batch, before it is walked back.
pub(crate) struct Taken {
    /// What is minimised.
    pub(crate) total: Tensor<1>,
    /// Its parts.
    pub(crate) parts: Vec<(&'static str, f64)>,
    /// What was gathered from large tables.
    pub(crate) leaves: Vec<Leaf>,
    /// Rows of the batch.
    pub(crate) rows: usize,
    /// What the course remembers of it.
    pub(crate) seen: Seen,
}

/// What is remembered of a batch of users.
#[derive(Default)]
pub(crate) struct Seen {
    users: Vec<u32>,
    signal: Vec<f32>,
    shares: Vec<f32>,
}

/// What the loop needs to know of a family.
pub(crate) trait Course {
    /// Each parameter with its name, always in the same order.
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)>;

    /// Large tables, each with its name.
    fn tables(&mut self) -> Vec<(String, &mut Table)> {
        Vec::new()
    }

    /// What is counted while parameters are learned, by name.
    fn counted(&mut self) -> Tensors {
        Tensors::default()
    }

    /// Replaces what is counted.
    fn recount(&mut self, counted: &Tensors) -> Result<(), TensorsError> {
        let _ = counted;
        Ok(())
    }

    /// What the configured `l2` is divided by.
    fn l2_divisor(&self) -> f64 {
        1.0
    }

    /// How many past epochs of row signals are kept, and how many rows they have.
    fn signals(&self) -> (usize, usize) {
        (0, 0)
    }

    /// Updates of an epoch.
    fn batches(&self) -> usize;

    /// Begins the epoch of the state, or goes on in its midst.
    fn begin(&mut self, state: &mut State) -> Result<(), TrainError>;

    /// The loss of the next batch; `None` when the epoch is over.
    fn next(&mut self, state: &State, step: &Step) -> Result<Option<Taken>, TrainError>;

    /// Remembers a batch.
    fn note(&mut self, state: &mut State, seen: &Seen) {
        let _ = (state, seen);
    }

    /// What the log says of the epoch besides losses and scores.
    fn close(&self, state: &State, found: &Validation) -> (Option<GateStats>, Vec<EpochGroup>);
}

/// Users with their histories.
pub(crate) struct Users<'a> {
    pub(crate) model: &'a mut dyn HistoryModel,
    training: &'a Training<'a>,
    batcher: Batcher<'a>,
    order: Vec<u32>,
    weights: Option<Vec<f32>>,
    /// As the learner says.
    window: usize,
    l2_divisor: f64,
    floor: Option<f32>,
}

fn learner(model: &mut dyn HistoryModel) -> Result<&mut dyn HistoryLearner, TrainError> {
    match model.fit() {
        Fit::Steps(learner) => Ok(learner),
        Fit::Closed(_) => Err(TrainError::NotALearner),
    }
}

impl<'a> Users<'a> {
    pub(crate) fn new(model: &'a mut dyn HistoryModel, training: &'a Training<'a>) -> Result<Self, TrainError> {
        if training.learners.is_empty() {
            return Err(TrainError::NoLearners);
        }
        let Training { train, validation, items, seed, .. } = *training;
        let batcher =
            Batcher { histories: train, validation, items, probe: model.probe(), seed, split: ProbeSplit::default() };
        let learner = learner(model)?;
        let (window, l2_divisor, floor) = (learner.signal_window(), learner.l2_divisor(), learner.weight_floor());
        Ok(Self { model, training, batcher, order: Vec::new(), weights: None, window, l2_divisor, floor })
    }

    /// The side of the model that learns; that it has one was checked when this was made.
    fn learner(&mut self) -> &mut dyn HistoryLearner {
        match self.model.fit() {
            Fit::Steps(learner) => learner,
            Fit::Closed(_) => panic!("a learner became a closed form"),
        }
    }
}

impl Course for Users<'_> {
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)> {
        self.learner().parameters()
    }

    fn l2_divisor(&self) -> f64 {
        self.l2_divisor
    }

    fn signals(&self) -> (usize, usize) {
        (self.window, self.training.train.len())
    }

    fn batches(&self) -> usize {
        self.training.learners.len().div_ceil(self.training.config.batch)
    }

    /// # Panics
    /// If the learner does not give one weight per user.
    fn begin(&mut self, state: &mut State) -> Result<(), TrainError> {
        let Training { learners, mainstream, seed, train, .. } = *self.training;
        self.order = learners.to_vec();
        self.order.shuffle(&mut seed::stream(seed, "shuffle", &[state.epoch as u64]));
        let known = Known { epoch: state.epoch, signals: &state.signals, mainstream, learners };
        self.weights = self.learner().row_weights(&known);
        if let Some(weights) = &self.weights {
            assert_eq!(weights.len(), train.len(), "row weights: one per user");
        }
        if self.window > 0 && state.signal.is_empty() {
            state.signal = vec![f32::NAN; train.len()];
        }
        Ok(())
    }

    fn next(&mut self, state: &State, step: &Step) -> Result<Option<Taken>, TrainError> {
        let Some(users) = self.order.chunks(self.training.config.batch).nth(state.batch) else { return Ok(None) };
        let users = users.to_vec();
        let mut batch = self.batcher.batch(&users);
        if let Some(weights) = &self.weights {
            batch.weights = users.iter().map(|user| weights[*user as usize]).collect();
        }
        let loss = self.learner().loss(&batch, step);
        let seen = Seen { signal: loss.signal, shares: loss.shares, users };
        let rows = seen.users.len();
        Ok(Some(Taken { total: loss.total, parts: loss.parts, leaves: Vec::new(), rows, seen }))
    }

    /// # Panics
    /// If the learner's signals are not one per row.
    fn note(&mut self, state: &mut State, seen: &Seen) {
        let Seen { users, signal, shares } = seen;
        state.sums.add_shares(users, shares, self.model.experts(), self.training.groups);
        if !state.signal.is_empty() && !signal.is_empty() {
            assert_eq!(signal.len(), users.len(), "signals: one per row");
            users.iter().zip(signal).for_each(|(user, signal)| state.signal[*user as usize] = *signal);
        }
    }

    fn close(&self, state: &State, found: &Validation) -> (Option<GateStats>, Vec<EpochGroup>) {
        let Training { learners, groups, .. } = *self.training;
        let of_groups = |groups| sums::by_group(&state.sums, groups, learners, self.weights.as_deref(), self.floor);
        let mut groups = groups.map_or_else(Vec::new, of_groups);
        for group in &mut groups {
            let score = found.groups.iter().find(|(name, score)| *name == group.name && score.is_finite());
            group.validation = score.map(|(_, score)| *score);
        }
        (state.sums.gate(0), groups)
    }
}

/// Rows, streamed from where they were prepared.
pub(crate) struct Rows<'a> {
    pub(crate) model: &'a mut dyn TabularModel,
    training: &'a TabularTraining<'a>,
    epoch: Option<Ahead>,
    batches: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(model: &'a mut dyn TabularModel, training: &'a TabularTraining<'a>) -> Result<Self, TrainError> {
        let rows = training.data.rows(adepts_data::Part::Train);
        if rows == 0 {
            return Err(TrainError::NoLearners);
        }
        Ok(Self { model, training, epoch: None, batches: rows.div_ceil(training.config.batch) })
    }
}

impl Course for Rows<'_> {
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)> {
        self.model.learner().parameters()
    }

    fn tables(&mut self) -> Vec<(String, &mut Table)> {
        self.model.learner().tables()
    }

    fn counted(&mut self) -> Tensors {
        self.model.learner().counted()
    }

    fn recount(&mut self, counted: &Tensors) -> Result<(), TensorsError> {
        self.model.learner().recount(counted)
    }

    fn batches(&self) -> usize {
        self.batches
    }

    fn begin(&mut self, state: &mut State) -> Result<(), TrainError> {
        let TabularTraining { data, seed, config, .. } = *self.training;
        let mut epoch = data.epoch(seed, state.epoch as u64, config.batch)?;
        epoch.skip(state.batch)?;
        self.epoch = Some(Ahead::of(epoch));
        Ok(())
    }

    fn next(&mut self, _: &State, step: &Step) -> Result<Option<Taken>, TrainError> {
        let Some(mut batch) = self.epoch.as_mut().map_or(Ok(None), Ahead::next)? else { return Ok(None) };
        if let Some(shares) = self.training.shares {
            shares.fill(&mut batch);
        }
        let loss = self.model.learner().loss(&batch, step);
        let (rows, seen) = (batch.rows(), Seen::default());
        Ok(Some(Taken { total: loss.total, parts: loss.parts, leaves: loss.leaves, rows, seen }))
    }

    fn close(&self, _: &State, found: &Validation) -> (Option<GateStats>, Vec<EpochGroup>) {
        let finite = found.groups.iter().filter(|(_, score)| score.is_finite());
        let group = |(name, score): &(String, f64)| EpochGroup {
            name: name.clone(),
            validation: Some(*score),
            weight: 1.0,
            ..EpochGroup::default()
        };
        (None, finite.map(group).collect())
    }
}
