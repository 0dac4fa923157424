//! What can go wrong in an experiment.

use std::path::{Path, PathBuf};

use adepts_core::{Bytes, ConfigError, FitError, Memory, TensorsError};
use adepts_data::DataError;
use adepts_eval::{CompareError, EvalError, FailIfError, MetricError, PerUserError, TabularEvalError};
use adepts_report::ReportError;
use adepts_serve::batch::BatchError;
use adepts_serve::{AnswerError, SeenError};
use adepts_train::TrainError;

/// What can go wrong in an experiment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of what users have seen.
    #[error(transparent)]
    Seen(#[from] SeenError),
    /// The configuration asks for something that does not exist or makes no sense.
    #[error("{file}: {source}")]
    Config {
        /// Where it stands.
        file: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// The log or the prepared data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A closed form.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The evaluation.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The evaluation of tabular models.
    #[error(transparent)]
    TabularEval(#[from] TabularEvalError),
    /// The name of a metric.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A condition of `--fail-if`.
    #[error(transparent)]
    FailIf(#[from] FailIfError),
    /// A comparison.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A file of per-user values.
    #[error(transparent)]
    PerUser(#[from] PerUserError),
    /// The page.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The saved parameters.
    #[error("{}{source}", of_model(path, source))]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<TensorsError>,
    },
    /// A file of a run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The work would not fit.
    #[error(
        "this needs {needed} of memory and {} are available ({needed_parts}); use fewer experts, a smaller batch or a smaller catalogue",
        Bytes(*available)
    )]
    Memory {
        /// All of it.
        needed: Bytes,
        /// Its parts.
        needed_parts: Memory,
        /// What the machine has to give.
        available: u64,
    },
    /// Asked to stop; what was done is kept.
    #[error(
        "interrupted in epoch {epoch} after {batch} {}; continue with: adepts train --resume {}",
        if *batch == 1 { "batch" } else { "batches" },
        folder.display()
    )]
    Interrupted {
        /// The folder of the run.
        folder: PathBuf,
        /// The epoch in progress.
        epoch: usize,
        /// Its batches that are done.
        batch: usize,
    },
    /// A question to a model.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// A batch of questions.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A request that cannot be answered.
    #[error("{0}")]
    Request(String),
}

/// What can be wrong with a run directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no run.
    #[error("{} is not a run: it has no manifest.json", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// A prepared dataset in the place of a run.
    #[error(
        "{path} is a prepared dataset, not a run; train on it first: `adepts train --model NAME --data {path}`",
        path = path.display()
    )]
    Prepared {
        /// The folder.
        path: PathBuf,
    },
    /// The data comes from what would be replaced.
    #[error(
        "{} holds the source of the data, {}, and would be replaced; nothing was touched, write to another folder",
        path.display(),
        source_path.display()
    )]
    HoldsSource {
        /// What would be replaced.
        path: PathBuf,
        /// The source, or a file of it.
        source_path: PathBuf,
    },
    /// A file that is longer than anything adepts writes.
    #[error("{} is longer than {}, the most that is read of it; the run is damaged", path.display(), Bytes(*most))]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        most: u64,
    },
    /// The run was made without histories, so nothing can be done that needs its data.
    #[error(
        "{} was made without histories: it only answers for histories that are sent, and cannot be evaluated or compared again",
        path.display()
    )]
    WithoutHistories {
        /// The folder.
        path: PathBuf,
    },
    /// A final model in the place of an evaluated run.
    #[error(
        "{path} is a final model: it was trained on all data, so it cannot be evaluated, compared or finalized; use its evaluated run `{run}`: {folder}",
        path = path.display()
    )]
    Final {
        /// The folder.
        path: PathBuf,
        /// The name of the evaluated run.
        run: String,
        /// Its folder.
        folder: String,
    },
    /// The run is of the other family of models.
    #[error("{} is a run of a {found} model; this is for {expected} models", path.display())]
    Family {
        /// The folder.
        path: PathBuf,
        /// Its family: `history` or `tabular`.
        found: String,
        /// The one that was expected.
        expected: String,
    },
    /// The training has not come to its end.
    #[error("{path} is not finished; {}continue it with `adepts train --resume {path}`", writer(by.as_deref()), path = path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
        /// Who writes there, or did when it ended before its time.
        by: Option<String>,
    },
    /// Something is there already.
    #[error("{} exists and is not empty; use another folder, `--resume` to continue it or `--overwrite` to start afresh", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is not what the manifest says.
    #[error("{} has {found}, its manifest says {expected}; the run is damaged", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Size or hash as found.
        found: String,
        /// Size or hash as recorded.
        expected: String,
    },
    /// Another model was trained in the folder of a run in the meantime.
    #[error("{} holds another model than when it was opened: it was trained again meanwhile; nothing was written", path.display())]
    Replaced {
        /// The folder.
        path: PathBuf,
    },
    /// A file is no JSON of the expected form.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The run was written by a later version.
    #[error("{} has format {found}, this version of adepts reads up to {known}; use a newer adepts", path.display())]
    Newer {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest known.
        known: u32,
    },
}

fn writer(by: Option<&str>) -> String {
    by.map(|by| format!("{by} trains it, or was killed while it did; if it no longer runs, ")).unwrap_or_default()
}

/// The file of a model before what is wrong with it, unless that names the file itself.
fn of_model(path: &Path, source: &TensorsError) -> String {
    match source {
        TensorsError::Read { .. } | TensorsError::Write(_) | TensorsError::Damaged { .. } => String::new(),
        _ => format!("{}: ", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_a_model_names_its_file_once() {
        let path = PathBuf::from("runs/a/model.safetensors");
        let full = DataError::writing(&path)(std::io::Error::other("no space left"));
        let told = Error::Model { path: path.clone(), source: Box::new(full.into()) }.to_string();
        assert_eq!(told, "cannot write runs/a/model.safetensors: no space left");
        let unknown = TensorsError::Unknown { name: "bias".into() };
        let told = Error::Model { path, source: Box::new(unknown) }.to_string();
        assert_eq!(told, "runs/a/model.safetensors: bias belongs to no parameter of this model");
    }
}
