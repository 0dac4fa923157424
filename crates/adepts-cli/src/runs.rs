//! The runs that a verb is given.

use std::path::{Path, PathBuf};

use adepts::family::refuse;
use adepts::history::run;
use adepts::{Error, RunError, tabular};

use crate::progress::line;

/// Those of several runs that are finished and evaluated. Which are left out, and why, is printed on stderr, so that a glob may
/// be given; an error where none is left. A run that is given alone has to be a finished one.
pub(crate) fn finished(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    if folders.len() < 2 {
        return Ok(folders.to_vec());
    }
    let (mut kept, mut first) = (Vec::new(), None);
    for folder in folders {
        match unfit(folder) {
            None => kept.push(folder.clone()),
            Some(error) => {
                line(&format!("left out: {error}"));
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(error) if kept.is_empty() => Err(error),
        _ => Ok(kept),
    }
}

/// Why a folder is left out. What else is wrong with it is not passed over.
fn unfit(folder: &Path) -> Option<Error> {
    if folder.is_file() {
        return Some(Error::Request(format!("{} is a file, not a run", folder.display())));
    }
    let final_of = match run::manifest(folder) {
        Err(error @ Error::Run(RunError::Unfinished { .. })) => return Some(error),
        Ok(manifest) => manifest.final_of,
        Err(_) => tabular::run::manifest(folder).ok().and_then(|manifest| manifest.final_of),
    };
    refuse(folder, final_of.as_ref()).err()
}
