//! The page of finished runs, of whichever family they are.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::ranker::run::holds_ranker;
use crate::{ranker, report};

/// Writes the page of these runs, which must be of one family and on the same data.
pub fn write(path: &Path, title: &str, folders: &[PathBuf]) -> Result<(), Error> {
    if folders.first().is_some_and(|folder| holds_ranker(folder)) {
        return ranker::report::write(path, title, &report::open_all(folders)?, None, None);
    }
    report::write(path, title, &report::open_all(folders)?)
}
