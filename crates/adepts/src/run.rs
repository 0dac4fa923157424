//! A run directory: everything that answers need, checked before it is used.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use adepts_core::{EpochRecord, HistoryModel, Sizes, Tensors};
use adepts_data::examples::ExampleSet;
use adepts_data::{Dataset, atomic::write_atomically, store::is_prepared};
use adepts_eval::{RunSummary, Summary};
use burn::tensor::Device;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Experiment;
use crate::error::{Error, RunError};
use crate::folder::Settings;

/// The newest format of a run.
pub const FORMAT: u32 = 1;

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
    /// The files that answers depend on, with their sizes and hashes. The training log tells what was, and an evaluation is
    /// written anew by each `adepts evaluate`, so neither is among them.
    pub files: BTreeMap<String, FileMark>,
}

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMark {
    /// Its length.
    pub bytes: u64,
    /// Its hash.
    pub blake3: String,
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
    let model_file = folder.join(MODEL);
    model
        .save()
        .write(&model_file)
        .map_err(|source| Error::Model { path: model_file.clone(), source: source.into() })?;
    data.save(&folder.join(DATA))?;
    let mut files = BTreeMap::new();
    for name in [CONFIG, MODEL] {
        files.insert(name.to_owned(), mark(&folder.join(name))?);
    }
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

/// The most that is read of a configuration, a manifest or an evaluation.
pub(crate) const LARGEST: u64 = 64 << 20;
/// The most that is read of a training log.
const LARGEST_LOG: u64 = 1 << 30;

/// The content of a file of at most this length.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let io = |source| RunError::Io { action: "read", path: path.to_owned(), source };
    let too_long = || RunError::TooLong { path: path.to_owned(), most };
    let file = fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > most {
        return Err(too_long().into());
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most { Err(too_long().into()) } else { Ok(bytes) }
}

pub(crate) fn mark(path: &Path) -> Result<FileMark, Error> {
    let bytes = fs::read(path).map_err(|source| RunError::Io { action: "read", path: path.to_owned(), source })?;
    Ok(FileMark { bytes: bytes.len() as u64, blake3: hash(&bytes) })
}

/// The content of a file that the manifest vouches for; no more is read than it says.
pub(crate) fn checked(folder: &Path, files: &BTreeMap<String, FileMark>, name: &str) -> Result<Vec<u8>, Error> {
    let path = folder.join(name);
    let Some(expected) = files.get(name) else {
        let reason = format!("it does not list {name}");
        return Err(RunError::Damaged { path: folder.join(MANIFEST), reason }.into());
    };
    let io = |source| RunError::Io { action: "read", path: path.clone(), source };
    let file = fs::File::open(&path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length != expected.bytes {
        let (found, expected) = (format!("{length} bytes"), format!("{} bytes", expected.bytes));
        return Err(RunError::Changed { path, found, expected }.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(length).read_to_end(&mut bytes).map_err(io)?;
    let found = hash(&bytes);
    if found != expected.blake3 {
        let (found, expected) = (format!("hash {found}"), expected.blake3.clone());
        return Err(RunError::Changed { path, found, expected }.into());
    }
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> String {
    blake3::Hasher::new().update_rayon(bytes).finalize().to_hex().to_string()
}

impl Run {
    /// Opens a finished run; every file is checked before it is used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = manifest(folder)?;
        let (config, model_file) =
            (checked(folder, &manifest.files, CONFIG)?, checked(folder, &manifest.files, MODEL)?);
        let config_path = folder.join(CONFIG);
        let file = config_path.display().to_string();
        let experiment = Experiment::read(&file, &String::from_utf8_lossy(&config), &[], &|_| None)?;
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
        let config = |source| Error::Config { file: file.clone(), source };
        let (_, recipe) = experiment.recipe().map_err(config)?;
        let sizes = sizes(&experiment, &data);
        recipe.check_sizes(&sizes).map_err(config)?;
        let mut model = recipe.build(&sizes, experiment.seed, &Device::flex().autodiff());
        let path = folder.join(MODEL);
        let loaded = Tensors::parse(&path, &model_file).and_then(|tensors| model.load(&tensors));
        loaded.map_err(|source| Error::Model { path, source: source.into() })?;
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
        let unfinished = folder.join(CONFIG).exists();
        let path = folder.to_owned();
        return Err(if unfinished { RunError::Unfinished { path } } else { RunError::NotARun { path } }.into());
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
