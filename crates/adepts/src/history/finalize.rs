//! The final form of a run of a history model.

use std::collections::BTreeMap;
use std::path::Path;

use adepts_core::{Fit, Probe, Stopwatch};
use adepts_data::{Progress, SplitConfig};
use adepts_eval::RunSummary;
use adepts_train::{Outcome, Training, fit_all};
use burn::tensor::Device;

use super::answers::{TITLES, forgotten};
use super::config::HistoryExperiment;
use super::evaluate;
use super::experiment::{fingerprint, learned_rows, learners};
use super::request::{ProbeChoice, Request};
use super::run::{self, HistoryRun, HistoryRunManifest};
use super::save::finish_with;
use crate::error::Error;
use crate::family::{FinalOf, refuse};
use crate::files::{ANSWERS, EVALUATED, checked, write_marked};
use crate::finalize::common::{self, Finalized, begin, claim, finished, name, write_figures};
use crate::folder::{self as place, make};
use crate::manifest::{self, Beside};
use crate::pages::identity;
use crate::work::{Work, check_memory};

/// Trains the final form of the run in `source`.
pub(crate) fn run(source: &Path, folder: &Path, work: &mut Work<'_>) -> Result<Finalized, Error> {
    if let Some(done) = done_before(source, folder, work)? {
        return Ok(done);
    }
    let HistoryRun { manifest, experiment: evaluated, data: cut, .. } = opened(source)?;
    let data = cut.whole(evaluated.seed);
    let parts = [&cut.train, &cut.validation, &cut.test].map(|part| part.pairs() as u64);
    let split = kind_of(&cut.manifest.split);
    drop(cut);
    let experiment = settings(&evaluated, &manifest, folder)?;
    let of = FinalOf {
        run: evaluated.name.clone(),
        folder: source.display().to_string(),
        manifest: identity(&manifest),
        split,
        parts,
        epochs: manifest.epochs.map(|(_, epochs)| epochs),
        probe: (evaluated.model != experiment.model).then(|| Probe::Validation.name().to_owned()),
    };
    let rows = data.train.pairs() as u64;
    let config = |source| Error::Config { file: experiment.name.clone(), source };
    let (_, recipe) = experiment.recipe().map_err(config)?;
    let sizes = run::sizes(&experiment, &data);
    recipe.check_sizes(&sizes).map_err(config)?;
    check_memory(&recipe.memory(&sizes), work)?;

    claim(folder, &experiment, work)?;
    // Of a final model whose histories were forgotten, and those of the run were to follow.
    let same = |then: &FinalOf| {
        then.manifest == of.manifest || forgotten(source).is_ok_and(|manifest| identity(&manifest) == then.manifest)
    };
    if !work.overwrite
        && let Some(then) = finished::<HistoryExperiment>(folder, source, same, Some(&data.manifest.content_hash))?
    {
        return as_it_is(folder, then, of);
    }
    let figures = figures(source, &of, work.progress)?;
    // While it is trained the titles of the run may be replaced.
    let titles = titles(source, &manifest)?;
    let mut model = recipe.build(&sizes, experiment.seed, &Device::flex().autodiff());
    let watch = Stopwatch::start();
    let (mut epochs, mut trained) = (None, None);
    if let Fit::Closed(closed) = model.fit() {
        closed.fit(&learned_rows(&data), work.progress)?;
    } else {
        let groupings = evaluate::groupings(&data, &experiment.eval)?;
        let (learners, fingerprint) = (learners(&data), fingerprint(&experiment, &data, &*model));
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
        begin(source, None, folder, &experiment, work)?;
        match fit_all(&mut *model, &training, work.observer, work.stop)? {
            Outcome::Finished(summary) => {
                epochs = Some(summary.epochs);
                trained = Some(summary.train_seconds);
            }
            Outcome::Interrupted { epoch, batch } => {
                return Err(Error::Interrupted { folder: folder.to_owned(), epoch, batch });
            }
        }
    }
    let seconds = BTreeMap::from([("train".to_owned(), trained.unwrap_or_else(|| watch.seconds()))]);
    // A closed form leaves nothing that could be continued, so its folder is begun when all is known.
    if epochs.is_none() {
        begin(source, None, folder, &experiment, work)?;
    }
    make(&folder.join(ANSWERS))?;
    let write = |(name, bytes): (String, Vec<u8>)| Ok((name.clone(), write_marked(&folder.join(&name), &bytes)?));
    let mut files = titles.into_iter().map(write).collect::<Result<BTreeMap<_, _>, Error>>()?;
    files.insert(EVALUATED.to_owned(), write_figures(folder, &figures)?);
    let beside = Beside { final_of: Some(of.clone()), files };
    let both = epochs.map(|epochs| (epochs, epochs));
    finish_with(folder, &experiment, &data, &*model, both, seconds, beside)?;
    place::tidy(folder)?;
    Ok(Finalized { of, rows, epochs, figures })
}

/// The final model of a run whose histories are forgotten, where it was finished before.
fn done_before(source: &Path, folder: &Path, work: &Work<'_>) -> Result<Option<Finalized>, Error> {
    let manifest = run::manifest(source)?;
    if manifest.histories || !work.resume {
        return Ok(None);
    }
    let hash = identity(&manifest);
    let Some(then) = finished::<HistoryExperiment>(folder, source, |then| then.manifest == hash, None)? else {
        return Ok(None);
    };
    let Some(of) = then.final_of.clone() else { return Ok(None) };
    as_it_is(folder, then, of).map(Some)
}

/// The final model that is finished already.
fn as_it_is(folder: &Path, then: HistoryRunManifest, of: FinalOf) -> Result<Finalized, Error> {
    place::tidy(folder)?;
    let (rows, epochs) = (then.pairs as u64, then.epochs.map(|(epochs, _)| epochs));
    Ok(Finalized { of: then.final_of.unwrap_or(of), rows, epochs, figures: common::figures(folder)? })
}

/// The evaluated run, if a final model can be made of it.
fn opened(source: &Path) -> Result<HistoryRun, Error> {
    let manifest = run::manifest(source)?;
    refuse(source, manifest.final_of.as_ref())?;
    if !manifest.histories {
        return Err(Error::Request(format!(
            "{} was made without histories, so there is nothing to train on; train it again with `--final DIR`, which \
             trains the final model before they are taken out",
            source.display()
        )));
    }
    HistoryRun::open(source)
}

/// What the final form is trained with: the settings of the run and its best number of epochs, and gates and weights that
/// look at histories where those of the run look at held-out items.
fn settings(
    evaluated: &HistoryExperiment,
    manifest: &HistoryRunManifest,
    folder: &Path,
) -> Result<HistoryExperiment, Error> {
    let mut settings = evaluated.clone();
    settings.name = name(folder, &evaluated.name);
    settings.split = SplitConfig::All {};
    if let Some((best, _)) = manifest.epochs {
        settings.train.epochs = best;
    }
    for part in ["gate", "weights"] {
        let part = settings.model.get_mut(part).and_then(toml::Value::as_table_mut);
        if let Some(probe) = part.and_then(|part| part.get_mut("probe")) {
            *probe = Probe::History.name().into();
        }
    }
    // What is written is what is trained with, so that it is the same when the run is opened.
    HistoryExperiment::read(&settings.name, &settings.to_toml(), &[], &|_| None)
}

/// The name of the kind of a split.
fn kind_of(split: &SplitConfig) -> String {
    let table = toml::Table::try_from(split).unwrap_or_default();
    table.get("kind").and_then(toml::Value::as_str).unwrap_or_default().to_owned()
}

/// The figures of the run that are repeated: its own, or where its gate or weights look at held-out items those that it has
/// when they look at histories, as they do in the final model.
fn figures(source: &Path, of: &FinalOf, progress: Progress<'_>) -> Result<RunSummary, Error> {
    if of.probe.is_none() {
        return manifest::evaluation(source);
    }
    let request = Request { probe: ProbeChoice::At(Probe::History), ..Request::default() };
    Ok(HistoryRun::open(source)?.evaluate(request, progress)?.summary)
}

/// The titles of the run, whose items are those of the final model: the names of their files and what is in them.
fn titles(source: &Path, manifest: &HistoryRunManifest) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let names = manifest.files.keys().filter(|name| name.starts_with(TITLES));
    names.map(|name| Ok((name.clone(), checked(source, &manifest.files, name)?))).collect()
}
