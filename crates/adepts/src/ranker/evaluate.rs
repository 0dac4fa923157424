//! How good is a ranker, and for which domain: probabilities go to the evaluation, numbers come back.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use adepts_core::{ExampleModel, Stopwatch, Work};
use adepts_data::examples::{ExampleSet, Examples};
use adepts_data::{DataError, Part, Progress};
use adepts_eval::{
    Better, ExpertSummary, GateTally, OutputTally, RunSummary, SelectedSummary, Truth, WorkSummary, pointwise_metric,
    summarise_examples,
};
use adepts_train::{StopConfig, Validation};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array as _, ArrayRef, Float32Array, Int64Array, StringArray, UInt32Array, UInt64Array};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::config::{RankerExperiment, RetrievalEval, STOP_METRICS};
use super::retrieval;
use super::run::PREDICTIONS;
use super::table::{Columns, write_table};
use crate::error::{Error, RunError};

/// Rows that are scored at once.
pub(super) const BLOCK: usize = 1 << 14;

/// The scores of a part, with what they are judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// The probability that the model gives to each row.
    pub score: Vec<f32>,
    /// The label of each row.
    pub label: Vec<f32>,
    /// The domain of each row.
    pub domain: Vec<u32>,
    /// The user of each row; empty where the data has none.
    pub user: Vec<u32>,
}

impl Scored {
    /// What the scores are judged by.
    #[must_use]
    pub fn truth<'a>(&'a self, domains: &'a [String]) -> Truth<'a> {
        Truth { label: &self.label, user: &self.user, domain: &self.domain, domains }
    }
}

/// The result of an evaluation.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// What people and programs read.
    pub summary: RunSummary,
    /// The scores of the test rows.
    pub scored: Scored,
}

/// Scores the rows of a part, and notes in `tally` what the gate does.
pub fn score(
    model: &dyn ExampleModel,
    data: &ExampleSet,
    part: Part,
    mut tally: Option<&mut GateTally>,
    progress: Progress<'_>,
) -> Result<Scored, Error> {
    let rows = data.rows(part);
    let mut scored = Scored { score: vec![0.0; rows], ..Scored::default() };
    let mut done = 0;
    for block in data.blocks(part, BLOCK)? {
        let block = block?;
        progress("score", done as u64, Some(rows as u64));
        model.score(&block, &mut scored.score[done..done + block.rows()]);
        if let Some(tally) = &mut tally {
            tally.add(&block.domain, &model.gates(&block))?;
        }
        done += block.rows();
        scored.label.extend_from_slice(&block.label);
        scored.domain.extend_from_slice(&block.domain);
        scored.user.extend_from_slice(&block.user);
    }
    Ok(scored)
}

/// The validation of an epoch.
pub(super) fn validate(model: &dyn ExampleModel, data: &ExampleSet, stop: &StopConfig) -> Result<Validation, Error> {
    let scored = score(model, data, Part::Validation, None, &mut adepts_data::progress::silent)?;
    let found = summarise_examples("", "", &scored.truth(&data.schema().domains), &scored.score, 0, 0)?;
    let mut scores = found.metrics.clone();
    scores.extend(found.worst.as_ref().map(|worst| ("auc_worst".to_owned(), worst.mean)));
    scores.retain(|name, _| STOP_METRICS.contains(&name.as_str()));
    let of = |name: &String| {
        // Where no domain has rows of both labels there is no mean of their AUC, in any epoch.
        let pooled = || scores.get("auc").filter(|_| name == "auc_macro");
        // What is missing, such as the AUC of rows that all have one label, is no number to stop by.
        let score = scores.get(name).or_else(pooled).copied().unwrap_or(f64::NAN);
        let bare = ["_macro", "_worst"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        pointwise_metric(bare).map_or(Better::Higher, |metric| metric.better).upwards(score)
    };
    let names = stop.metric.names();
    let mean = names.iter().map(of).sum::<f64>() / names.len() as f64;
    let auc = found.domains.iter().filter_map(|domain| Some((domain.name.clone(), domain.metrics.get("auc")?.mean)));
    Ok(Validation { stop: mean, groups: auc.collect(), scores })
}

/// Evaluates the model of an experiment on the rows of a part; for retrieval as `eval` says. What it gave to each of them is written
/// into the folder `keep`, if there is one.
pub(super) fn judge(
    experiment: &RankerExperiment,
    eval: Option<&RetrievalEval>,
    model: &dyn ExampleModel,
    data: &ExampleSet,
    part: Part,
    keep: Option<&Path>,
    progress: Progress<'_>,
) -> Result<RunSummary, Error> {
    let mut summary = if let Some(eval) = eval {
        retrieval::judge(experiment, eval, model, data, part, keep, progress)?
    } else {
        let Evaluated { summary, scored } = probabilities(experiment, model, data, part, progress)?;
        if let Some(folder) = keep {
            write_scored(&folder.join(PREDICTIONS), &scored, data)?;
        }
        summary
    };
    let work = model.work();
    summary.work = Some(WorkSummary {
        parameters: work.parameters,
        activated_parameters: work.activated_parameters,
        multiply_adds: work.multiply_adds,
        total_multiply_adds: work.total_multiply_adds,
    });
    summary.protocol.part = if part == Part::Validation { "validation" } else { "test" }.into();
    Ok(summary)
}

/// Rows over which the outputs of experts are compared.
const COMPARED: usize = 2048;

/// Evaluates the probabilities that a model gives to the rows of a part.
fn probabilities(
    experiment: &RankerExperiment,
    model: &dyn ExampleModel,
    data: &ExampleSet,
    part: Part,
    progress: Progress<'_>,
) -> Result<Evaluated, Error> {
    let (name, kind, resamples) = (&experiment.name, experiment.kind(), experiment.eval.resamples);
    let watch = Stopwatch::start();
    let domains = &data.schema().domains;
    let mut tally = (model.experts() > 0).then(|| GateTally::new(domains.len(), model.experts()));
    let scored = score(model, data, part, tally.as_mut(), progress)?;
    let seconds = watch.seconds();
    progress("intervals", 0, None);
    let mut summary =
        summarise_examples(name, kind, &scored.truth(domains), &scored.score, experiment.seed, resamples)?;
    if let Some(tally) = tally {
        let mut experts = experts(&tally, model, data, part)?;
        experts.by_selected = by_selected(model, data, part, progress)?;
        summary.experts = Some(experts);
    }
    summary.seconds.insert("evaluate".into(), seconds);
    Ok(Evaluated { summary, scored })
}

/// What the gate does with the rows of a part, and whether its experts differ.
pub(super) fn experts(
    tally: &GateTally,
    model: &dyn ExampleModel,
    data: &ExampleSet,
    part: Part,
) -> Result<ExpertSummary, Error> {
    let outputs = outputs(model, data, part)?;
    Ok(ExpertSummary { duplicates: outputs.duplicates(), compared_rows: outputs.rows(), ..tally.summary() })
}

/// Rows that are scored with other numbers of experts than in training.
const VARIED: usize = 1 << 16;
/// Up to so many experts each number is tried.
const EACH: usize = 16;

/// About so many rows of a part, at equal distances.
fn spread(
    data: &ExampleSet,
    part: Part,
    rows: usize,
) -> Result<impl Iterator<Item = Result<Examples, DataError>>, DataError> {
    let (every, mut first) = (data.rows(part).div_ceil(rows).max(1), 0);
    Ok(data.blocks(part, BLOCK)?.map(move |block| {
        let block = block?;
        let taken: Vec<u32> = (first..block.rows()).step_by(every).map(|row| row as u32).collect();
        first = (first + taken.len() * every).saturating_sub(block.rows());
        Ok(block.select(&taken))
    }))
}

/// Quality and cost for the numbers of experts that the gate might select in prediction, over some rows of a part; nothing for a gate
/// that selects none.
fn by_selected(
    model: &dyn ExampleModel,
    data: &ExampleSet,
    part: Part,
    progress: Progress<'_>,
) -> Result<Vec<SelectedSummary>, Error> {
    let Some(trained) = model.selected() else { return Ok(Vec::new()) };
    let experts = model.experts();
    let numbers: BTreeSet<usize> = if experts <= EACH {
        (1..=experts).collect()
    } else {
        std::iter::successors(Some(1), |k| Some(2 * k)).take_while(|k| *k < experts).chain([trained, experts]).collect()
    };
    let mut taken = Scored::default();
    let mut found: Vec<(Vec<f32>, Option<Work>)> = vec![(Vec::new(), None); numbers.len()];
    for block in spread(data, part, VARIED)? {
        let (block, from) = (block?, taken.label.len());
        progress("numbers of experts", from as u64, Some(data.rows(part).min(VARIED) as u64));
        taken.label.extend_from_slice(&block.label);
        taken.domain.extend_from_slice(&block.domain);
        for (k, (scores, work)) in numbers.iter().zip(&mut found) {
            scores.resize(taken.label.len(), 0.0);
            *work = model.score_selecting(*k, &block, &mut scores[from..]);
        }
    }
    let truth = taken.truth(&data.schema().domains);
    let mut summaries = Vec::new();
    for (selected, (scores, work)) in numbers.into_iter().zip(found) {
        let metrics = summarise_examples("", "", &truth, &scores, 0, 0)?.metrics;
        // Where all labels are the same there is no AUC.
        let (Some(work), Some(auc), Some(auc_macro)) = (work, metrics.get("auc"), metrics.get("auc_macro")) else {
            return Ok(Vec::new());
        };
        summaries.push(SelectedSummary {
            selected,
            trained: selected == trained,
            rows: scores.len(),
            auc: *auc,
            auc_macro: *auc_macro,
            activated_parameters: work.activated_parameters,
            multiply_adds: work.multiply_adds,
        });
    }
    Ok(summaries)
}

/// What the experts of a gated model say of some rows of a part.
fn outputs(model: &dyn ExampleModel, data: &ExampleSet, part: Part) -> Result<OutputTally, Error> {
    let mut tally = OutputTally::new(model.experts());
    for block in spread(data, part, COMPARED)? {
        let block = block?;
        tally.add(block.rows(), &model.expert_outputs(&block))?;
    }
    Ok(tally)
}

/// Writes the scores of test rows: columns `row` (its place among the rows of the source, from 1), `score`, `label`, `domain` and
/// `user` (the id), each in the type that it has in the source, so that tables join without a cast. Data that was prepared before this was kept has the user's number
/// instead of the id, and no `row`.
pub(super) fn write_scored(path: &Path, scored: &Scored, data: &ExampleSet) -> Result<(), Error> {
    let domains = &data.schema().domains;
    let names = scored.domain.iter().map(|domain| Some(domains[*domain as usize].as_str()));
    let origins = data.origins(Part::Test)?;
    let mut columns = Columns::new();
    if let Some(origins) = &origins {
        columns.push(("row", Arc::new(UInt64Array::from(origins.rows.clone()))));
    }
    columns.extend([
        ("score", Arc::new(Float32Array::from(scored.score.clone())) as ArrayRef),
        ("label", Arc::new(Float32Array::from(scored.label.clone()))),
        ("domain", typed(names, data.manifest().number_domains)),
    ]);
    match origins {
        Some(origins) if !origins.users.is_empty() => {
            let users = origins.users.iter().map(Option::as_deref);
            columns.push(("user", typed(users, data.manifest().number_users)));
        }
        None if !scored.user.is_empty() => columns.push(("user", Arc::new(UInt32Array::from(scored.user.clone())))),
        _ => {}
    }
    write_table(path, columns.clone(), |table| Ok(table.write(columns)?))
}

/// Spellings as a column of whole numbers or of text.
fn typed<'a>(spellings: impl Iterator<Item = Option<&'a str>>, numbers: bool) -> ArrayRef {
    if numbers {
        return Arc::new(spellings.map(|spelling| spelling?.parse::<i64>().ok()).collect::<Int64Array>());
    }
    Arc::new(spellings.collect::<StringArray>())
}

/// The scores that a run gave to the rows of its test part, in their order.
pub(super) fn read_scores(path: &Path, rows: usize) -> Result<Vec<f32>, Error> {
    let damaged = |reason: String| Error::from(RunError::Damaged { path: path.to_owned(), reason });
    let file =
        std::fs::File::open(path).map_err(|source| RunError::Io { action: "read", path: path.to_owned(), source })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let mut scores = Vec::new();
    for batch in reader.map_err(|e| damaged(e.to_string()))? {
        let batch = batch.map_err(|e| damaged(e.to_string()))?;
        let column = batch.column_by_name("score").and_then(|column| column.as_primitive_opt::<Float32Type>());
        let column = column.ok_or_else(|| damaged("it has no column `score` of 32-bit floats".into()))?;
        if column.null_count() > 0 {
            return Err(damaged("the column `score` has rows without a value".into()));
        }
        scores.extend_from_slice(column.values());
    }
    if scores.len() != rows {
        return Err(damaged(format!("it has {} rows, the test part has {rows}", scores.len())));
    }
    Ok(scores)
}
