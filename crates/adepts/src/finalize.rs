//! The final form of an evaluated run: its settings and the number of epochs that it found, on all that is known, with nothing
//! held out. What it says of its quality are the figures of the evaluated run, as such.

pub(crate) mod common;
mod page;

use std::path::{Path, PathBuf};

use adepts_data::Manifest;
use adepts_data::source::is_spent;
use adepts_data::tabular::TabularDataset;

pub(crate) use common::real;
pub use common::{Begun, Finalized, figures};

use crate::error::{Error, RunError};
pub use crate::family::FinalOf;
use crate::family::is_tabular;
use crate::files::{BEGUN, DATA, LARGEST, MANIFEST, PAGE, read, write_json};
use crate::folder as place;
use crate::history::{answers, run};
use crate::work::Work;
use crate::{history, pages, tabular};

pub(crate) use page::write as write_page;

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

/// Trains the final form of the evaluated run in `source`, of either family, and leaves it in `folder` with its page. One that is
/// to be continued and is finished already is left as it is.
///
/// A run of a tabular model reads its log again, so that values which stand in held-out rows alone are known to the final
/// model too; `log` says where that is now, if not where it was.
pub fn run(source: &Path, log: Option<&str>, folder: &Path, work: &mut Work<'_>) -> Result<Finalized, Error> {
    check(source, folder, work.resume, work.overwrite)?;
    let _lock = place::lock(folder)?;
    let made = if is_tabular(source) {
        tabular::finalize::run(source, log, folder, work)?
    } else if log.is_some() {
        let told = "a run of a history model holds all of its data; only one of tabular data reads its log again";
        return Err(Error::Request(told.into()));
    } else {
        history::finalize::run(source, folder, work)?
    };
    write_page(&folder.join(PAGE), "", folder)?;
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

/// Whether a folder holds a finished final model.
#[must_use]
pub fn is_final(folder: &Path) -> bool {
    if is_tabular(folder) {
        return tabular::run::manifest(folder).is_ok_and(|manifest| manifest.final_of.is_some());
    }
    run::manifest(folder).is_ok_and(|manifest| manifest.final_of.is_some())
}

/// Takes all that tells of single users from an evaluated run and from its final model in `folder`: first from the latter, so
/// that what was interrupted can be repeated. The final model then has the hash of the run as it is without its histories.
pub fn forget_histories(source: &Path, folder: &Path) -> Result<(), Error> {
    let _locks = (place::lock_run(source)?, place::lock_run(folder)?);
    let hash = pages::identity(&answers::forgotten(source)?);
    let mut manifest = run::manifest(folder)?;
    if let Some(of) = manifest.final_of.as_mut().filter(|of| of.manifest != hash) {
        of.manifest = hash;
        write_json(&folder.join(MANIFEST), &manifest)?;
        write_page(&folder.join(PAGE), "", folder)?;
    }
    answers::forget_histories(folder)?;
    answers::forget_histories(source)
}

/// What to say of a run that is to answer: that it was trained on a part of the data, and how a model for use is made of it.
/// Nothing of final models, and of what is no finished run.
#[must_use]
pub fn hint(folder: &Path) -> Option<String> {
    let tabular = is_tabular(folder);
    let (evaluated, histories) = if tabular {
        (tabular::run::manifest(folder).ok()?.final_of.is_none(), true)
    } else {
        let manifest = run::manifest(folder).ok()?;
        (manifest.final_of.is_none(), manifest.histories)
    };
    if !evaluated {
        return None;
    }
    let data = folder.join(DATA);
    let parts = if tabular {
        TabularDataset::manifest_of(&data).ok().map(|of| [of.rows.train, of.rows.validation, of.rows.test])
    } else {
        Manifest::of_folder(&data).ok().map(|of| [of.train, of.validation, of.test].map(|n| n as u64))
    };
    let part = parts.map_or_else(
        || "a part of its data".to_owned(),
        |parts| {
            let all: u64 = parts.iter().sum();
            let what = if tabular { "rows" } else { "interactions" };
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
