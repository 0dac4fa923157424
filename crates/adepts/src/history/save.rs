//! Writes what a finished run needs.

use std::collections::BTreeMap;
use std::path::Path;

use adepts_core::{HistoryModel, ProbeSplit};
use adepts_data::HistoryDataset;

use super::config::HistoryExperiment;
use super::run::HistoryRunManifest;
use super::{answers, probes};
use crate::error::Error;
use crate::files::{CONFIG, DATA, MANIFEST, MODEL, mark, write_json};
use crate::manifest::{Beside, FORMAT};

/// Writes what a finished run needs; the manifest last.
pub(super) fn finish(
    folder: &Path,
    experiment: &HistoryExperiment,
    data: &HistoryDataset,
    model: &dyn HistoryModel,
    epochs: Option<(usize, usize)>,
    seconds: BTreeMap<String, f64>,
) -> Result<(), Error> {
    finish_with(folder, experiment, data, model, epochs, seconds, Beside::default())
}

/// As [`finish`], of a run that holds more.
pub(crate) fn finish_with(
    folder: &Path,
    experiment: &HistoryExperiment,
    data: &HistoryDataset,
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
    let manifest = HistoryRunManifest {
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
