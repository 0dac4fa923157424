//! The page of finished runs, of whichever family they are, and the one that a run holds of itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use adepts_data::examples::ExampleSet;
use adepts_data::store::is_prepared;
use adepts_serve::Page;
use serde::Serialize;

use crate::error::{Error, RunError};
use crate::files::{FileMark, LARGEST, checked, hash, read, write_marked};
use crate::folder::lock;
use crate::ranker::run::holds_ranker;
use crate::report::PAGE;
use crate::run::{MANIFEST, write_json};
use crate::{finalize, ranker, report, run};

/// Writes the page of these runs, which must be of one family and on the same data, or that of one final model.
pub fn write(path: &Path, title: &str, folders: &[PathBuf]) -> Result<(), Error> {
    if let [folder] = folders
        && finalize::is_final(folder)
    {
        return finalize::write_page(path, title, folder);
    }
    if folders.first().is_some_and(|folder| holds_ranker(folder)) {
        return ranker::report::write(path, title, &report::open_all(folders)?, None, None);
    }
    report::write(path, title, &report::open_all(folders)?, None, None)
}

/// Writes a page. If that is the page of a finished run's own report, the manifest of the run vouches for it: from the moment on in
/// which the new page is there, and no longer for the old one before it goes.
pub(crate) fn put(path: &Path, html: &str) -> Result<(), Error> {
    let folder = path.parent().filter(|_| path.file_name() == Some(OsStr::new(PAGE)));
    let finished =
        |folder: &&Path| folder.join(MANIFEST).exists() && !is_prepared(folder) && !ExampleSet::is_prepared(folder);
    let folder = folder.filter(finished);
    let _lock = folder.map(lock).transpose()?;
    folder.map_or(Ok(()), |folder| vouch(folder, None))?;
    let mark = write_marked(path, html.as_bytes())?;
    folder.map_or(Ok(()), |folder| vouch(folder, Some(&mark)))
}

/// Lets the manifest of a finished run vouch for this page, or for none.
fn vouch(folder: &Path, page: Option<&FileMark>) -> Result<(), Error> {
    fn noted(files: &mut BTreeMap<String, FileMark>, page: Option<&FileMark>) -> bool {
        let before = match page {
            Some(mark) => files.insert(PAGE.to_owned(), mark.clone()),
            None => files.remove(PAGE),
        };
        before.as_ref() != page
    }
    let path = folder.join(MANIFEST);
    if holds_ranker(folder) {
        let mut manifest = ranker::run::manifest(folder)?;
        return if noted(&mut manifest.files, page) { write_json(&path, &manifest) } else { Ok(()) };
    }
    let mut manifest = run::manifest(folder)?;
    if noted(&mut manifest.files, page) { write_json(&path, &manifest) } else { Ok(()) }
}

/// The page that a run holds of itself, if it is the one that its manifest vouches for. Manifests of earlier versions vouch for none;
/// then it is shown as it is.
pub(crate) fn own(folder: &Path, files: &BTreeMap<String, FileMark>) -> Page {
    if !files.contains_key(PAGE) {
        return read(&folder.join(PAGE), LARGEST).map_or(Page::Missing, Page::Whole);
    }
    let reason = match checked(folder, files, PAGE) {
        Ok(page) => return Page::Whole(page),
        Err(Error::Run(RunError::Changed { found, expected, .. })) => {
            format!("{PAGE} has {found}, the manifest of the run says {expected}")
        }
        Err(Error::Run(RunError::Io { source, .. })) => format!("{PAGE} cannot be read: {source}"),
        Err(error) => error.to_string(),
    };
    Page::Changed { reason }
}

/// Hash of what a manifest says but for the page, on which no answer depends: a run whose report was written anew is still the same.
pub(crate) fn identity(manifest: &impl Serialize) -> String {
    let mut said = serde_json::to_value(manifest).expect("a manifest is JSON");
    if let Some(files) = said.get_mut("files").and_then(serde_json::Value::as_object_mut) {
        // Not `remove`, which would put the last name into the gap.
        files.shift_remove(PAGE);
    }
    hash(said.to_string().as_bytes())
}
