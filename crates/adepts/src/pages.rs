//! Pages as files: which may be replaced, and the one that a run holds of itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use adepts_data::store::is_prepared;
use adepts_data::tabular::TabularDataset;
use adepts_eval::SeedComparison;
use adepts_report::seeds_page;
use adepts_serve::Page;
use serde::Serialize;

use crate::error::{Error, RunError};
use crate::files::{FileMark, LARGEST, MANIFEST, PAGE, checked, hash, read, write_json, write_marked};
use crate::folder::lock;
use crate::manifest;

/// Bytes at the beginning of a file in which the mark of a page must be.
const HEAD: u64 = 1024;

/// Whether a page may be written there: what is no page of ours is replaced only where that was said.
pub fn check(path: &Path, overwrite: bool) -> Result<(), Error> {
    let mut start = Vec::new();
    let read = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.and_then(|file| file.take(HEAD).read_to_end(&mut start)),
    };
    // A folder cannot be read; that it cannot be written either is said by who tries.
    if overwrite || read.is_ok() && String::from_utf8_lossy(&start).contains(adepts_report::MARK) {
        return Ok(());
    }
    Err(Error::Request(format!(
        "{} exists and is no page of adepts; use another file, or `--overwrite` to replace it",
        path.display()
    )))
}

/// Writes the page of models that are compared over seeds.
pub fn write_seeds(path: &Path, comparison: &SeedComparison) -> Result<(), Error> {
    put(path, &seeds_page("", comparison)?)
}

/// Writes a page. If that is the page of a finished run's own report, the manifest of the run vouches for it: from the moment on in
/// which the new page is there, and no longer for the old one before it goes.
pub(crate) fn put(path: &Path, html: &str) -> Result<(), Error> {
    let folder = path.parent().filter(|_| path.file_name() == Some(OsStr::new(PAGE)));
    let finished =
        |folder: &&Path| folder.join(MANIFEST).exists() && !is_prepared(folder) && !TabularDataset::is_prepared(folder);
    let folder = folder.filter(finished);
    let _lock = folder.map(lock).transpose()?;
    folder.map_or(Ok(()), |folder| vouch(folder, None))?;
    let mark = write_marked(path, html.as_bytes())?;
    folder.map_or(Ok(()), |folder| vouch(folder, Some(&mark)))
}

/// Lets the manifest of a finished run vouch for this page, or for none.
fn vouch(folder: &Path, page: Option<&FileMark>) -> Result<(), Error> {
    let mut files = manifest::files(folder)?;
    let before = match page {
        Some(mark) => files.insert(PAGE.to_owned(), mark.clone()),
        None => files.remove(PAGE),
    };
    if before.as_ref() == page {
        return Ok(());
    }
    let mut manifest = manifest::fields(folder)?;
    manifest.insert("files".to_owned(), serde_json::json!(files));
    write_json(&folder.join(MANIFEST), &manifest)
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
