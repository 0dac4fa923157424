//! An experiment with a ranker on one page: prepare → build → fit → evaluate → save.

use std::collections::BTreeMap;
use std::path::Path;

use adepts_core::memory::elements;
use adepts_core::{ConfigError, Stopwatch, TabularModel, Towers};
use adepts_data::source::find_files;
use adepts_data::store::is_prepared;
use adepts_data::tabular::{DomainColumn, TabularDataset, TabularError, TabularSplit};
use adepts_data::{DataError, Format, Part, SplitError};
use adepts_eval::about::{Form, about, parts, stop_figures};
use adepts_eval::{RunSummary, Summary, main_row_metric, row_metric};
use adepts_train::{Fingerprint, Outcome, TabularTraining, fit_tabular};
use burn::tensor::Device;

use super::config::TabularExperiment;
use super::evaluate;
use super::retrieval::Judge;
use super::run;
use crate::error::Error;
use crate::files::{DATA, REPORT, write_json};
use crate::folder as place;
use crate::manifest::{Beside, finished};
use crate::work::{Work, check_memory};

/// The name under which the data is prepared in the folder of a run before the run is begun.
const BESIDE: &str = ".preparing-data";

/// Does an experiment and leaves a finished run in `folder`. One that is to be continued and is finished already is left as
/// it is, and its evaluation returned. What is there already is replaced only after the new data was prepared and found to fit.
pub fn run(experiment: &TabularExperiment, folder: &Path, work: &mut Work<'_>) -> Result<RunSummary, Error> {
    if experiment.split == (TabularSplit::All {}) {
        return Err(DataError::from(SplitError::All).into());
    }
    let _lock = place::lock(folder)?;
    place::claim(folder, experiment, work.resume, work.overwrite)?;
    let watch = Stopwatch::start();
    let source = Path::new(&experiment.data.source);
    let held = folder.join(DATA);
    let places = place::FILES.map(|name| folder.join(name));
    if is_prepared(source) {
        let (path, found) = (source.to_owned(), "histories".to_owned());
        return Err(DataError::from(TabularError::OtherFamily { path, found, expected: "tabular data" }).into());
    }
    if TabularDataset::is_prepared(source) {
        if work.overwrite {
            place::spare(&[source.to_owned()], &places)?;
        }
        return run_on(experiment, &TabularDataset::open(source)?, watch.seconds(), folder, work);
    }
    if work.resume && TabularDataset::is_prepared(&held) {
        return run_on(experiment, &TabularDataset::open(&held)?, watch.seconds(), folder, work);
    }
    if work.overwrite {
        // What is wrong with the source is told when it is read.
        let mut files = find_files(&experiment.data.source, experiment.data.format).unwrap_or_default();
        let catalogue = experiment.data.item.as_ref().and_then(|item| item.catalogue.as_ref());
        files.extend(catalogue.into_iter().flat_map(|of| find_files(of, Format::Auto).unwrap_or_default()));
        place::spare(&files.into_iter().map(|file| file.path).collect::<Vec<_>>(), &places)?;
    }
    // The data may be larger than memory, so they are prepared on the disk that will hold them.
    let beside = folder.join(BESIDE);
    place::make(folder)?;
    let TabularExperiment { data, split, seed, .. } = experiment;
    let prepared = TabularDataset::prepare(data, split, *seed, &beside, work.progress)
        .map_err(Error::from)
        .and_then(|data| check(experiment, &data, work));
    if let Err(error) = prepared {
        place::clear(folder, BESIDE)?;
        return Err(error);
    }
    place::begin(folder, experiment, work.resume, work.overwrite)?;
    place::move_into(&beside, &held)?;
    train(experiment, &TabularDataset::open(&held)?, watch.seconds(), folder, work)
}

/// As [`run()`], on data that is prepared.
pub fn run_on(
    experiment: &TabularExperiment,
    data: &TabularDataset,
    prepared: f64,
    folder: &Path,
    work: &mut Work<'_>,
) -> Result<RunSummary, Error> {
    let _lock = place::lock(folder)?;
    check(experiment, data, work)?;
    place::begin(folder, experiment, work.resume, work.overwrite)?;
    train(experiment, data, prepared, folder, work)
}

/// What the program takes before it holds data, and what reading, counting and writing leave behind, in bytes.
pub(super) const PROGRAM: u64 = 256 << 20;

/// Whether the model of this experiment fits on this data.
fn check(experiment: &TabularExperiment, data: &TabularDataset, work: &mut Work<'_>) -> Result<(), Error> {
    let config = |source| Error::Config { file: experiment.name.clone(), source };
    let (_, recipe) = experiment.recipe().map_err(config)?;
    check_stop(experiment, data).map_err(config)?;
    let sizes = run::sizes(experiment, data);
    let mut needed = recipe.memory(&sizes);
    if let (Some(towers), Some(eval)) = (&experiment.retrieval, experiment.retrieval_eval()) {
        needed = Judge::memory(needed, data, towers.dimension, &eval);
    }
    needed = needed.bytes("the program and what it reads and writes in pieces", PROGRAM);
    needed = needed.bytes("training rows that are read at once", data.epoch_memory());
    let judged = data.rows(Part::Validation).max(data.rows(Part::Test));
    needed = needed.floats("the rows that are judged and their scores", elements(&[judged, judged_row()]));
    check_memory(&needed, work)
}

/// Refuses to stop by an AUC that the validation rows do not define: no epoch would be better than another.
fn check_stop(experiment: &TabularExperiment, data: &TabularDataset) -> Result<(), ConfigError> {
    let stop = experiment.train.stop.metric.names();
    let main = &main_row_metric().about;
    if experiment.retrieval.is_some() || !stop.iter().any(|name| needs_both_labels(name)) {
        return Ok(());
    }
    let of = |domain: &DomainColumn| [domain.rows, domain.positives].map(|counts| counts.of(Part::Validation));
    let domains: Vec<[u64; 2]> = data.manifest().domains.iter().map(of).collect();
    let [rows, positive] = domains.iter().fold([0, 0], |[rows, positive], of| [rows + of[0], positive + of[1]]);
    let both = |[rows, positive]: [u64; 2]| positive > 0 && positive < rows;
    let instead = "take more validation rows (split.validation), or stop by";
    let wrong = |problem: String| Err(ConfigError::invalid("train.stop.metric", problem));
    if rows > 0 && !both([rows, positive]) {
        let label = u8::from(positive > 0);
        let main = stop.iter().find(|name| needs_both_labels(name)).and_then(|name| about(name)).unwrap_or(main);
        let defined = stop_figures().into_iter().find(|name| !needs_both_labels(name));
        let defined = defined.map(|name| format!("\"{name}\"")).unwrap_or_default();
        return wrong(format!(
            "all {rows} validation rows have the label {label}, so they have no {}; {instead} {defined}",
            main.label
        ));
    }
    let worst = |name: &&String| needs_both_labels(name) && name.ends_with(Form::Worst.suffix());
    if let Some(worst) = stop.iter().find(worst)
        && !domains.into_iter().any(both)
    {
        let metric = about(worst).unwrap_or(main);
        return wrong(format!(
            "no domain has validation rows of both labels, so none has an {}; {instead} \"{}\"",
            metric.label, metric.name
        ));
    }
    Ok(())
}

/// Whether a figure by which training stops is defined only where rows of both labels are.
fn needs_both_labels(figure: &str) -> bool {
    row_metric(parts(figure).0).is_some_and(|metric| metric.needs_both_labels)
}

/// Floats for each row that is judged: its columns, its place in every order, and its counts on each thread that resamples.
fn judged_row() -> usize {
    20 + 5 * rayon::current_num_threads()
}

/// The part after the run was begun and its data prepared.
fn train(
    experiment: &TabularExperiment,
    data: &TabularDataset,
    prepared: f64,
    folder: &Path,
    work: &mut Work<'_>,
) -> Result<RunSummary, Error> {
    if let Some(summary) = finished::<TabularExperiment>(folder, &data.manifest().content_hash)? {
        place::tidy(folder)?;
        return Ok(summary);
    }
    let config = |source| Error::Config { file: experiment.name.clone(), source };
    let (_, recipe) = experiment.recipe().map_err(config)?;
    let sizes = run::sizes(experiment, data);
    let mut model = recipe.build(&sizes, experiment.seed, &Device::flex().autodiff());
    let mut fingerprint = Fingerprint::default()
        .with("seed", &experiment.seed)
        .with("data", &data.manifest().content_hash)
        .with("model", &experiment.model_print())
        .with("train", &experiment.train);
    let (mut shares, mut judge) = (None, None);
    if let (Some(towers), Some(eval)) = (&experiment.retrieval, experiment.retrieval_eval()) {
        fingerprint = fingerprint.with("retrieval", towers);
        let apart = model.towers().is_some_and(Towers::apart);
        shares = towers.correction.then(|| data.shares(apart)).transpose()?;
        judge = Some(Judge::new(data, Part::Validation, &eval)?);
    }
    let training = TabularTraining {
        config: &experiment.train,
        seed: experiment.seed,
        data,
        shares: shares.as_ref(),
        folder,
        fingerprint: &fingerprint,
        checkpoint_every: work.checkpoint_every,
        resume: work.resume,
    };
    let stop = &experiment.train.stop;
    let validate = &mut |model: &dyn TabularModel| {
        let found = match &judge {
            Some(judge) => judge.validate(model, stop),
            None => evaluate::validate(model, data, stop),
        };
        found.map_err(Into::into)
    };
    let found = match fit_tabular(&mut *model, &training, validate, work.observer, work.stop)? {
        Outcome::Finished(found) => found,
        Outcome::Interrupted { epoch, batch } => {
            return Err(Error::Interrupted { folder: folder.to_owned(), epoch, batch });
        }
    };
    let seconds = BTreeMap::from([
        ("prepare".to_owned(), prepared),
        ("train".to_owned(), found.train_seconds + found.eval_seconds),
    ]);
    // What validation held of the data is no longer needed.
    drop(judge);
    let eval = experiment.retrieval_eval();
    let mut summary =
        evaluate::judge(experiment, eval.as_ref(), &*model, data, Part::Test, Some(folder), work.progress)?;
    summary.seconds.extend(seconds.clone());
    write_json(&folder.join(REPORT), &Summary { runs: vec![summary.clone()] })?;
    let epochs = (found.best_epoch, found.epochs);
    run::finish(folder, experiment, data, &*model, epochs, seconds, Beside::default())?;
    place::tidy(folder)?;
    Ok(summary)
}
