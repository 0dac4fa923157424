//! What every finished run says of itself, of whichever family: its manifest, its evaluation and its training log.

use std::collections::BTreeMap;
use std::path::Path;

use adepts_core::EpochRecord;
use adepts_data::lock::holder;
use adepts_data::store::is_prepared;
use adepts_data::tabular::TabularDataset;
use adepts_eval::{RunSummary, Summary};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, RunError};
use crate::family::{FinalOf, Settings};
use crate::files::{CONFIG, EPOCHS, FileMark, LARGEST, LARGEST_LOG, MANIFEST, REPORT, read};

/// The newest format of a run. From 2 on history runs hold what answers need beside the data, from 3 on also what users
/// have only seen and the order of items with equal scores.
pub const FORMAT: u32 = 3;

/// What a run may hold beside what every run holds.
#[derive(Default)]
pub(crate) struct Beside {
    /// The run that it is the final form of.
    pub(crate) final_of: Option<FinalOf>,
    /// Files that are written already.
    pub(crate) files: BTreeMap<String, FileMark>,
}

/// The last evaluation of a run, if there was one.
pub fn summary(folder: &Path) -> Result<Option<Summary>, Error> {
    let path = folder.join(REPORT);
    if !path.exists() {
        return Ok(None);
    }
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() };
    Ok(Some(serde_json::from_slice(&read(&path, LARGEST)?).map_err(damaged)?))
}

/// The evaluation of a run that is finished already, which must be one on the data of this hash; `None` where training is to
/// go on.
pub fn finished<S: Settings>(folder: &Path, data: &str) -> Result<Option<RunSummary>, Error> {
    let manifest = match S::manifest(folder) {
        Err(Error::Run(RunError::Unfinished { .. } | RunError::NotARun { .. })) => return Ok(None),
        manifest => manifest?,
    };
    if S::data_of(&manifest) != data {
        let folder = folder.display();
        return Err(Error::Request(format!("{folder} is a finished run on other data or another split of it")));
    }
    Ok(Some(evaluation(folder)?))
}

/// The last evaluation of a finished run.
pub fn evaluation(folder: &Path) -> Result<RunSummary, Error> {
    let path = folder.join(REPORT);
    let missing =
        || RunError::Damaged { path, reason: "it holds no evaluation; `adepts evaluate` makes a new one".into() };
    Ok(summary(folder)?.and_then(|summary| summary.runs.into_iter().next()).ok_or_else(missing)?)
}

/// The training log of a run; empty where there is none.
pub fn epochs(folder: &Path) -> Result<Vec<EpochRecord>, Error> {
    let path = folder.join(EPOCHS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = read(&path, LARGEST_LOG)?;
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), reason: e.to_string() }.into();
    lines.map(|line| serde_json::from_slice(line).map_err(damaged)).collect()
}

/// What every manifest has.
#[derive(Deserialize)]
pub(crate) struct Head {
    format: u32,
    family: Option<String>,
}

/// The manifest of a finished run of a family; those of history runs name none.
pub(crate) fn manifest_of<T: DeserializeOwned>(folder: &Path, family: Option<&str>) -> Result<T, Error> {
    let (Head { family: found, .. }, bytes) = checked_bytes(folder)?;
    if found.as_deref() != family {
        // Folders have an older name for tabular runs.
        let of = |family: Option<&str>| match family {
            None => "history".to_owned(),
            Some("examples") => "tabular".to_owned(),
            Some(other) => other.to_owned(),
        };
        let (found, expected) = (of(found.as_deref()), of(family));
        return Err(RunError::Family { path: folder.to_owned(), found, expected }.into());
    }
    Ok(serde_json::from_slice(&bytes).map_err(damaged(folder))?)
}

/// The manifest of a finished run of whichever family, field by field.
pub(crate) fn fields(folder: &Path) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
    Ok(serde_json::from_slice(&checked_bytes(folder)?.1).map_err(damaged(folder))?)
}

/// The files that the manifest of a finished run, of whichever family, vouches for.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, FileMark>, Error> {
    let files = fields(folder)?.remove("files").unwrap_or_default();
    Ok(serde_json::from_value(files).map_err(damaged(folder))?)
}

/// What the manifest of a finished run, of whichever family, begins with.
pub(crate) fn head(folder: &Path) -> Result<Head, Error> {
    Ok(checked_bytes(folder)?.0)
}

fn damaged(folder: &Path) -> impl Fn(serde_json::Error) -> RunError {
    let path = folder.join(MANIFEST);
    move |e| RunError::Damaged { path: path.clone(), reason: e.to_string() }
}

/// A manifest whose format is known.
fn checked_bytes(folder: &Path) -> Result<(Head, Vec<u8>), Error> {
    let path = folder.join(MANIFEST);
    if is_prepared(folder) || TabularDataset::is_prepared(folder) {
        return Err(RunError::Prepared { path: folder.to_owned() }.into());
    }
    if !path.exists() {
        // Whoever trains a closed form writes nothing but a lock before the end.
        let (path, by) = (folder.to_owned(), holder(folder));
        let unfinished = by.is_some() || folder.join(CONFIG).exists();
        return Err(if unfinished { RunError::Unfinished { path, by } } else { RunError::NotARun { path } }.into());
    }
    let bytes = read(&path, LARGEST)?;
    let head: Head = serde_json::from_slice(&bytes).map_err(damaged(folder))?;
    if head.format > FORMAT {
        return Err(RunError::Newer { path, found: head.format, known: FORMAT }.into());
    }
    if head.format == 0 {
        return Err(RunError::Damaged { path, reason: "format 0, expected a whole number from 1".into() }.into());
    }
    Ok((head, bytes))
}
