//! A run directory: everything that answers need, checked before it is used.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use adepts_core::{EpochRecord, HistoryModel, ProbeSplit, Sizes};
use adepts_data::examples::ExampleSet;
use adepts_data::lock::holder;
use adepts_data::{Dataset, atomic::write_atomically, store::is_prepared};
use adepts_eval::{RunSummary, Summary, Unprobed};
use burn::tensor::Device;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::answers;
use crate::config::Experiment;
use crate::error::{Error, RunError};
use crate::files::{FileMark, LARGEST, LARGEST_LOG, checked, checked_tensors, mark, read, sized};
use crate::finalize::FinalOf;
use crate::folder::Settings;
use crate::probes;

/// The newest format of a run. From 2 on runs of histories hold what answers need beside the data, from 3 on also what users
/// have only seen and the order of items with equal scores.
pub const FORMAT: u32 = 3;

/// `manifest.json`: written last, so that a folder with it is a finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunManifest {
    /// Version of the format.
    pub format: u32,
    /// Version of adepts.
    pub adepts: String,
    /// The model.
    pub model: String,
    /// The sizes it was built for.
    pub users: usize,
    /// Number of items in the catalogue.
    pub items: usize,
    /// Training pairs.
    pub pairs: usize,
    /// Hash of the data that it was trained on.
    pub data: String,
    /// The epoch whose parameters are kept, and the number of epochs; absent for closed forms.
    pub epochs: Option<(usize, usize)>,
    /// Seconds spent in `prepare` and `train`.
    pub seconds: BTreeMap<String, f64>,
    /// Whether it holds the histories of its users.
    #[serde(default = "yes")]
    pub histories: bool,
    /// How the fifth of a history is drawn that a gate looks at; runs of earlier formats do not say it and draw by item.
    #[serde(default = "by_item")]
    pub probe_split: ProbeSplit,
    /// Users that were learned from and for whom gate and row weights had nothing to look at; absent where neither looks at
    /// anything, and in runs of earlier formats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unprobed: Option<Unprobed>,
    /// The evaluated run that it is the final form of; absent where it was evaluated itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_of: Option<FinalOf>,
    /// The files that answers depend on, with their sizes and hashes, and the page of the report, from when it is written. The
    /// training log tells what was, and an evaluation is written anew by each `adepts evaluate`, so neither is among them.
    pub files: BTreeMap<String, FileMark>,
}

fn yes() -> bool {
    true
}

fn by_item() -> ProbeSplit {
    ProbeSplit::ByItem
}

/// A finished run.
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: RunManifest,
    /// Its configuration, resolved.
    pub experiment: Experiment,
    /// The data that it was trained on, with what was held out.
    pub data: Dataset,
    /// The trained model.
    pub model: Box<dyn HistoryModel>,
}

/// The folder of the prepared data in a run.
pub const DATA: &str = "data";
/// The configuration of a run, resolved.
pub const CONFIG: &str = "config.toml";
/// The parameters in a run.
pub const MODEL: &str = "model.safetensors";
/// What a finished run says of itself.
pub const MANIFEST: &str = "manifest.json";
/// The result of the evaluation in a run.
pub const REPORT: &str = "report.json";
/// Every test user's own figures in a run.
pub const PER_USER: &str = "per_user.parquet";
/// The training log in a run.
pub const EPOCHS: &str = "epochs.jsonl";

/// Writes what a finished run needs; the manifest last.
pub fn finish(
    folder: &Path,
    experiment: &Experiment,
    data: &Dataset,
    model: &dyn HistoryModel,
    epochs: Option<(usize, usize)>,
    seconds: BTreeMap<String, f64>,
) -> Result<(), Error> {
    finish_with(folder, experiment, data, model, epochs, seconds, Beside::default())
}

/// What a run may hold beside what every run holds.
#[derive(Default)]
pub(crate) struct Beside {
    /// The run that it is the final form of.
    pub(crate) final_of: Option<FinalOf>,
    /// Files that are written already.
    pub(crate) files: BTreeMap<String, FileMark>,
}

/// As [`finish`], of a run that holds more.
pub(crate) fn finish_with(
    folder: &Path,
    experiment: &Experiment,
    data: &Dataset,
    model: &dyn HistoryModel,
    epochs: Option<(usize, usize)>,
    seconds: BTreeMap<String, f64>,
    beside: Beside,
) -> Result<(), Error> {
    let model_file = folder.join(MODEL);
    model
        .save()
        .write(&model_file)
        .map_err(|source| Error::Model { path: model_file.clone(), source: source.into() })?;
    data.save(&folder.join(DATA))?;
    let Beside { final_of, mut files } = beside;
    for name in [CONFIG, MODEL] {
        files.insert(name.to_owned(), mark(&folder.join(name))?);
    }
    answers::write(folder, data, experiment, &mut files)?;
    let manifest = RunManifest {
        format: FORMAT,
        adepts: env!("CARGO_PKG_VERSION").to_owned(),
        model: experiment.kind().to_owned(),
        users: data.users.len(),
        items: data.items.len(),
        pairs: data.train.pairs(),
        data: data.manifest.content_hash.clone(),
        epochs,
        seconds,
        histories: true,
        probe_split: ProbeSplit::default(),
        unprobed: probes::in_training(model.probe(), data),
        final_of,
        files,
    };
    write_json(&folder.join(MANIFEST), &manifest)
}

/// Writes a value as JSON, atomically.
#[expect(clippy::missing_panics_doc, reason = "it never does")]
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).expect("results are JSON");
    Ok(write_atomically(path, |out| writeln!(out, "{text}"))?)
}

impl Run {
    /// Opens a finished run; every file is checked before it is used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = manifest(folder)?;
        if !manifest.histories {
            return Err(RunError::WithoutHistories { path: folder.to_owned() }.into());
        }
        let experiment = checked_experiment(folder, &manifest)?;
        // What can be told at once is told before the data is read.
        sized(folder, &manifest.files, MODEL)?;
        let data = Dataset::open(&folder.join(DATA))?;
        // Nothing is built before these agree: sizes decide what is allocated.
        let as_found = (experiment.kind(), data.users.len(), data.items.len(), data.train.pairs());
        let as_recorded = (manifest.model.as_str(), manifest.users, manifest.items, manifest.pairs);
        if as_found != as_recorded || data.manifest.content_hash != manifest.data {
            let of = |(model, users, items, pairs): (&str, _, _, _), data: &str| {
                format!("the model {model} and data {data} of {users} users, {items} items and {pairs} training pairs")
            };
            let (found, expected) = (of(as_found, &data.manifest.content_hash), of(as_recorded, &manifest.data));
            return Err(RunError::Changed { path: folder.to_owned(), found, expected }.into());
        }
        let model = restored(folder, &manifest, &experiment)?;
        Ok(Self { folder: folder.to_owned(), manifest, experiment, data, model })
    }

    /// Its training log; empty for closed forms.
    pub fn epochs(&self) -> Result<Vec<EpochRecord>, Error> {
        epochs(&self.folder)
    }

    /// Its last evaluation, if there was one.
    pub fn summary(&self) -> Result<Option<Summary>, Error> {
        summary(&self.folder)
    }
}

/// The configuration of a finished run, whose manifest vouches for it.
pub(crate) fn checked_experiment(folder: &Path, manifest: &RunManifest) -> Result<Experiment, Error> {
    let config = checked(folder, &manifest.files, CONFIG)?;
    let file = folder.join(CONFIG).display().to_string();
    let mut experiment = Experiment::read(&file, &String::from_utf8_lossy(&config), &[], &|_| None)?;
    if manifest.format < 3 {
        experiment.eval.of_before();
    }
    Ok(experiment)
}

/// The trained model of a finished run.
pub(crate) fn restored(
    folder: &Path,
    manifest: &RunManifest,
    experiment: &Experiment,
) -> Result<Box<dyn HistoryModel>, Error> {
    let config = |source| Error::Config { file: folder.join(CONFIG).display().to_string(), source };
    let (_, recipe) = experiment.recipe().map_err(config)?;
    let RunManifest { users, items, pairs, .. } = *manifest;
    let sizes = Sizes { users, items, pairs, batch: experiment.train.batch.min(users) };
    recipe.check_sizes(&sizes).map_err(config)?;
    let tensors = checked_tensors(folder, &manifest.files, MODEL)?;
    let model = recipe.restore(&sizes, experiment.seed, &Device::flex().autodiff(), tensors);
    model.map_err(|source| Error::Model { path: folder.join(MODEL), source: source.into() })
}

/// The last evaluation of a run, if there was one.
pub fn summary(folder: &Path) -> Result<Option<Summary>, Error> {
    let path = folder.join(REPORT);
    if !path.exists() {
        return Ok(None);
    }
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() };
    Ok(Some(serde_json::from_slice(&read(&path, LARGEST)?).map_err(damaged)?))
}

/// The evaluation of a run that is finished already, which must be one on the data of this hash; `None` where training is to
/// go on.
pub fn finished<S: Settings>(folder: &Path, data: &str) -> Result<Option<RunSummary>, Error> {
    let manifest = match S::manifest(folder) {
        Err(Error::Run(RunError::Unfinished { .. } | RunError::NotARun { .. })) => return Ok(None),
        manifest => manifest?,
    };
    if S::data_of(&manifest) != data {
        let folder = folder.display();
        return Err(Error::Request(format!("{folder} is a finished run on other data or another split of it")));
    }
    Ok(Some(evaluation(folder)?))
}

/// The last evaluation of a finished run.
pub fn evaluation(folder: &Path) -> Result<RunSummary, Error> {
    let path = folder.join(REPORT);
    let missing =
        || RunError::Damaged { path, reason: "it holds no evaluation; `adepts evaluate` makes a new one".into() };
    Ok(summary(folder)?.and_then(|summary| summary.runs.into_iter().next()).ok_or_else(missing)?)
}

/// What a model is built for.
#[must_use]
pub fn sizes(experiment: &Experiment, data: &Dataset) -> Sizes {
    let (users, items, pairs) = (data.users.len(), data.items.len(), data.train.pairs());
    Sizes { users, items, pairs, batch: experiment.train.batch.min(users) }
}

/// The configuration of a run, resolved.
pub fn experiment(folder: &Path) -> Result<Experiment, Error> {
    let path = folder.join(CONFIG);
    Experiment::read(&path.display().to_string(), &String::from_utf8_lossy(&read(&path, LARGEST)?), &[], &|_| None)
}

/// The training log of a run; empty where there is none.
pub fn epochs(folder: &Path) -> Result<Vec<EpochRecord>, Error> {
    let path = folder.join(EPOCHS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = read(&path, LARGEST_LOG)?;
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() }.into();
    lines.map(|line| serde_json::from_slice(line).map_err(damaged)).collect()
}

/// What a finished run says of itself.
pub fn manifest(folder: &Path) -> Result<RunManifest, Error> {
    manifest_of(folder, None)
}

/// The manifest of a finished run of a family; those of histories name none.
pub(crate) fn manifest_of<T: DeserializeOwned>(folder: &Path, family: Option<&str>) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        family: Option<String>,
    }
    let path = folder.join(MANIFEST);
    if is_prepared(folder) || ExampleSet::is_prepared(folder) {
        return Err(RunError::Prepared { path: folder.to_owned() }.into());
    }
    if !path.exists() {
        // Who trains a closed form writes nothing but his lock before the end.
        let (path, by) = (folder.to_owned(), holder(folder));
        let unfinished = by.is_some() || folder.join(CONFIG).exists();
        return Err(if unfinished { RunError::Unfinished { path, by } } else { RunError::NotARun { path } }.into());
    }
    let bytes = read(&path, LARGEST)?;
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() };
    let Head { format, family: found } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format > FORMAT {
        return Err(RunError::Newer { path, found: format, known: FORMAT }.into());
    }
    if format == 0 {
        return Err(RunError::Damaged { path, reason: "format 0, expected a whole number from 1".into() }.into());
    }
    if found.as_deref() != family {
        let of = |family: Option<&str>| family.unwrap_or("histories").to_owned();
        let (found, expected) = (of(found.as_deref()), of(family));
        return Err(RunError::Family { path: folder.to_owned(), found, expected }.into());
    }
    Ok(serde_json::from_slice(&bytes).map_err(damaged)?)
}
