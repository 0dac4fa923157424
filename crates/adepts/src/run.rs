//! A run directory: everything that answers need, checked before it is used.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use adepts_core::{EpochRecord, HistoryModel, Sizes, Tensors};
use adepts_data::{Dataset, atomic::write_atomically};
use adepts_eval::Summary;
use adepts_train::Fingerprint;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::config::Experiment;
use crate::error::{Error, RunError};

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
    /// The files with their sizes and hashes.
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
const CONFIG: &str = "config.toml";
const MODEL: &str = "model.safetensors";
const MANIFEST: &str = "manifest.json";
/// The result of the evaluation in a run.
pub const REPORT: &str = "report.json";
/// Every test user's own figures in a run.
pub const PER_USER: &str = "per_user.parquet";
/// The training log in a run.
pub const EPOCHS: &str = "epochs.jsonl";

/// Makes a folder ready for a run: it must be new or empty, unless it is to be continued or replaced.
pub fn claim(folder: &Path, resume: bool, overwrite: bool) -> Result<(), Error> {
    let io = |action: &'static str| move |source| RunError::Io { action, path: folder.to_owned(), source };
    let occupied = folder.exists() && fs::read_dir(folder).map_err(io("read"))?.next().is_some();
    if occupied && overwrite {
        if !folder.join(MANIFEST).exists() && !folder.join(CONFIG).exists() {
            return Err(Error::Request(format!("{} is not a run; it is not overwritten", folder.display())));
        }
        fs::remove_dir_all(folder).map_err(io("remove"))?;
    } else if occupied && !resume {
        return Err(RunError::Exists { path: folder.to_owned() }.into());
    }
    fs::create_dir_all(folder).map_err(io("create"))?;
    Ok(())
}

/// Writes the configuration at the start of a run. One that is resumed must have it already, but for the place of the data.
pub fn begin(folder: &Path, experiment: &Experiment, resume: bool) -> Result<(), Error> {
    if resume && folder.join(CONFIG).exists() {
        let of = |experiment: &Experiment| {
            let mut table: toml::Table = experiment.to_toml().parse().expect("a configuration is a table");
            table.get_mut("data").and_then(toml::Value::as_table_mut).and_then(|data| data.remove("source"));
            table.iter().fold(Fingerprint::default(), |print, (key, value)| print.with(key, value))
        };
        let differences = of(&self::experiment(folder)?).differences(&of(experiment));
        if !differences.is_empty() {
            let (folder, differences) = (folder.display(), differences.join("; "));
            return Err(Error::Request(format!("{folder} was begun with other settings: {differences}")));
        }
    }
    Ok(write_atomically(&folder.join(CONFIG), |out| out.write_all(experiment.to_toml().as_bytes()))?)
}

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
    model.save().write(&model_file).map_err(|source| Error::Model { path: model_file.clone(), source })?;
    data.save(&folder.join(DATA))?;
    let mut files = BTreeMap::new();
    for name in [CONFIG, MODEL] {
        files.insert(name.to_owned(), mark(&folder.join(name))?.0);
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
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).expect("results are JSON");
    Ok(write_atomically(path, |out| writeln!(out, "{text}"))?)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| RunError::Io { action: "read", path: path.to_owned(), source }.into())
}

fn mark(path: &Path) -> Result<(FileMark, Vec<u8>), Error> {
    let bytes = read(path)?;
    let blake3 = blake3::Hasher::new().update_rayon(&bytes).finalize().to_hex().to_string();
    Ok((FileMark { bytes: bytes.len() as u64, blake3 }, bytes))
}

impl Run {
    /// Opens a finished run; every file is checked before it is used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let manifest = manifest(folder)?;
        let mut contents = BTreeMap::new();
        for (name, expected) in &manifest.files {
            let path = folder.join(name);
            let (found, bytes) = mark(&path)?;
            if found.bytes != expected.bytes {
                let (found, expected) = (format!("{} bytes", found.bytes), format!("{} bytes", expected.bytes));
                return Err(RunError::Changed { path, found, expected }.into());
            }
            if found.blake3 != expected.blake3 {
                let (found, expected) = (format!("hash {}", found.blake3), expected.blake3.clone());
                return Err(RunError::Changed { path, found, expected }.into());
            }
            contents.insert(name.as_str(), bytes);
        }
        let missing = |name: &str| RunError::Damaged { path: path.clone(), reason: format!("it does not list {name}") };
        let config = contents.get(CONFIG).ok_or_else(|| missing(CONFIG))?;
        let config_path = folder.join(CONFIG);
        let experiment = Experiment::read(&config_path.display().to_string(), &String::from_utf8_lossy(config), &[], &|_| None)?;
        let data = Dataset::open(&folder.join(DATA))?;
        if data.manifest.content_hash != manifest.data {
            let (found, expected) = (format!("data {}", data.manifest.content_hash), manifest.data.clone());
            return Err(RunError::Changed { path: folder.join(DATA), found, expected }.into());
        }
        let (_, recipe) = experiment.recipe().map_err(|source| Error::Config { file: config_path.display().to_string(), source })?;
        let sizes = Sizes { users: manifest.users, items: manifest.items, pairs: manifest.pairs, batch: experiment.train.batch };
        let mut model = recipe.build(&sizes, experiment.seed, &Device::flex().autodiff());
        let model_path = folder.join(MODEL);
        let bytes = contents.get(MODEL).ok_or_else(|| missing(MODEL))?;
        let loaded = Tensors::parse(&model_path, bytes).and_then(|tensors| model.load(&tensors));
        loaded.map_err(|source| Error::Model { path: model_path, source })?;
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
    Ok(Some(serde_json::from_slice(&read(&path)?).map_err(damaged)?))
}

/// The configuration of a run, resolved.
pub fn experiment(folder: &Path) -> Result<Experiment, Error> {
    let path = folder.join(CONFIG);
    Experiment::read(&path.display().to_string(), &String::from_utf8_lossy(&read(&path)?), &[], &|_| None)
}

/// The training log of a run; empty where there is none.
pub fn epochs(folder: &Path) -> Result<Vec<EpochRecord>, Error> {
    let path = folder.join(EPOCHS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = read(&path)?;
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() }.into();
    lines.map(|line| serde_json::from_slice(line).map_err(damaged)).collect()
}

/// What a finished run says of itself.
pub fn manifest(folder: &Path) -> Result<RunManifest, Error> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let path = folder.join(MANIFEST);
    if !path.exists() {
        let unfinished = folder.join(CONFIG).exists();
        let path = folder.to_owned();
        return Err(if unfinished { RunError::Unfinished { path } } else { RunError::NotARun { path } }.into());
    }
    let bytes = read(&path)?;
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() };
    let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format > FORMAT {
        return Err(RunError::Newer { path, found: format, known: FORMAT }.into());
    }
    Ok(serde_json::from_slice(&bytes).map_err(damaged)?)
}
