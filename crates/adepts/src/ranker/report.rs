//! Finished runs of rankers as people look at them: evaluated anew, side by side on one page, compared by domain.

use std::io::Write as _;
use std::path::Path;

use adepts_data::examples::ExampleSet;
use adepts_data::{Part, Progress, atomic::write_atomically};
use adepts_eval::{DomainComparison, RunSummary, Summary, gains};
use adepts_report::{ReportInput, page};

use super::RankerExperiment;
use super::evaluate::{self, Scored};
use super::retrieval;
use super::run::{PREDICTIONS, RankerRun};
use crate::compare::check_data;
use crate::error::{Error, RunError};
use crate::report::heading;
use crate::run::{DATA, REPORT, write_json};

impl RankerRun {
    /// Evaluates the run on its test rows anew and keeps that as its evaluation.
    pub fn evaluate(&self, progress: Progress<'_>) -> Result<RunSummary, Error> {
        let Self { experiment, data, model, folder, manifest } = self;
        let mut summary = evaluate::judge(experiment, &**model, data, folder, progress)?;
        summary.seconds.extend(manifest.seconds.clone());
        write_json(&folder.join(REPORT), &Summary { runs: vec![summary.clone()] })?;
        Ok(summary)
    }
}

/// A finished run of a ranker as its files tell, without its model.
pub type Record = crate::report::Record<RankerExperiment>;

/// Writes the page of these runs, which must be on the same data; the comparison on it is that of [`compare`].
pub fn write(
    path: &Path,
    title: &str,
    records: &[Record],
    baseline: Option<&str>,
    metric: Option<&str>,
) -> Result<(), Error> {
    let title = heading(title, records);
    let domains = if records.len() > 1 { Some(compare(records, baseline, metric)?) } else { None };
    let runs = records.iter().map(Record::shown).collect();
    let html = page(&ReportInput { title, runs, domains, ..ReportInput::default() })?;
    Ok(write_atomically(path, |out| out.write_all(html.as_bytes()))?)
}

/// Compares runs on the same test rows, domain by domain, with `baseline`: by default a run of the model `single`, which has a
/// model of its own for each domain, and else the first.
pub fn compare(records: &[Record], baseline: Option<&str>, metric: Option<&str>) -> Result<DomainComparison, Error> {
    let Some(first) = records.first() else { return Err(Error::Request("name the runs to compare".into())) };
    check_data(records)?;
    let data = ExampleSet::open(&first.folder.join(DATA))?;
    if data.manifest().content_hash != first.manifest.data {
        let (found, expected) = (data.manifest().content_hash.clone(), first.manifest.data.clone());
        return Err(RunError::Changed { path: first.folder.join(DATA), found, expected }.into());
    }
    let single = records.iter().find(|record| record.experiment.kind() == "single").unwrap_or(first);
    let baseline = baseline.unwrap_or(&single.name);
    let usual = first.experiment.main_metric();
    let metric = metric.unwrap_or(&usual);
    if let Some(eval) = first.experiment.retrieval_eval() {
        return retrieval::compare(records, &data, &eval, baseline, metric.parse()?);
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
    let (seed, resamples) = (first.experiment.seed, first.experiment.eval.resamples);
    Ok(gains(&truth.truth(&data.schema().domains), &runs, baseline, metric, seed, resamples)?)
}
