//! The folder of a run: who may write there, what is in it while the work goes on, and what stays.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use adepts_data::atomic::{plain, write_atomically};
use adepts_data::lock::LOCK;
use adepts_data::source::find_files;
use adepts_data::{DataConfig, Lock, store::is_prepared};
use adepts_models::registry;
use adepts_train::Fingerprint;

use crate::error::{Error, RunError};
use crate::family::{Settings, model_of};
use crate::files::{
    ANSWERS, BEGUN, CONFIG, DATA, EPOCHS, EVALUATED, MANIFEST, MODEL, PAGE, PER_USER, PREDICTIONS, REPORT,
};
use crate::manifest::head;

/// What a finished run holds. The first says that it is finished and the last that it is a run, so that a removal that is
/// cut short, in this order, leaves what can still be told to be an unfinished run.
pub const FILES: [&str; 11] =
    [MANIFEST, MODEL, DATA, ANSWERS, EPOCHS, REPORT, EVALUATED, PER_USER, PREDICTIONS, PAGE, CONFIG];

/// What training keeps beside until the run is finished; the last two are what a killed process was writing.
const WORKING: [&str; 5] =
    [BEGUN, "checkpoint.safetensors", "best.safetensors", "checkpoint.safetensors.new", "best.safetensors.new"];

/// How the names of temporary files and folders begin.
const TEMPORARY: [&str; 3] = [".writing-", ".preparing-", ".replaced-"];

/// The right to write into the folder of a run, which whoever does so holds from before he looks at what is there until all is
/// written; a folder that is not there is made. Readers need none.
pub fn lock(folder: &Path) -> Result<Lock, Error> {
    Ok(Lock::take(folder)?)
}

/// As [`lock`], where a run is to be there: `None` where there is none, neither finished nor begun.
pub fn lock_run(folder: &Path) -> Result<Option<Lock>, Error> {
    [CONFIG, LOCK].iter().any(|name| folder.join(name).exists()).then(|| lock(folder)).transpose()
}

/// Whether a run may be written there: the folder must be new or empty, unless the run in it is to be continued or replaced.
pub fn check(folder: &Path, resume: bool, overwrite: bool) -> Result<(), Error> {
    if names(folder)?.iter().all(|name| is_temporary(name) || name.starts_with(LOCK)) {
        return Ok(());
    }
    if !resume && !overwrite {
        return Err(RunError::Exists { path: folder.to_owned() }.into());
    }
    let finished = matches!(head(folder), Ok(_) | Err(Error::Run(RunError::Newer { .. })));
    if finished || model_of(folder).is_some_and(|model| registry::names().any(|name| name == model)) {
        return Ok(());
    }
    let (folder, what) = (folder.display(), if overwrite { "overwritten" } else { "continued" });
    Err(Error::Request(format!("{folder} holds something that is not a run, so it is not {what}; use another folder")))
}

/// Refuses to replace what the data comes from: the source must not lie in any of `places`.
pub fn spare_source(data: &DataConfig, places: &[PathBuf]) -> Result<(), Error> {
    let source = PathBuf::from(&data.source);
    let files = if is_prepared(&source) {
        vec![source]
    } else {
        // What is wrong with the source is told when it is read.
        find_files(&data.source, data.format).unwrap_or_default().into_iter().map(|file| file.path).collect()
    };
    spare(&files, places)
}

/// Refuses if one of these files lies in one of these places.
pub(crate) fn spare(files: &[PathBuf], places: &[PathBuf]) -> Result<(), Error> {
    for (file, place) in files.iter().flat_map(|file| places.iter().map(move |place| (file, place))) {
        let real = file.canonicalize().ok().zip(place.canonicalize().ok());
        if real.is_some_and(|(file, place)| file.starts_with(place)) {
            return Err(RunError::HoldsSource { path: place.clone(), source_path: file.clone() }.into());
        }
    }
    Ok(())
}

/// Whether this run may be written there, as [`check`], and where it is to be continued was begun with the same settings, but
/// for the place of the data. Nothing is changed.
#[expect(clippy::missing_panics_doc, reason = "it never does")]
pub fn claim<S: Settings>(folder: &Path, experiment: &S, resume: bool, overwrite: bool) -> Result<(), Error> {
    check(folder, resume, overwrite)?;
    if !overwrite && folder.join(CONFIG).exists() {
        let settings = |experiment: &S| {
            let mut table: toml::Table = experiment.to_toml().parse().expect("a configuration is a table");
            if let Some(data) = table.get_mut("data").and_then(toml::Value::as_table_mut) {
                data.remove("source");
                data.entry("header").or_insert(true.into());
            }
            table.iter().fold(Fingerprint::default(), |print, (key, value)| print.with(key, value))
        };
        let differences = settings(&S::of_run(folder)?).differences(&settings(experiment));
        if !differences.is_empty() {
            let (folder, differences) = (folder.display(), differences.join("; "));
            return Err(Error::Request(format!("{folder} was begun with other settings: {differences}")));
        }
    }
    Ok(())
}

/// Begins a run with its configuration, or finds the one that is to be continued, under the conditions of [`claim`].
pub fn begin(folder: &Path, experiment: &impl Settings, resume: bool, overwrite: bool) -> Result<(), Error> {
    claim(folder, experiment, resume, overwrite)?;
    if overwrite {
        FILES.iter().chain(&WORKING).try_for_each(|name| remove(&folder.join(name)))?;
    }
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    // The manifest of a finished run vouches for the configuration as it is.
    if folder.join(MANIFEST).exists() {
        return Ok(());
    }
    Ok(write_atomically(&folder.join(CONFIG), |out| out.write_all(experiment.to_toml().as_bytes()))?)
}

/// Makes the folder of a run.
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    Ok(fs::create_dir_all(folder).map_err(io("create", folder))?)
}

/// Removes what was made in a folder before its run was begun, and the folder if nothing else is in it.
pub(crate) fn clear(folder: &Path, name: &str) -> Result<(), Error> {
    remove(&folder.join(name))?;
    // Whatever else is there stays, and the folder with it.
    drop(fs::remove_dir(folder));
    Ok(())
}

/// Moves a folder to its place, where a folder may be in the way.
pub(crate) fn move_into(from: &Path, to: &Path) -> Result<(), Error> {
    remove(to)?;
    Ok(fs::rename(from, to).map_err(io("rename", to))?)
}

/// Removes from a finished run what only its training needed.
pub fn tidy(folder: &Path) -> Result<(), Error> {
    WORKING.iter().try_for_each(|name| remove(&folder.join(name)))?;
    let names = names(folder)?;
    // The lock of the run itself is held.
    let left = |name: &&String| is_temporary(name) || name.starts_with(LOCK) && *name != LOCK;
    names.iter().filter(left).try_for_each(|name| remove(&folder.join(name)))
}

fn is_temporary(name: &str) -> bool {
    TEMPORARY.iter().any(|prefix| name.starts_with(prefix))
}

/// The names in a folder; none if there is no folder.
fn names(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries.map_err(io("read", folder))?,
    };
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    Ok(entries.map(|entry| entry.map(name)).collect::<Result<_, _>>().map_err(io("read", folder))?)
}

pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error).into()),
        _ => Ok(()),
    }
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> RunError {
    move |source| RunError::Io { action, path: path.to_owned(), source: plain(source) }
}
