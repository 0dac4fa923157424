//! The run folder of a ranker: the layout of every run, with prepared examples as its data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adepts_core::{EpochRecord, ExampleModel, ExampleSizes};
use adepts_data::Part;
use adepts_data::examples::{ExampleSet, Schema};
use adepts_eval::Summary;
use adepts_train::{TablesConfig, TrainConfig};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::config::{RankerExperiment, is_ranker};
use crate::error::{Error, RunError};
use crate::files::{FileMark, LARGEST, checked, checked_tensors, mark, read};
use crate::finalize::FinalOf;
use crate::run::{self, Beside, CONFIG, DATA, FORMAT, MANIFEST, MODEL};

/// The scores of the test examples in a run.
pub const PREDICTIONS: &str = "predictions.parquet";

/// `manifest.json`: written last, so that a folder with it is a finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankerManifest {
    /// Version of the format.
    pub format: u32,
    /// Version of adepts.
    pub adepts: String,
    /// `examples`, which no run of another family says.
    pub family: String,
    /// The model.
    pub model: String,
    /// Training examples.
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

/// The word of this family in manifests.
const FAMILY: &str = "examples";

/// A finished run of a ranker.
pub struct RankerRun {
    /// The folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: RankerManifest,
    /// Its configuration, resolved.
    pub experiment: RankerExperiment,
    /// The examples that it was trained on, with what was held out.
    pub data: ExampleSet,
    /// The trained model.
    pub model: Box<dyn ExampleModel>,
}

/// Whether a folder holds a run of this family, finished or not: its configuration says so.
#[must_use]
pub fn holds_ranker(folder: &Path) -> bool {
    let text = read(&folder.join(CONFIG), LARGEST).ok();
    let table = text.and_then(|text| String::from_utf8_lossy(&text).parse().ok());
    table.is_some_and(|table| is_ranker(&table))
}

/// What a model is built for.
#[must_use]
pub fn sizes(experiment: &RankerExperiment, data: &ExampleSet) -> ExampleSizes {
    sizes_of(experiment, data.schema(), data.rows(Part::Train))
}

/// What a model is built for, by its columns and the number of rows that it learns from.
pub(super) fn sizes_of(experiment: &RankerExperiment, schema: &Schema, rows: usize) -> ExampleSizes {
    let TrainConfig { batch, tables, .. } = &experiment.train;
    let lazy = tables.as_ref().map(TablesConfig::lazy).unwrap_or_default();
    ExampleSizes { schema: schema.clone(), rows, batch: (*batch).min(rows), lazy }
}

/// Writes what a finished run needs; the manifest last.
pub(super) fn finish(
    folder: &Path,
    experiment: &RankerExperiment,
    data: &ExampleSet,
    model: &dyn ExampleModel,
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
    let manifest = RankerManifest {
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
    run::write_json(&folder.join(MANIFEST), &manifest)
}

/// What a finished run says of itself.
pub fn manifest(folder: &Path) -> Result<RankerManifest, Error> {
    run::manifest_of(folder, Some(FAMILY))
}

/// The configuration of a finished run, whose manifest vouches for it.
pub(super) fn checked_experiment(folder: &Path, manifest: &RankerManifest) -> Result<RankerExperiment, Error> {
    let config = checked(folder, &manifest.files, CONFIG)?;
    RankerExperiment::resolved(&folder.join(CONFIG).display().to_string(), &String::from_utf8_lossy(&config))
}

/// The configuration of a run, resolved.
pub fn experiment(folder: &Path) -> Result<RankerExperiment, Error> {
    let path = folder.join(CONFIG);
    let text = read(&path, LARGEST)?;
    RankerExperiment::resolved(&path.display().to_string(), &String::from_utf8_lossy(&text))
}

impl RankerRun {
    /// Opens a finished run; every file is checked before it is used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = manifest(folder)?;
        let experiment = checked_experiment(folder, &manifest)?;
        let file = folder.join(CONFIG).display().to_string();
        let data = ExampleSet::open(&folder.join(DATA))?;
        // Nothing is built before these agree: sizes decide what is allocated.
        let as_found = (experiment.kind(), data.rows(Part::Train), data.manifest().content_hash.as_str());
        let as_recorded = (manifest.model.as_str(), manifest.rows, manifest.data.as_str());
        if as_found != as_recorded {
            let of = |(model, rows, hash): (&str, usize, &str)| {
                format!("the model {model} and data {hash} of {rows} training examples")
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
        run::epochs(&self.folder)
    }

    /// Its last evaluation, if there was one.
    pub fn summary(&self) -> Result<Option<Summary>, Error> {
        run::summary(&self.folder)
    }
}
