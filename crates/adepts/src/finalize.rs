//! The final form of an evaluated run: its settings and the number of epochs that it found, on all that is known, with nothing
//! held out. What it says of its quality are the figures of the evaluated run, as such.

mod histories;
mod page;

use std::path::{Path, PathBuf};

use adepts_data::Manifest;
use adepts_data::examples::ExampleSet;
use adepts_data::source::is_spent;
use adepts_eval::{RunSummary, Summary};
use serde::{Deserialize, Serialize};

use crate::error::{Error, RunError};
use crate::experiment::Work;
use crate::files::{FileMark, LARGEST, checked, read, write_marked};
use crate::folder::{self as place, Settings};
use crate::ranker::run::holds_ranker;
use crate::run::{self, DATA};
use crate::{answers, pages, ranker};

pub(crate) use page::write as write_page;

/// The figures of the evaluated run in the folder of a final model, as its `report.json` has them.
pub const EVALUATED: &str = "evaluated.json";

/// What a final model that is not finished is made of, in its folder.
pub(crate) const BEGUN: &str = "finalizing.json";

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

/// What the final model in a folder is made of, if one was begun there and is not finished.
///
/// A log that came through a pipe is not named: it cannot be read again.
pub fn begun(folder: &Path) -> Result<Option<Begun>, Error> {
    let path = folder.join(BEGUN);
    if !path.exists() {
        return Ok(None);
    }
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() };
    let begun: Begun = serde_json::from_slice(&read(&path, LARGEST)?).map_err(damaged)?;
    let run = if real(&begun.run) == begun.at { begun.run } else { begun.at.clone() };
    let log = begun.log.filter(|log| !is_spent(log));
    Ok(Some(Begun { run, log, ..begun }))
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
    run::write_json(
        &folder.join(BEGUN),
        &Begun { run: source.to_owned(), at: real(source), log: log.map(str::to_owned) },
    )
}

/// Of which evaluated run a model is the final form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalOf {
    /// The name of the evaluated run.
    pub run: String,
    /// Its folder, as it was named.
    pub folder: String,
    /// Hash of its manifest but for its page, as its server gives it.
    pub manifest: String,
    /// The kind of split by which its data was cut.
    pub split: String,
    /// Its interactions or rows: of training, validation and test.
    pub parts: [u64; 3],
    /// The epochs that it was trained for, of which the best one gave their number here; absent for closed forms.
    pub epochs: Option<usize>,
    /// Where its gate or weights looked at held-out items, and those of the final model look at histories: what they looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
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

/// Trains the final form of the evaluated run in `source`, of either family, and leaves it in `folder` with its page. One that is
/// to be continued and is finished already is left as it is.
///
/// A run of a model of examples reads its log again, so that values which stand in held-out rows alone are known to the final
/// model too; `log` says where that is now, if not where it was.
pub fn run(source: &Path, log: Option<&str>, folder: &Path, work: &mut Work<'_>) -> Result<Finalized, Error> {
    check(source, folder, work.resume, work.overwrite)?;
    let _lock = place::lock(folder)?;
    let made = if holds_ranker(source) {
        ranker::finalize::run(source, log, folder, work)?
    } else if log.is_some() {
        let told = "a run of a model of histories holds all of its data; only one of examples reads its log again";
        return Err(Error::Request(told.into()));
    } else {
        histories::run(source, folder, work)?
    };
    write_page(&folder.join(crate::report::PAGE), "", folder)?;
    Ok(made)
}

/// Whether the final form of the run in `source` may be written to `folder`, as far as that can be told before either is read.
pub fn check(source: &Path, folder: &Path, resume: bool, overwrite: bool) -> Result<(), Error> {
    let (from, to) = (real(source), real(folder));
    if from.starts_with(&to) || to.starts_with(&from) {
        return Err(Error::Request(format!(
            "the final model needs a folder of its own: {} and {} lie in each other",
            source.display(),
            folder.display()
        )));
    }
    place::check(folder, resume, overwrite)
}

/// Where a path leads, also if it is not there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    there.map_or_else(
        || path.clone(),
        |(above, real)| path.strip_prefix(above).map_or(real.clone(), |rest| real.join(rest)),
    )
}

/// Refuses a final model where an evaluated run is needed.
pub(crate) fn refuse(folder: &Path, final_of: Option<&FinalOf>) -> Result<(), Error> {
    match final_of {
        None => Ok(()),
        Some(FinalOf { run, folder: of, .. }) => {
            Err(RunError::Final { path: folder.to_owned(), run: run.clone(), folder: of.clone() }.into())
        }
    }
}

/// Whether a folder holds a finished final model.
#[must_use]
pub fn is_final(folder: &Path) -> bool {
    if holds_ranker(folder) {
        return ranker::run::manifest(folder).is_ok_and(|manifest| manifest.final_of.is_some());
    }
    run::manifest(folder).is_ok_and(|manifest| manifest.final_of.is_some())
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

/// Takes all that tells of single users from an evaluated run and from its final model in `folder`: first from the latter, so
/// that what was interrupted can be repeated. The final model then has the hash of the run as it is without its histories.
pub fn forget_histories(source: &Path, folder: &Path) -> Result<(), Error> {
    let _locks = (place::lock_run(source)?, place::lock_run(folder)?);
    let hash = pages::identity(&answers::forgotten(source)?);
    let mut manifest = run::manifest(folder)?;
    if let Some(of) = manifest.final_of.as_mut().filter(|of| of.manifest != hash) {
        of.manifest = hash;
        run::write_json(&folder.join(run::MANIFEST), &manifest)?;
        write_page(&folder.join(crate::report::PAGE), "", folder)?;
    }
    answers::forget_histories(folder)?;
    answers::forget_histories(source)
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
    let files = match ranker::run::manifest(folder) {
        Ok(manifest) => manifest.files,
        Err(_) => run::manifest(folder)?.files,
    };
    let path = folder.join(EVALUATED);
    let damaged = |reason: String| RunError::Damaged { path: path.clone(), reason };
    let summary: Summary =
        serde_json::from_slice(&checked(folder, &files, EVALUATED)?).map_err(|e| damaged(e.to_string()))?;
    Ok(summary.runs.into_iter().next().ok_or_else(|| damaged("it holds no evaluation".into()))?)
}

/// What to say of a run that is to answer: that it was trained on a part of the data, and how a model for use is made of it.
/// Nothing of final models, and of what is no finished run.
#[must_use]
pub fn hint(folder: &Path) -> Option<String> {
    let ranker = holds_ranker(folder);
    let (evaluated, histories) = if ranker {
        (ranker::run::manifest(folder).ok()?.final_of.is_none(), true)
    } else {
        let manifest = run::manifest(folder).ok()?;
        (manifest.final_of.is_none(), manifest.histories)
    };
    if !evaluated {
        return None;
    }
    let data = folder.join(DATA);
    let parts = if ranker {
        ExampleSet::manifest_of(&data).ok().map(|of| [of.rows.train, of.rows.validation, of.rows.test])
    } else {
        Manifest::of_folder(&data).ok().map(|of| [of.train, of.validation, of.test].map(|n| n as u64))
    };
    let part = parts.map_or_else(
        || "a part of its data".to_owned(),
        |parts| {
            let all: u64 = parts.iter().sum();
            let what = if ranker { "rows" } else { "interactions" };
            format!("{:.0} % of its {all} {what}", 100.0 * parts[0] as f64 / all.max(1) as f64)
        },
    );
    let shown = folder.display();
    let how = if histories {
        format!("`adepts finalize {} --out {}` trains on all", typed(folder), typed(&beside(folder)))
    } else {
        "`adepts train … --final DIR` trains on all as well".to_owned()
    };
    Some(format!("{shown} was trained on {part}, to be evaluated on the rest; {how}"))
}

/// A folder next to this one for its final form.
fn beside(folder: &Path) -> PathBuf {
    let plain: PathBuf = folder.components().collect();
    let mut name = plain.into_os_string();
    name.push("-final");
    name.into()
}

/// A path as it is typed in a shell.
fn typed(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%~".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
