//! How good is a model, and for whom: scores go to the evaluation, numbers come back.

use std::collections::BTreeMap;
use std::convert::Infallible;

use adepts_core::{Batcher, HistoryBatch, HistoryModel, Probe, ProbeSplit, Stopwatch, answered};
use adepts_data::{GroupBy, Grouping, HistoryDataset, Progress, Rows};
use adepts_eval::{
    GateSummary, Judgement, Measured, MetricAt, RunSummary, evaluate, evaluate_both, gate_summary, summarise,
};
use adepts_train::{StopConfig, Validation};

use super::config::{EvalConfig, Ties, WithoutHistory};
use super::probes;
use super::request::Request;
use crate::error::Error;
use crate::part::{Part, batch};

/// The result of an evaluation.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// What people and programs read.
    pub summary: RunSummary,
    /// Per-user values, with the validation items masked or not, as configured.
    pub measured: Measured,
}

fn users_with(relevant: &Rows) -> Vec<u32> {
    (0..relevant.len() as u32).filter(|user| !relevant.row(*user as usize).is_empty()).collect()
}

/// The share of users who have each item.
fn popularity(data: &HistoryDataset) -> Vec<f32> {
    let users = data.train.len().max(1) as f32;
    data.train.item_counts(data.items.len()).into_iter().map(|count| count as f32 / users).collect()
}

/// What of an evaluation is the same for its test and for the validation of each epoch.
struct Rules {
    /// The number of users of each item, for those without a history; `None` where the model ranks for them.
    popular: Option<Vec<f32>>,
    /// The order of items with equal scores; `None` where it is that of their numbers.
    ties: Option<Vec<u32>>,
}

impl Rules {
    fn new(data: &HistoryDataset, config: &EvalConfig) -> Self {
        let counts = || data.train.item_counts(data.items.len()).into_iter().map(|count| count as f32).collect();
        let popular = (config.without_history == WithoutHistory::Popular).then(counts);
        Self { popular, ties: (config.ties == Ties::Popularity).then(|| data.tie_order()) }
    }

    /// Scores as [`answered`] gives them, or the model's own alone. Says for each row whether the model did not decide.
    fn score(
        &self,
        model: &dyn HistoryModel,
        batch: &HistoryBatch,
        scores: &mut [f32],
        shares: &mut [f32],
    ) -> Vec<bool> {
        if let Some(popular) = &self.popular {
            return answered(model, batch, popular, scores, shares);
        }
        model.score(batch, scores, shares);
        vec![false; batch.rows()]
    }
}

/// What nobody is listed: what the model has learned of each user, and by default what was only seen before the part that is
/// to be predicted.
fn masks<'a>(data: &'a HistoryDataset, config: &EvalConfig, part: Part) -> Vec<&'a Rows> {
    let seen = config.mask_seen.then(|| seen_before(data, part));
    std::iter::once(&data.train).chain(seen.into_iter().flatten()).collect()
}

/// What was only seen before the part that is to be predicted.
fn seen_before(data: &HistoryDataset, part: Part) -> impl Iterator<Item = &Rows> {
    std::iter::once(&data.seen.train).chain((part == Part::Test).then_some(&data.seen.validation))
}

/// Evaluates a model on the test items, or on the validation items where that is asked for.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one thing that an evaluation needs, named at the call by its variable"
)]
pub fn test(
    name: &str,
    kind: &str,
    model: &dyn HistoryModel,
    data: &HistoryDataset,
    config: &EvalConfig,
    seed: u64,
    split: ProbeSplit,
    request: Request,
    progress: Progress<'_>,
) -> Result<Evaluated, Error> {
    let watch = Stopwatch::start();
    let relevant = match request.part {
        Part::Test => &data.test,
        Part::Validation if request.validation_as_input => {
            let both = "validation items cannot be the input and what is to be found; leave one of the two out";
            return Err(Error::Request(both.into()));
        }
        Part::Validation => &data.validation,
    };
    let (users, items, experts) = (users_with(relevant), data.items.len(), model.experts());
    let groupings = groupings(data, config)?;
    let probe = probes::in_evaluation(model, data, request)?;
    let union;
    let histories = if request.validation_as_input {
        union = Rows::from_lists((0..data.train.len()).map(|u| [data.train.row(u), data.validation.row(u)].concat()));
        &union
    } else {
        &data.train
    };
    let batcher = Batcher { histories, validation: &data.validation, items, probe, seed, split };
    // Items that are input too would be no probe: experts are judged by the validation items without having seen them.
    let judging = (request.validation_as_input && probe == Some(Probe::Validation))
        .then_some(Batcher { histories: &data.train, ..batcher });
    let mut shares = Vec::with_capacity(if experts > 1 { users.len() * experts } else { 0 });
    // Those of the judged users whose list is the model's.
    let mut ranked = Vec::with_capacity(users.len());
    let (rules, popularity) = (Rules::new(data, config), popularity(data));
    let known = masks(data, config, request.part);
    let mut all = known.clone();
    all.extend((request.part == Part::Test).then_some(&data.validation));
    let judgement = Judgement {
        users: &users,
        items,
        mask: &all,
        mask_row: None,
        relevant,
        metrics: &config.metrics,
        popularity: &popularity,
        ties: rules.ties.as_deref(),
        batch: batch(items),
    };
    let mut score = |users: &[u32], scores: &mut [f32]| {
        let mut of_batch = vec![0.0; if experts > 1 { users.len() * experts } else { 0 }];
        let mut batch = batcher.batch(users);
        if let Some(judging) = &judging {
            batch.gate = judging.batch(users).gate;
        }
        let popular = rules.score(model, &batch, scores, &mut of_batch);
        for (row, user) in users.iter().enumerate().filter(|(row, _)| !popular[*row]) {
            ranked.push(*user);
            shares.extend_from_slice(if experts > 1 { &of_batch[row * experts..][..experts] } else { &[] });
        }
        Ok::<(), Infallible>(())
    };
    let (masked, open) = evaluate_both(&judgement, &known, &mut score, progress)?;
    let served = if probe == Some(Probe::Validation) && request == Request::default() {
        let mask: &[&Rows] = if config.mask_validation { &all } else { &known };
        let batcher = Batcher { probe: Some(Probe::History), ..batcher };
        let mut score = |users: &[u32], scores: &mut [f32]| {
            rules.score(model, &batcher.batch(users), scores, &mut []);
            Ok::<(), Infallible>(())
        };
        Some(evaluate(&Judgement { mask, ..judgement }, &mut score, progress)?)
    } else {
        None
    };
    let seconds = watch.seconds();
    let lengths: Vec<usize> = data.train.iter().map(<[u32]>::len).collect();
    let (measured, other) = if config.mask_validation { (masked, open) } else { (open, masked) };
    let n = config.resamples;
    let mut summary = summarise(name, kind, &measured, Some(&other), &groupings, &lengths, relevant, seed, n);
    if !config.mask_validation {
        main_is_unmasked(&mut summary);
    }
    summary.gate = (experts > 1).then(|| gate(&shares, &ranked, groupings.first(), data.train.len()));
    summary.seconds.insert("evaluate".into(), seconds);
    summary.protocol.part = request.part.name().into();
    summary.protocol.items = items;
    summary.protocol.mask_validation = config.mask_validation && request.part == Part::Test;
    summary.protocol.mask_seen = config.mask_seen;
    summary.protocol.seen = seen_before(data, request.part)
        .map(|seen| users.iter().map(|user| seen.row(*user as usize).len()).sum::<usize>())
        .sum();
    summary.protocol.without_history = users.len() - ranked.len();
    summary.protocol.ties = config.ties.name().into();
    summary.protocol.probe = probe.map_or("", Probe::name).into();
    summary.protocol.unprobed = probe.map(|probe| {
        // Of histories that hold the validation items too, a gate looks at a part of the whole.
        probes::without(probe, histories, &data.validation, users.iter().map(|user| *user as usize))
    });
    summary.protocol.learned_unprobed = probes::in_training(model.probe(), data);
    summary.protocol.learned_probe = model.gate_probe().map_or("", Probe::name).into();
    summary.protocol.stop_probe = probes::in_validation(model, data).map_or("", Probe::name).into();
    summary.metrics_history_probe = served.map(|served| means(&served)).unwrap_or_default();
    summary.protocol.validation_as_input = request.validation_as_input;
    Ok(Evaluated { summary, measured })
}

/// The means over users by name.
fn means(measured: &Measured) -> BTreeMap<String, f64> {
    measured.metrics.iter().map(ToString::to_string).zip(measured.means()).collect()
}

/// Puts the figures in their places where the main ones are those with the validation items left in the lists.
fn main_is_unmasked(summary: &mut RunSummary) {
    let unmasked = summary.metrics.clone();
    summary.metrics_validation_masked = std::mem::replace(&mut summary.metrics_validation_unmasked, unmasked);
    for group in &mut summary.groups {
        let unmasked = group.metrics.iter().map(|(name, estimate)| (name.clone(), estimate.mean)).collect();
        group.metrics_validation_masked = std::mem::replace(&mut group.metrics_validation_unmasked, unmasked);
    }
}

fn gate(shares: &[f32], users: &[u32], grouping: Option<&Grouping>, all: usize) -> GateSummary {
    let everyone = Grouping { by: "all".into(), names: vec!["all".into()], of_user: vec![Some(0); all] };
    gate_summary(shares, users, grouping.unwrap_or(&everyone))
}

/// The configured groupings of the users, and those by the columns of groups that the data was prepared with; where both known and
/// new users have something to find, also by that.
pub fn groupings(data: &HistoryDataset, config: &EvalConfig) -> Result<Vec<Grouping>, Error> {
    let both = [true, false]
        .iter()
        .all(|known| (0..data.test.len()).any(|user| data.learns[user] == *known && !data.test.row(user).is_empty()));
    let asked = config.groups.iter().any(|by| matches!(by, GroupBy::Newness { .. }));
    let newness = (both && !asked).then_some(GroupBy::Newness { parts: 5 });
    let columns = data.columns.iter().map(|column| GroupBy::Column { column: column.name.clone() });
    let columns: Vec<GroupBy> = columns.filter(|by| !config.groups.contains(by)).collect();
    Ok(config.groups.iter().chain(&columns).chain(&newness).map(|by| data.grouping(by)).collect::<Result<_, _>>()?)
}

/// The validation of an epoch: the metrics that early stopping watches, on the validation items.
pub struct Validator<'a> {
    data: &'a HistoryDataset,
    users: Vec<u32>,
    metrics: Vec<MetricAt>,
    grouping: Option<&'a Grouping>,
    popularity: Vec<f32>,
    rules: Rules,
    masks: Vec<&'a Rows>,
    seed: u64,
}

impl<'a> Validator<'a> {
    /// Prepares the validation. `grouping` is the one that is followed over training.
    pub fn new(
        data: &'a HistoryDataset,
        stop: &StopConfig,
        config: &EvalConfig,
        grouping: Option<&'a Grouping>,
        seed: u64,
    ) -> Result<Self, Error> {
        let metrics = stop.metric.names().iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let (users, popularity) = (users_with(&data.validation), popularity(data));
        let (rules, masks) = (Rules::new(data, config), masks(data, config, Part::Validation));
        Ok(Self { data, users, metrics, grouping, popularity, rules, masks, seed })
    }

    /// The scores of the model as it is.
    pub fn validate(&self, model: &dyn HistoryModel) -> Result<Validation, Error> {
        let Self { data, users, metrics, .. } = self;
        let items = data.items.len();
        let (histories, validation) = (&data.train, &data.validation);
        let (probe, split) = (probes::in_validation(model, data), ProbeSplit::default());
        let batcher = Batcher { histories, validation, items, probe, seed: self.seed, split };
        let judgement = Judgement {
            users,
            items,
            mask: &self.masks,
            mask_row: None,
            relevant: &data.validation,
            metrics,
            popularity: &self.popularity,
            ties: self.rules.ties.as_deref(),
            batch: batch(items),
        };
        let mut score = |users: &[u32], scores: &mut [f32]| {
            self.rules.score(model, &batcher.batch(users), scores, &mut []);
            Ok::<(), Infallible>(())
        };
        let measured = evaluate(&judgement, &mut score, &mut adepts_data::progress::silent)?;
        let means = measured.means();
        let of_user = |at: usize| measured.row(at).iter().sum::<f64>() / metrics.len() as f64;
        let mut groups = Vec::new();
        for (index, name) in self.grouping.iter().flat_map(|grouping| grouping.names.iter().enumerate()) {
            let of_group = |user: u32| self.grouping.is_some_and(|g| g.of_user[user as usize] == Some(index as u16));
            let values: Vec<f64> =
                users.iter().enumerate().filter(|(_, user)| of_group(**user)).map(|(at, _)| of_user(at)).collect();
            if !values.is_empty() {
                groups.push((name.clone(), values.iter().sum::<f64>() / values.len() as f64));
            }
        }
        Ok(Validation {
            scores: metrics.iter().map(ToString::to_string).zip(means.iter().copied()).collect(),
            stop: means.iter().sum::<f64>() / means.len() as f64,
            groups,
        })
    }
}
