//! The final form of a run of a tabular model: its log is read again, and every row is a training row.

use std::collections::BTreeMap;
use std::path::Path;

use adepts_core::{TabularSizes, Towers};
use adepts_data::source::{find_files, is_spent};
use adepts_data::tabular::{TabularConfig, TabularDataset, TabularSplit};
use adepts_data::{Format, Part};
use adepts_eval::RunSummary;
use adepts_train::{Fingerprint, Outcome, TabularTraining, fit_all_tabular};
use burn::tensor::Device;

use super::config::TabularExperiment;
use super::experiment::PROGRAM;
use super::run::{self, TabularRun};
use crate::error::Error;
use crate::family::{FinalOf, refuse};
use crate::files::{DATA, EVALUATED};
use crate::finalize::common::{Finalized, begin, claim, figures, finished, name, write_figures};
use crate::folder as place;
use crate::manifest::{Beside, evaluation};
use crate::pages::identity;
use crate::work::{Work, check_memory};

/// The names under which the data is prepared in the folder before the run is begun: those of the final model, and the
/// parts of the evaluated run, by which the log is found to be the same.
const BESIDE: [&str; 2] = [".preparing-whole", ".preparing-parts"];

/// Trains the final form of the run in `source`, on the log where it was or is now.
pub(crate) fn run(source: &Path, from: Option<&str>, folder: &Path, work: &mut Work<'_>) -> Result<Finalized, Error> {
    refuse(source, run::manifest(source)?.final_of.as_ref())?;
    let TabularRun { manifest, experiment: evaluated, data: cut, .. } = TabularRun::open(source)?;
    let of = FinalOf {
        run: evaluated.name.clone(),
        folder: source.display().to_string(),
        manifest: identity(&manifest),
        split: cut.manifest().split.kind().to_owned(),
        parts: [Part::Train, Part::Validation, Part::Test].map(|part| cut.rows(part) as u64),
        epochs: Some(manifest.epochs.1),
        probe: None,
    };
    let log = TabularConfig {
        source: from.map_or_else(|| cut.manifest().data.source.clone(), str::to_owned),
        ..cut.manifest().data.clone()
    };
    let experiment = settings(&evaluated, &log, manifest.epochs.0, folder)?;
    claim(folder, &experiment, work)?;
    let repeated = evaluation(source)?;
    let held = folder.join(DATA);
    if work.resume && TabularDataset::is_prepared(&held) {
        let data = TabularDataset::open(&held)?;
        let same = |then: &FinalOf| then.manifest == of.manifest;
        if let Some(then) = finished::<TabularExperiment>(folder, source, same, Some(&data.manifest().content_hash))? {
            place::tidy(folder)?;
            let (rows, epochs) = (then.rows as u64, Some(then.epochs.0));
            return Ok(Finalized { of: then.final_of.unwrap_or(of), rows, epochs, figures: figures(folder)? });
        }
        check(&experiment, &data, work)?;
        begin(source, from, folder, &experiment, work)?;
        return train(&experiment, &data, of, repeated, folder, work);
    }
    check_readable(&log, from, source, folder)?;
    if work.overwrite {
        // What is wrong with the log is told when it is read.
        let mut files = find_files(&log.source, log.format).unwrap_or_default();
        let catalogue = log.item.as_ref().and_then(|item| item.catalogue.as_ref());
        files.extend(catalogue.into_iter().flat_map(|of| find_files(of, Format::Auto).unwrap_or_default()));
        let files: Vec<_> = files.into_iter().map(|file| file.path).collect();
        place::spare(&files, &place::FILES.map(|name| folder.join(name)))?;
    }
    place::make(folder)?;
    let prepared = prepare(&log, &cut, &evaluated, source, folder, work).and_then(|()| {
        let data = TabularDataset::open(&folder.join(BESIDE[0]))?;
        check(&experiment, &data, work)
    });
    if let Err(error) = prepared {
        BESIDE.iter().try_for_each(|name| place::clear(folder, name))?;
        return Err(error);
    }
    begin(source, from, folder, &experiment, work)?;
    place::move_into(&folder.join(BESIDE[0]), &held)?;
    train(&experiment, &TabularDataset::open(&held)?, of, repeated, folder, work)
}

/// Refuses a log, or a catalogue, that came through a pipe when the run was trained: it cannot be read again.
fn check_readable(log: &TabularConfig, from: Option<&str>, source: &Path, folder: &Path) -> Result<(), Error> {
    let (run, out) = (source.display(), folder.display());
    if from.is_none() && is_spent(&log.source) {
        return Err(Error::Request(format!(
            "the log of {run} came through a pipe ({}) and cannot be read again, as the final form of a tabular model \
             needs it; say where the log is with `adepts finalize {run} --out {out} --data PATH`",
            log.source
        )));
    }
    let catalogue = log.item.as_ref().and_then(|item| item.catalogue.as_deref());
    if let Some(catalogue) = catalogue.filter(|catalogue| is_spent(catalogue)) {
        return Err(Error::Request(format!(
            "the catalogue of {run} came through a pipe ({catalogue}) and cannot be read again; put it into a file \
             (data.item.catalogue) and train with `adepts train … --final DIR`"
        )));
    }
    Ok(())
}

/// Prepares the whole log, after it was found to be what the run was trained on.
fn prepare(
    log: &TabularConfig,
    cut: &TabularDataset,
    evaluated: &TabularExperiment,
    source: &Path,
    folder: &Path,
    work: &mut Work<'_>,
) -> Result<(), Error> {
    let [whole, parts] = BESIDE.map(|name| folder.join(name));
    let seed = evaluated.seed;
    let told = |error: adepts_data::DataError| match error {
        error @ (adepts_data::DataError::MissingFile { .. } | adepts_data::DataError::NothingMatches { .. }) => {
            Error::Request(format!(
                "{error}: the final form of a tabular model reads the log of {} again, so that it knows all values in \
                 it; say where the log is now with `--data PATH`",
                source.display()
            ))
        }
        error => error.into(),
    };
    let again = TabularDataset::prepare(log, &cut.manifest().split, seed, &parts, work.progress).map_err(told)?;
    let same = again.manifest().same_content(cut.manifest());
    place::remove(&parts)?;
    if !same {
        return Err(Error::Request(format!(
            "{} is not the log that {} was trained on, or is read in another way now: its parts differ; train on it again with `adepts train … --final DIR`",
            log.source,
            source.display()
        )));
    }
    TabularDataset::prepare_whole(log, seed, &whole, work.progress).map_err(told)?;
    Ok(())
}

/// What the final form is trained with: the settings of the run and its best number of epochs.
fn settings(
    evaluated: &TabularExperiment,
    log: &TabularConfig,
    epochs: usize,
    folder: &Path,
) -> Result<TabularExperiment, Error> {
    let mut settings = evaluated.clone();
    settings.name = name(folder, &evaluated.name);
    settings.data = log.clone();
    settings.split = TabularSplit::All {};
    settings.train.epochs = epochs;
    // What is written is what is trained with, so that it is the same when the run is opened.
    TabularExperiment::resolved(&settings.name, &settings.to_toml())
}

/// Whether the model fits on this data.
fn check(experiment: &TabularExperiment, data: &TabularDataset, work: &mut Work<'_>) -> Result<(), Error> {
    let (_, recipe) = experiment.recipe().map_err(|source| Error::Config { file: experiment.name.clone(), source })?;
    let needed = recipe.memory(&run::sizes(experiment, data));
    let needed = needed.bytes("the program and what it reads and writes in pieces", PROGRAM);
    check_memory(&needed.bytes("training rows that are read at once", data.epoch_memory()), work)
}

/// The part after the run was begun and its data prepared.
fn train(
    experiment: &TabularExperiment,
    data: &TabularDataset,
    of: FinalOf,
    figures: RunSummary,
    folder: &Path,
    work: &mut Work<'_>,
) -> Result<Finalized, Error> {
    let config = |source| Error::Config { file: experiment.name.clone(), source };
    let (_, recipe) = experiment.recipe().map_err(config)?;
    let sizes: TabularSizes = run::sizes(experiment, data);
    let mut model = recipe.build(&sizes, experiment.seed, &Device::flex().autodiff());
    let mut fingerprint = Fingerprint::default()
        .with("seed", &experiment.seed)
        .with("data", &data.manifest().content_hash)
        .with("model", &experiment.model)
        .with("train", &experiment.train);
    let mut shares = None;
    if let Some(towers) = &experiment.retrieval {
        fingerprint = fingerprint.with("retrieval", towers);
        let apart = model.towers().is_some_and(Towers::apart);
        shares = towers.correction.then(|| data.shares(apart)).transpose()?;
    }
    let training = TabularTraining {
        config: &experiment.train,
        seed: experiment.seed,
        data,
        shares: shares.as_ref(),
        folder,
        fingerprint: &fingerprint,
        checkpoint_every: work.checkpoint_every,
        resume: work.resume,
    };
    let found = match fit_all_tabular(&mut *model, &training, work.observer, work.stop)? {
        Outcome::Finished(found) => found,
        Outcome::Interrupted { epoch, batch } => {
            return Err(Error::Interrupted { folder: folder.to_owned(), epoch, batch });
        }
    };
    let files = BTreeMap::from([(EVALUATED.to_owned(), write_figures(folder, &figures)?)]);
    let seconds = BTreeMap::from([("train".to_owned(), found.train_seconds)]);
    let beside = Beside { final_of: Some(of.clone()), files };
    run::finish(folder, experiment, data, &*model, (found.epochs, found.epochs), seconds, beside)?;
    place::tidy(folder)?;
    let (rows, epochs) = (data.rows(Part::Train) as u64, Some(found.epochs));
    Ok(Finalized { of, rows, epochs, figures })
}
