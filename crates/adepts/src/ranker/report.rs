//! Finished runs of rankers as people look at them: evaluated anew, side by side on one page, compared by domain.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adepts_core::EpochRecord;
use adepts_data::examples::ExampleSet;
use adepts_data::{Part, Progress, atomic::write_atomically};
use adepts_eval::{DomainComparison, RunSummary, Summary, gains};
use adepts_report::{Limits, ReportInput, RunInput, page};
use adepts_train::TrainConfig;

use super::RankerExperiment;
use super::evaluate::{self, Evaluated, Scored};
use super::run::{self, PREDICTIONS, RankerManifest, RankerRun};
use crate::error::{Error, RunError};
use crate::run::{DATA, REPORT, epochs, summary, write_json};

impl RankerRun {
    /// Evaluates the run on its test rows anew and keeps that as its evaluation.
    pub fn evaluate(&self, progress: Progress<'_>) -> Result<RunSummary, Error> {
        let Self { experiment, data, model, folder, manifest } = self;
        let (name, kind, resamples) = (&experiment.name, experiment.kind(), experiment.eval.resamples);
        let Evaluated { mut summary, scored } =
            evaluate::test(name, kind, &**model, data, resamples, experiment.seed, progress)?;
        summary.seconds.extend(manifest.seconds.clone());
        evaluate::write_scored(&folder.join(PREDICTIONS), &scored, &data.schema().domains)?;
        write_json(&folder.join(REPORT), &Summary { runs: vec![summary.clone()] })?;
        Ok(summary)
    }
}

/// A finished run as its files tell, without its model.
#[derive(Clone, Debug)]
pub struct Record {
    /// The folder.
    pub folder: PathBuf,
    /// Its name, unlike those of the runs beside it.
    pub name: String,
    /// What it says of itself.
    pub manifest: RankerManifest,
    /// Its configuration.
    pub experiment: RankerExperiment,
    /// Its last evaluation.
    pub summary: RunSummary,
    /// Its training log.
    pub epochs: Vec<EpochRecord>,
}

impl Record {
    /// Reads a finished run.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let (manifest, experiment) = (run::manifest(folder)?, run::experiment(folder)?);
        let path = folder.join(REPORT);
        let missing = || RunError::Damaged { path: path.clone(), reason: "it holds no evaluation".into() };
        let summary = summary(folder)?.and_then(|summary| summary.runs.into_iter().next()).ok_or_else(missing)?;
        let (folder, name, epochs) = (folder.to_owned(), experiment.name.clone(), epochs(folder)?);
        Ok(Self { folder, name, manifest, experiment, summary, epochs })
    }
}

/// Reads finished runs and tells them apart: by name, or where names are equal by folder.
pub fn open_all(folders: &[PathBuf]) -> Result<Vec<Record>, Error> {
    let mut records = folders.iter().map(|folder| Record::open(folder)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = records.iter().map(|record| record.name.clone()).collect();
    for (record, name) in records.iter_mut().zip(&names) {
        if names.iter().filter(|other| *other == name).count() > 1 {
            record.name = record.folder.display().to_string();
            record.summary.name.clone_from(&record.name);
        }
    }
    Ok(records)
}

/// Writes the page of these runs, which must be on the same data; the comparison on it is that of [`compare`].
pub fn write(path: &Path, title: &str, records: &[Record], baseline: Option<&str>, metric: &str) -> Result<(), Error> {
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    let title = if title.is_empty() { names.join(", ") } else { title.to_owned() };
    let domains = if records.len() > 1 { Some(compare(records, baseline, metric)?) } else { None };
    let run = |record: &Record| {
        let TrainConfig { epochs, stop, .. } = &record.experiment.train;
        let limits = Some(Limits { epochs: *epochs, patience: stop.patience });
        RunInput { summary: record.summary.clone(), epochs: record.epochs.clone(), limits }
    };
    let runs = records.iter().map(run).collect();
    let html = page(&ReportInput { title, runs, domains, ..ReportInput::default() })?;
    Ok(write_atomically(path, |out| out.write_all(html.as_bytes()))?)
}

/// Compares runs on the same test rows, domain by domain, with `baseline`: by default a run of the model `single`, which has a
/// model of its own for each domain, and else the first.
pub fn compare(records: &[Record], baseline: Option<&str>, metric: &str) -> Result<DomainComparison, Error> {
    let Some(first) = records.first() else { return Err(Error::Request("name the runs to compare".into())) };
    if let Some(other) = records.iter().find(|record| record.manifest.data != first.manifest.data) {
        return Err(Error::Request(format!(
            "{} and {} are runs on different data or different splits of it, so their rows cannot be put side by side",
            first.folder.display(),
            other.folder.display()
        )));
    }
    let data = ExampleSet::open(&first.folder.join(DATA))?;
    if data.manifest().content_hash != first.manifest.data {
        let (found, expected) = (data.manifest().content_hash.clone(), first.manifest.data.clone());
        return Err(RunError::Changed { path: first.folder.join(DATA), found, expected }.into());
    }
    let mut truth = Scored::default();
    for block in data.blocks(Part::Test, evaluate::BLOCK)? {
        let block = block?;
        truth.label.extend_from_slice(&block.label);
        truth.domain.extend_from_slice(&block.domain);
        truth.user.extend_from_slice(&block.user);
    }
    let rows = truth.label.len();
    let scores =
        |record: &Record| Ok((record.name.clone(), evaluate::read_scores(&record.folder.join(PREDICTIONS), rows)?));
    let runs = records.iter().map(scores).collect::<Result<Vec<_>, Error>>()?;
    let single = records.iter().find(|record| record.experiment.kind() == "single").unwrap_or(first);
    let baseline = baseline.unwrap_or(&single.name);
    let (seed, resamples) = (first.experiment.seed, first.experiment.eval.resamples);
    Ok(gains(&truth.truth(&data.schema().domains), &runs, baseline, metric, seed, resamples)?)
}
