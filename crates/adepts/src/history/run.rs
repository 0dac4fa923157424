//! A run directory: everything that answers need, checked before it is used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adepts_core::{EpochRecord, HistoryModel, HistorySizes, ProbeSplit};
use adepts_data::{HistoryDataset, SplitConfig};
use adepts_eval::{Summary, Unprobed};
use adepts_train::TrainConfig;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::config::HistoryExperiment;
use crate::error::{Error, RunError};
use crate::family::{FinalOf, Settings};
use crate::files::{CONFIG, DATA, FileMark, LARGEST, MODEL, checked, checked_tensors, read, sized};
use crate::manifest;

/// `manifest.json`: written last, so that a folder with it is a finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRunManifest {
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
pub struct HistoryRun {
    /// The folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: HistoryRunManifest,
    /// Its configuration, resolved.
    pub experiment: HistoryExperiment,
    /// The data that it was trained on, with what was held out.
    pub data: HistoryDataset,
    /// The trained model.
    pub model: Box<dyn HistoryModel>,
}

impl HistoryRun {
    /// Opens a finished run; every file is checked before it is used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = self::manifest(folder)?;
        if !manifest.histories {
            return Err(RunError::WithoutHistories { path: folder.to_owned() }.into());
        }
        let experiment = checked_experiment(folder, &manifest)?;
        // What can be told at once is told before the data is read.
        sized(folder, &manifest.files, MODEL)?;
        let data = HistoryDataset::open(&folder.join(DATA))?;
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
        manifest::epochs(&self.folder)
    }

    /// Its last evaluation, if there was one.
    pub fn summary(&self) -> Result<Option<Summary>, Error> {
        manifest::summary(&self.folder)
    }
}

/// The configuration of a finished run, whose manifest vouches for it.
pub(crate) fn checked_experiment(folder: &Path, manifest: &HistoryRunManifest) -> Result<HistoryExperiment, Error> {
    let config = checked(folder, &manifest.files, CONFIG)?;
    let file = folder.join(CONFIG).display().to_string();
    let mut experiment = HistoryExperiment::read(&file, &String::from_utf8_lossy(&config), &[], &|_| None)?;
    if manifest.format < 3 {
        experiment.eval.of_before();
    }
    Ok(experiment)
}

/// The trained model of a finished run.
pub(crate) fn restored(
    folder: &Path,
    manifest: &HistoryRunManifest,
    experiment: &HistoryExperiment,
) -> Result<Box<dyn HistoryModel>, Error> {
    let config = |source| Error::Config { file: folder.join(CONFIG).display().to_string(), source };
    let (_, recipe) = experiment.recipe().map_err(config)?;
    let HistoryRunManifest { users, items, pairs, .. } = *manifest;
    let sizes = HistorySizes { users, items, pairs, batch: experiment.train.batch.min(users) };
    recipe.check_sizes(&sizes).map_err(config)?;
    let tensors = checked_tensors(folder, &manifest.files, MODEL)?;
    let model = recipe.restore(&sizes, experiment.seed, &Device::flex().autodiff(), tensors);
    model.map_err(|source| Error::Model { path: folder.join(MODEL), source: source.into() })
}

/// What a model is built for.
#[must_use]
pub fn sizes(experiment: &HistoryExperiment, data: &HistoryDataset) -> HistorySizes {
    let (users, items, pairs) = (data.users.len(), data.items.len(), data.train.pairs());
    HistorySizes { users, items, pairs, batch: experiment.train.batch.min(users) }
}

/// The configuration of a run, resolved.
pub fn experiment(folder: &Path) -> Result<HistoryExperiment, Error> {
    let path = folder.join(CONFIG);
    HistoryExperiment::read(&path.display().to_string(), &String::from_utf8_lossy(&read(&path, LARGEST)?), &[], &|_| {
        None
    })
}

/// What a finished run says of itself.
pub fn manifest(folder: &Path) -> Result<HistoryRunManifest, Error> {
    manifest::manifest_of(folder, None)
}

impl Settings for HistoryExperiment {
    type Manifest = HistoryRunManifest;

    fn to_toml(&self) -> String {
        self.to_toml()
    }

    fn of_run(folder: &Path) -> Result<Self, Error> {
        experiment(folder)
    }

    fn manifest(folder: &Path) -> Result<HistoryRunManifest, Error> {
        manifest(folder)
    }

    fn data_of(manifest: &HistoryRunManifest) -> &str {
        &manifest.data
    }

    fn final_of(manifest: &HistoryRunManifest) -> Option<&FinalOf> {
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
            SplitConfig::Random { seed, .. } | SplitConfig::Users { seed, .. } => seed,
            _ => None,
        };
        (self.seed, split)
    }
}
