//! Finished runs as their files tell, without their models.

use std::path::{Path, PathBuf};

use adepts_core::EpochRecord;
use adepts_eval::RunSummary;
use adepts_report::{Limits, RunInput};
use adepts_train::TrainConfig;

use crate::error::Error;
use crate::family::{Settings, refuse};
use crate::manifest;

/// A finished run as its files tell, without its model.
#[derive(Clone, Debug)]
pub struct Record<S: Settings> {
    /// The folder.
    pub folder: PathBuf,
    /// Its name, unlike those of the runs beside it.
    pub name: String,
    /// What it says of itself.
    pub manifest: S::Manifest,
    /// Its configuration.
    pub experiment: S,
    /// Its last evaluation.
    pub summary: RunSummary,
    /// Its training log.
    pub epochs: Vec<EpochRecord>,
}

impl<S: Settings> Record<S> {
    /// Reads a finished run.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let said = S::manifest(folder)?;
        refuse(folder, S::final_of(&said))?;
        let (experiment, summary) = (S::of_run(folder)?, manifest::evaluation(folder)?);
        let (folder, name, epochs) = (folder.to_owned(), experiment.name().to_owned(), manifest::epochs(folder)?);
        Ok(Self { folder, name, manifest: said, experiment, summary, epochs })
    }

    /// What the page shows of it.
    pub(crate) fn shown(&self) -> RunInput {
        let TrainConfig { epochs, stop, .. } = self.experiment.train();
        let limits = Limits { epochs: *epochs, patience: stop.patience };
        let limits = (!self.epochs.is_empty()).then_some(limits);
        RunInput { summary: self.summary.clone(), epochs: self.epochs.clone(), limits }
    }
}

/// Reads finished runs and tells them apart: by name, or where names are equal by folder.
pub fn open_all<S: Settings>(folders: &[PathBuf]) -> Result<Vec<Record<S>>, Error> {
    let mut records = folders.iter().map(|folder| Record::open(folder)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    let names = told_apart(&names, folders);
    for (record, name) in records.iter_mut().zip(names) {
        record.summary.name.clone_from(&name);
        record.name = name;
    }
    Ok(records)
}

/// The names of the runs in these folders, where some are equal their folders instead.
#[must_use]
pub fn told_apart(names: &[&str], folders: &[PathBuf]) -> Vec<String> {
    let alone = |name: &str| names.iter().filter(|other| **other == name).count() == 1;
    let name =
        |(name, folder): (&&str, &PathBuf)| if alone(name) { (*name).to_owned() } else { folder.display().to_string() };
    names.iter().zip(folders).map(name).collect()
}

/// The heading of a page: the title, or else the names of the runs.
pub(crate) fn heading<S: Settings>(title: &str, records: &[Record<S>]) -> String {
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    if title.is_empty() { names.join(", ") } else { title.to_owned() }
}
