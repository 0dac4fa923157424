//! How good is a ranker, and for which domain: probabilities go to the evaluation, numbers come back.

use std::path::Path;

use adepts_core::{Stopwatch, TabularModel};
use adepts_data::tabular::TabularDataset;
use adepts_data::{Part, Progress};
use adepts_eval::about::{Form, better, stop_figures};
use adepts_eval::{GateTally, RunSummary, WorkSummary, main_row_metric, summarise_tabular, worst_domain};
use adepts_train::{StopConfig, Validation};

use super::config::{RetrievalEval, TabularExperiment};
use super::experts::{by_selected, experts};
use super::retrieval;
use super::scored::write_scored;
pub use super::scored::{Scored, score};
use crate::error::Error;
use crate::files::PREDICTIONS;

/// The result of an evaluation.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// What people and programs read.
    pub summary: RunSummary,
    /// The scores of the test rows.
    pub scored: Scored,
}

/// The validation of an epoch.
pub(super) fn validate(
    model: &dyn TabularModel,
    data: &TabularDataset,
    stop: &StopConfig,
) -> Result<Validation, Error> {
    let scored = score(model, data, Part::Validation, None, &mut adepts_data::progress::silent)?;
    let found = summarise_tabular("", "", &scored.truth(&data.schema().domains), &scored.score, 0, 0)?;
    let mut scores = found.metrics.clone();
    let may_stop = stop_figures();
    let worst = |figure: &String| {
        let worst = worst_domain(&found.domains, figure.strip_suffix(Form::Worst.suffix())?)?;
        Some((figure.clone(), worst.mean))
    };
    scores.extend(may_stop.iter().filter_map(worst));
    scores.retain(|name, _| may_stop.contains(name));
    let of = |name: &String| {
        // Where no domain has rows of both labels there is no mean of their AUC, in any epoch.
        let pooled = || scores.get(name.strip_suffix(Form::Macro.suffix())?);
        // What is missing, such as the AUC of rows that all have one label, is no number to stop by.
        let score = scores.get(name).or_else(pooled).copied().unwrap_or(f64::NAN);
        better(name).upwards(score)
    };
    let names = stop.metric.names();
    let mean = names.iter().map(of).sum::<f64>() / names.len() as f64;
    let main = main_row_metric().about.name;
    let groups = found.domains.iter().filter_map(|domain| Some((domain.name.clone(), domain.metrics.get(main)?.mean)));
    Ok(Validation { stop: mean, groups: groups.collect(), scores })
}

/// Evaluates the model of an experiment on the rows of a part; for retrieval as `eval` says. What it gave to each of them is written
/// into the folder `keep`, if there is one.
pub(super) fn judge(
    experiment: &TabularExperiment,
    eval: Option<&RetrievalEval>,
    model: &dyn TabularModel,
    data: &TabularDataset,
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

/// Evaluates the probabilities that a model gives to the rows of a part.
fn probabilities(
    experiment: &TabularExperiment,
    model: &dyn TabularModel,
    data: &TabularDataset,
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
    let mut summary = summarise_tabular(name, kind, &scored.truth(domains), &scored.score, experiment.seed, resamples)?;
    if let Some(tally) = tally {
        let mut experts = experts(&tally, model, data, part)?;
        experts.by_selected = by_selected(model, data, part, progress)?;
        summary.experts = Some(experts);
    }
    summary.seconds.insert("evaluate".into(), seconds);
    Ok(Evaluated { summary, scored })
}
