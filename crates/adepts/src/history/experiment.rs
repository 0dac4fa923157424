//! An experiment on one page: prepare → build → fit → evaluate → save.

use std::collections::BTreeMap;
use std::path::Path;

use adepts_core::memory::elements;
use adepts_core::{Fit, HistoryModel, HistoryRecipe, HistorySizes, Memory, Probe, ProbeSplit, Stopwatch};
use adepts_data::store::is_prepared;
use adepts_data::tabular::{TabularDataset, TabularError};
use adepts_data::{DataError, HistoryDataset, Rows, prepare::open_or_prepare};
use adepts_eval::{RunSummary, Summary};
use adepts_train::{Fingerprint, Outcome, Training, fit};
use burn::tensor::Device;

use super::config::HistoryExperiment;
use super::evaluate::{self, Evaluated, Validator};
use super::request::Request;
use super::{probes, report, run, save};
use crate::error::Error;
use crate::files::{REPORT, write_json};
use crate::folder as place;
use crate::manifest::finished;
use crate::part::batch;
use crate::work::{Work, check_memory};

/// Does an experiment and leaves a finished run in `folder`. One that is to be continued and is finished already is left as
/// it is, and its evaluation returned.
pub fn run(experiment: &HistoryExperiment, folder: &Path, work: &mut Work<'_>) -> Result<RunSummary, Error> {
    let _lock = place::lock(folder)?;
    place::check(folder, work.resume, work.overwrite)?;
    if work.overwrite {
        place::spare_source(&experiment.data, &place::FILES.map(|name| folder.join(name)))?;
    }
    if TabularDataset::is_prepared(Path::new(&experiment.data.source)) {
        let (path, found) = (experiment.data.source.clone().into(), "tabular data".to_owned());
        let expected = "histories";
        return Err(DataError::from(TabularError::OtherFamily { path, found, expected }).into());
    }
    let watch = Stopwatch::start();
    let data = open_or_prepare(&experiment.data, &experiment.split, experiment.seed, work.progress)?;
    let prepared = watch.seconds();
    // A prepared folder was filtered and cut in its own way, which the run's configuration has to tell.
    let mut experiment = experiment.clone();
    experiment.data.filter = data.manifest.data.filter.clone();
    experiment.split = data.manifest.split.clone();
    if !is_prepared(Path::new(&experiment.data.source)) {
        experiment.data.delimiter.clone_from(&data.manifest.data.delimiter);
        experiment.data.header = data.manifest.data.header;
    }
    run_on(&experiment, &data, prepared, folder, work)
}

/// As [`run()`], on data that is in memory.
pub fn run_on(
    experiment: &HistoryExperiment,
    data: &HistoryDataset,
    prepared: f64,
    folder: &Path,
    work: &mut Work<'_>,
) -> Result<RunSummary, Error> {
    let _lock = place::lock(folder)?;
    let config = |source| Error::Config { file: experiment.name.clone(), source };
    let (spec, recipe) = experiment.recipe().map_err(config)?;
    let sizes = run::sizes(experiment, data);
    recipe.check_sizes(&sizes).map_err(config)?;
    check_memory(&memory(&*recipe, &sizes), work)?;

    place::claim(folder, experiment, work.resume, work.overwrite)?;
    if !work.overwrite
        && let Some(summary) = finished::<HistoryExperiment>(folder, &data.manifest.content_hash)?
    {
        place::tidy(folder)?;
        return Ok(summary);
    }
    let mut model = recipe.build(&sizes, experiment.seed, &Device::flex().autodiff());
    if let Some(told) = probes::warning(&recipe.resolved(), model.probe(), data) {
        work.observer.note(&told);
    }

    let watch = Stopwatch::start();
    let (mut epochs, mut trained) = (None, None);
    if let Fit::Closed(closed) = model.fit() {
        let rows = learned_rows(data);
        closed.fit(&rows, work.progress)?;
    } else {
        let groupings = evaluate::groupings(data, &experiment.eval)?;
        let validator =
            Validator::new(data, &experiment.train.stop, &experiment.eval, groupings.first(), experiment.seed)?;
        let learners = learners(data);
        let fingerprint = fingerprint(experiment, data, &*model);
        let training = Training {
            config: &experiment.train,
            seed: experiment.seed,
            train: &data.train,
            validation: &data.validation,
            items: data.items.len(),
            learners: &learners,
            mainstream: &data.mainstream,
            groups: groupings.first(),
            folder,
            fingerprint: &fingerprint,
            checkpoint_every: work.checkpoint_every,
            resume: work.resume,
        };
        place::begin(folder, experiment, work.resume, work.overwrite)?;
        let validate = &mut |model: &dyn HistoryModel| validator.validate(model).map_err(Into::into);
        match fit(&mut *model, &training, validate, work.observer, work.stop)? {
            Outcome::Finished(summary) => {
                epochs = Some((summary.best_epoch, summary.epochs));
                trained = Some(summary.train_seconds + summary.eval_seconds);
            }
            Outcome::Interrupted { epoch, batch } => {
                return Err(Error::Interrupted { folder: folder.to_owned(), epoch, batch });
            }
        }
    }
    let mut seconds = BTreeMap::from([("prepare".to_owned(), prepared)]);
    seconds.insert("train".to_owned(), trained.unwrap_or_else(|| watch.seconds()));

    let Evaluated { mut summary, measured } = evaluate::test(
        &experiment.name,
        spec.name,
        &*model,
        data,
        &experiment.eval,
        experiment.seed,
        ProbeSplit::default(),
        Request::default(),
        work.progress,
    )?;
    summary.seconds.extend(seconds.clone());
    // A closed form leaves nothing that could be continued, so its folder is begun when all is known.
    if epochs.is_none() {
        place::begin(folder, experiment, work.resume, work.overwrite)?;
    }
    report::write_figures(folder, &measured, data, &experiment.eval)?;
    write_json(&folder.join(REPORT), &Summary { runs: vec![summary.clone()] })?;
    save::finish(folder, experiment, data, &*model, epochs, seconds)?;
    place::tidy(folder)?;
    Ok(summary)
}

/// What an experiment will take in memory: its model, and the scores that are ranked at once, which a model may hold too
/// before it hands them over.
#[must_use]
pub fn memory(recipe: &dyn HistoryRecipe, sizes: &HistorySizes) -> Memory {
    let rows = batch(sizes.items).min(sizes.users);
    recipe.memory(sizes).floats("scores that are ranked", elements(&[2, rows, sizes.items]))
}

/// The users that may be learned from and have something to teach.
pub(crate) fn learners(data: &HistoryDataset) -> Vec<u32> {
    let teaches = |user: &u32| data.learns[*user as usize] && !data.train.row(*user as usize).is_empty();
    (0..data.users.len() as u32).filter(teaches).collect()
}

/// The training rows, empty for users that may not be learned from.
pub(crate) fn learned_rows(data: &HistoryDataset) -> Rows {
    let row = |user: usize| if data.learns[user] { data.train.row(user) } else { &[] };
    Rows::from_lists((0..data.users.len()).map(row))
}

pub(crate) fn fingerprint(
    experiment: &HistoryExperiment,
    data: &HistoryDataset,
    model: &dyn HistoryModel,
) -> Fingerprint {
    let of_all = Fingerprint::default()
        .with("seed", &experiment.seed)
        .with("data", &data.manifest.content_hash)
        .with("model", &experiment.model)
        .with("train", &experiment.train);
    // What was trained with another split of histories cannot go on with this one.
    match model.probe() {
        Some(Probe::History) => of_all.with("split of histories for the gate", &ProbeSplit::default()),
        _ => of_all,
    }
}
