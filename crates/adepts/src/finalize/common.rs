//! What final models of both families have in common: how they are begun, recognised and described.

use std::path::{Path, PathBuf};

use adepts_eval::{RunSummary, Summary};
use serde::{Deserialize, Serialize};

use crate::error::{Error, RunError};
use crate::family::{FinalOf, Settings};
use crate::files::{BEGUN, EVALUATED, FileMark, checked, write_json, write_marked};
use crate::folder as place;
use crate::manifest;
use crate::work::Work;

/// A final model that was begun and is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// The folder of the evaluated run, as it was named.
    pub run: PathBuf,
    /// The same from the root, for whoever goes on from elsewhere.
    pub at: PathBuf,
    /// Where the log was said to be.
    pub log: Option<String>,
}

/// A final model as it was left.
#[derive(Clone, Debug, Serialize)]
pub struct Finalized {
    /// The evaluated run.
    pub of: FinalOf,
    /// Interactions or rows that it was trained on.
    pub rows: u64,
    /// Epochs that it was trained for; absent for closed forms.
    pub epochs: Option<usize>,
    /// The figures of the evaluated run, as they are repeated.
    pub figures: RunSummary,
}

/// Begins a final model, as a run is begun, with a note of what it is made of.
pub(crate) fn begin(
    source: &Path,
    log: Option<&str>,
    folder: &Path,
    settings: &impl Settings,
    work: &Work<'_>,
) -> Result<(), Error> {
    place::begin(folder, settings, work.resume, work.overwrite)?;
    write_json(&folder.join(BEGUN), &Begun { run: source.to_owned(), at: real(source), log: log.map(str::to_owned) })
}

/// The name of a final model: that of its folder.
pub(crate) fn name(folder: &Path, evaluated: &str) -> String {
    folder.file_name().map_or_else(|| format!("{evaluated}-final"), |name| name.to_string_lossy().into_owned())
}

/// As [`place::claim`], which also says which final model is in the way.
pub(crate) fn claim<S: Settings>(folder: &Path, experiment: &S, work: &Work<'_>) -> Result<(), Error> {
    place::claim(folder, experiment, work.resume, work.overwrite).map_err(|error| {
        match (&error, S::manifest(folder).ok().as_ref().and_then(S::final_of)) {
            (Error::Request(text), Some(of)) => Error::Request(format!("{text}; it holds {}", described(of))),
            _ => error,
        }
    })
}

/// A final model, by its evaluated run.
fn described(of: &FinalOf) -> String {
    format!("the final form of `{}` ({})", of.run, of.folder)
}

/// The final model that is finished already in `folder`; it must be that of this run, as `same` tells, on this data, where
/// that is known.
pub(crate) fn finished<S: Settings>(
    folder: &Path,
    source: &Path,
    same: impl Fn(&FinalOf) -> bool,
    data: Option<&str>,
) -> Result<Option<S::Manifest>, Error> {
    let manifest = match S::manifest(folder) {
        Err(Error::Run(RunError::Unfinished { .. } | RunError::NotARun { .. })) => return Ok(None),
        manifest => manifest?,
    };
    let of = S::final_of(&manifest);
    if of.is_some_and(same) && data.is_none_or(|data| S::data_of(&manifest) == data) {
        return Ok(Some(manifest));
    }
    let (folder, run) = (folder.display(), source.display());
    let what = of.map_or_else(|| "an evaluated run".to_owned(), described);
    Err(Error::Request(format!(
        "{folder} is finished: it holds {what}, and not the final form of {run} as it is; name another folder, or replace it \
         with `--overwrite`"
    )))
}

/// Writes the figures of the evaluated run.
pub(crate) fn write_figures(folder: &Path, figures: &RunSummary) -> Result<FileMark, Error> {
    let summary = Summary { runs: vec![figures.clone()] };
    let mut text = serde_json::to_string_pretty(&summary).expect("results are JSON");
    text.push('\n');
    write_marked(&folder.join(EVALUATED), text.as_bytes())
}

/// The figures of the evaluated run in the folder of a final model.
pub fn figures(folder: &Path) -> Result<RunSummary, Error> {
    let files = manifest::files(folder)?;
    let path = folder.join(EVALUATED);
    let damaged = |reason: String| RunError::Damaged { path: path.clone(), reason };
    let summary: Summary =
        serde_json::from_slice(&checked(folder, &files, EVALUATED)?).map_err(|e| damaged(e.to_string()))?;
    Ok(summary.runs.into_iter().next().ok_or_else(|| damaged("it holds no evaluation".into()))?)
}

/// Where a path leads, also if it is not there yet.
pub(crate) fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    there.map_or_else(
        || path.clone(),
        |(above, real)| path.strip_prefix(above).map_or(real.clone(), |rest| real.join(rest)),
    )
}
