//! The run folder of a ranker: the layout of every run, with prepared tabular data as its data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adepts_core::{EpochRecord, TabularModel, TabularSizes};
use adepts_data::Part;
use adepts_data::tabular::{Schema, TabularDataset, TabularSplit};
use adepts_eval::Summary;
use adepts_train::{TablesConfig, TrainConfig};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::config::TabularExperiment;
use crate::error::{Error, RunError};
use crate::family::{FinalOf, Settings};
use crate::files::{
    CONFIG, DATA, FileMark, LARGEST, MANIFEST, MODEL, checked, checked_tensors, mark, read, write_json,
};
use crate::manifest::{self, Beside, FORMAT};

/// `manifest.json`: written last, so that a folder with it is a finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabularRunManifest {
    /// Version of the format.
    pub format: u32,
    /// Version of adepts.
    pub adepts: String,
    /// `examples`, which no run of another family says.
    pub family: String,
    /// The model.
    pub model: String,
    /// Training rows.
    pub rows: usize,
    /// Hash of the data that it was trained on.
    pub data: String,
    /// The epoch whose parameters are kept, and the number of epochs.
    pub epochs: (usize, usize),
    /// Seconds spent in `prepare` and `train`.
    pub seconds: BTreeMap<String, f64>,
    /// The evaluated run that it is the final form of; absent where it was evaluated itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_of: Option<FinalOf>,
    /// The files with their sizes and hashes.
    pub files: BTreeMap<String, FileMark>,
}

/// The family as run folders name it.
const FAMILY: &str = "examples";

/// A finished run of a ranker.
pub struct TabularRun {
    /// The folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: TabularRunManifest,
    /// Its configuration, resolved.
    pub experiment: TabularExperiment,
    /// The rows that it was trained on, with what was held out.
    pub data: TabularDataset,
    /// The trained model.
    pub model: Box<dyn TabularModel>,
}

/// What a model is built for.
#[must_use]
pub fn sizes(experiment: &TabularExperiment, data: &TabularDataset) -> TabularSizes {
    sizes_of(experiment, data.schema(), data.rows(Part::Train))
}

/// What a model is built for, by its columns and the number of rows that it learns from.
pub(super) fn sizes_of(experiment: &TabularExperiment, schema: &Schema, rows: usize) -> TabularSizes {
    let TrainConfig { batch, tables, .. } = &experiment.train;
    let lazy = tables.as_ref().map(TablesConfig::lazy).unwrap_or_default();
    TabularSizes { schema: schema.clone(), rows, batch: (*batch).min(rows), lazy }
}

/// Writes what a finished run needs; the manifest last.
pub(super) fn finish(
    folder: &Path,
    experiment: &TabularExperiment,
    data: &TabularDataset,
    model: &dyn TabularModel,
    epochs: (usize, usize),
    seconds: BTreeMap<String, f64>,
    beside: Beside,
) -> Result<(), Error> {
    let path = folder.join(MODEL);
    model.save().write(&path).map_err(|source| Error::Model { path, source: source.into() })?;
    if data.folder() != folder.join(DATA) {
        let copied = data.copy_to(&folder.join(DATA))?;
        if copied.manifest().content_hash != data.manifest().content_hash {
            let path = data.folder().to_owned();
            let (found, expected) = (&copied.manifest().content_hash, &data.manifest().content_hash);
            let (found, expected) = (format!("the content {found}"), format!("{expected} when training began"));
            return Err(RunError::Changed { path, found, expected }.into());
        }
    }
    let Beside { final_of, mut files } = beside;
    for name in [CONFIG, MODEL] {
        files.insert(name.to_owned(), mark(&folder.join(name))?);
    }
    let manifest = TabularRunManifest {
        format: FORMAT,
        adepts: env!("CARGO_PKG_VERSION").to_owned(),
        family: FAMILY.to_owned(),
        model: experiment.kind().to_owned(),
        rows: data.rows(Part::Train),
        data: data.manifest().content_hash.clone(),
        epochs,
        seconds,
        final_of,
        files,
    };
    write_json(&folder.join(MANIFEST), &manifest)
}

/// What a finished run says of itself.
pub fn manifest(folder: &Path) -> Result<TabularRunManifest, Error> {
    manifest::manifest_of(folder, Some(FAMILY))
}

/// The configuration of a finished run, whose manifest vouches for it.
pub(super) fn checked_experiment(folder: &Path, manifest: &TabularRunManifest) -> Result<TabularExperiment, Error> {
    let config = checked(folder, &manifest.files, CONFIG)?;
    TabularExperiment::resolved(&folder.join(CONFIG).display().to_string(), &String::from_utf8_lossy(&config))
}

/// The configuration of a run, resolved.
pub fn experiment(folder: &Path) -> Result<TabularExperiment, Error> {
    let path = folder.join(CONFIG);
    let text = read(&path, LARGEST)?;
    TabularExperiment::resolved(&path.display().to_string(), &String::from_utf8_lossy(&text))
}

impl TabularRun {
    /// Opens a finished run; every file is checked before it is used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = self::manifest(folder)?;
        let experiment = checked_experiment(folder, &manifest)?;
        let file = folder.join(CONFIG).display().to_string();
        let data = TabularDataset::open(&folder.join(DATA))?;
        // Nothing is built before these agree: sizes decide what is allocated.
        let as_found = (experiment.kind(), data.rows(Part::Train), data.manifest().content_hash.as_str());
        let as_recorded = (manifest.model.as_str(), manifest.rows, manifest.data.as_str());
        if as_found != as_recorded {
            let of = |(model, rows, hash): (&str, usize, &str)| {
                format!("the model {model} and data {hash} of {rows} training rows")
            };
            let (found, expected) = (of(as_found), of(as_recorded));
            return Err(RunError::Changed { path: folder.to_owned(), found, expected }.into());
        }
        let (_, recipe) = experiment.recipe().map_err(|source| Error::Config { file, source })?;
        let mut model = recipe.build(&sizes(&experiment, &data), experiment.seed, &Device::flex().autodiff());
        let path = folder.join(MODEL);
        let loaded = model.load(&checked_tensors(folder, &manifest.files, MODEL)?);
        loaded.map_err(|source| Error::Model { path, source: source.into() })?;
        Ok(Self { folder: folder.to_owned(), manifest, experiment, data, model })
    }

    /// Its training log.
    pub fn epochs(&self) -> Result<Vec<EpochRecord>, Error> {
        manifest::epochs(&self.folder)
    }

    /// Its last evaluation, if there was one.
    pub fn summary(&self) -> Result<Option<Summary>, Error> {
        manifest::summary(&self.folder)
    }
}

impl Settings for TabularExperiment {
    type Manifest = TabularRunManifest;

    fn to_toml(&self) -> String {
        self.to_toml()
    }

    fn of_run(folder: &Path) -> Result<Self, Error> {
        experiment(folder)
    }

    fn manifest(folder: &Path) -> Result<TabularRunManifest, Error> {
        manifest(folder)
    }

    fn data_of(manifest: &TabularRunManifest) -> &str {
        &manifest.data
    }

    fn final_of(manifest: &TabularRunManifest) -> Option<&FinalOf> {
        manifest.final_of.as_ref()
    }

    fn kind(&self) -> &str {
        self.kind()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn seeds(&self) -> (u64, Option<u64>) {
        let split = match self.split {
            TabularSplit::Random { seed, .. } | TabularSplit::Users { seed, .. } => seed,
            TabularSplit::Temporal { .. } | TabularSplit::All {} => None,
        };
        (self.seed, split)
    }
}
