//! What the experts of a model do: with which rows, how alike they are, and what other numbers of them would give.

use std::collections::BTreeSet;

use adepts_core::{TabularModel, Work};
use adepts_data::tabular::{TabularBatch, TabularDataset};
use adepts_data::{DataError, Part, Progress};
use adepts_eval::{ExpertSummary, GateTally, OutputTally, SelectedSummary, summarise_tabular};

use super::scored::{BLOCK, Scored};
use crate::error::Error;

/// Rows over which the outputs of experts are compared.
const COMPARED: usize = 2048;

/// What the gate does with the rows of a part, and whether its experts differ.
pub(super) fn experts(
    tally: &GateTally,
    model: &dyn TabularModel,
    data: &TabularDataset,
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
    data: &TabularDataset,
    part: Part,
    rows: usize,
) -> Result<impl Iterator<Item = Result<TabularBatch, DataError>>, DataError> {
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
pub(super) fn by_selected(
    model: &dyn TabularModel,
    data: &TabularDataset,
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
        let metrics = summarise_tabular("", "", &truth, &scores, 0, 0)?.metrics;
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
fn outputs(model: &dyn TabularModel, data: &TabularDataset, part: Part) -> Result<OutputTally, Error> {
    let mut tally = OutputTally::new(model.experts());
    for block in spread(data, part, COMPARED)? {
        let block = block?;
        tally.add(block.rows(), &model.expert_outputs(&block))?;
    }
    Ok(tally)
}
