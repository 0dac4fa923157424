//! Where training stands, in one file: `checkpoint.safetensors`.
//!
//! One file, because one rename replaces it: whenever the process dies, the old checkpoint is there or the new one. Counters
//! and sums are a note in its header (floats by their bits), the parameters, moments and row signals are its arrays. What
//! follows from seed and epoch — the order of the users, their weights — is not kept but found again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use adepts_core::Tensors;
use adepts_ops::table::Table;
use serde::de::DeserializeOwned;

use crate::arrays::{self, ArrayFile, Entry};
use crate::course::Course;
use crate::optimizer::Adam;
use crate::state::State;
use crate::{Fingerprint, TrainError};

/// Files of another format are refused.
const FORMAT: u64 = 1;

/// Writes a checkpoint.
pub(crate) fn save(
    path: &Path,
    fingerprint: &Fingerprint,
    state: &State,
    course: &mut impl Course,
    adam: &Adam,
) -> Result<(), TrainError> {
    let state = State { window: state.signals.len(), ..state.clone() };
    let notes =
        [("format", FORMAT.to_string()), ("fingerprint", arrays::note(fingerprint)), ("state", arrays::note(&state))];
    let mut entries: Vec<Entry> = Vec::new();
    if !state.finished {
        let parameters = course.parameters();
        entries.extend(parameters.iter().map(|(name, p)| Entry::parameter(format!("parameter/{name}"), p)));
        entries.extend(counted(course, "counted/"));
        for (name, table) in course.tables() {
            let table: &Table = table;
            let arrays = TABLE_ARRAYS.into_iter().zip(table.arrays());
            entries.extend(arrays.map(|(array, floats)| Entry::list(format!("table.{array}/{name}"), floats)));
        }
        entries.extend(adam.entries());
        let past = state.signals.iter().enumerate();
        entries.extend(past.map(|(i, signal)| Entry::list(format!("signal/{i}"), signal)));
        entries.push(Entry::list("signal/now", &state.signal));
    }
    arrays::write(path, &notes, &entries, true)
}

/// What a table keeps, in the order of [`adepts_ops::table::Table::arrays`].
const TABLE_ARRAYS: [&str; 3] = ["weight", "first", "second"];

/// Reads a checkpoint into the learner and its optimizer; `None` if there is no file.
pub(crate) fn load(
    path: &Path,
    fingerprint: &Fingerprint,
    course: &mut impl Course,
    adam: &mut Adam,
) -> Result<Option<State>, TrainError> {
    match fs::exists(path) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(source) => return Err(TrainError::Io { action: "read", path: path.to_owned(), source }),
    }
    let mut file = ArrayFile::open(path)?;
    let found = note(path, &file, "format")?;
    if found != FORMAT {
        return Err(TrainError::Format { path: path.to_owned(), found, expected: FORMAT });
    }
    let differences = note::<Fingerprint>(path, &file, "fingerprint")?.differences(fingerprint);
    if !differences.is_empty() {
        return Err(TrainError::OtherTraining { path: path.to_owned(), differences });
    }
    let mut state: State = note(path, &file, "state")?;
    let (window, users) = course.signals();
    if state.epoch == 0 || state.window > window {
        let reason = format!("epoch {} with {} of {window} past signals", state.epoch, state.window);
        return Err(TrainError::Damaged { path: path.to_owned(), reason });
    }
    if state.finished {
        return Ok(Some(state));
    }
    for (name, mut parameter) in course.parameters() {
        let shape = arrays::shape(&parameter);
        arrays::replace(&mut parameter, file.read(&format!("parameter/{name}"), &shape)?);
        // Without an update there are no moments yet.
        if state.taken > 0 {
            adam.restore(&mut file, &name, shape.iter().product())?;
        }
    }
    recount(course, &mut file, "counted/")?;
    for (name, table) in course.tables() {
        let floats = table.rows() * table.width();
        let kept = if state.taken > 0 { TABLE_ARRAYS.len() } else { 1 };
        for (array, into) in TABLE_ARRAYS.into_iter().zip(table.arrays_mut()).take(kept) {
            file.read_into(&format!("table.{array}/{name}"), &[floats], into)?;
        }
    }
    for i in 0..state.window {
        state.signals.push_back(file.read(&format!("signal/{i}"), &[users])?);
    }
    state.signal = file.read("signal/now", &[if window > 0 { users } else { 0 }])?;
    Ok(Some(state))
}

/// Takes what is counted from a file, where its arrays have these names behind `prefix`.
pub(crate) fn recount(course: &mut impl Course, file: &mut ArrayFile, prefix: &str) -> Result<(), TrainError> {
    let now = course.counted();
    let mut counted = Tensors::default();
    for name in now.names() {
        let shape = now.array(name).map(|array| array.shape.clone()).unwrap_or_default();
        counted.insert(name, &shape, file.read(&format!("{prefix}{name}"), &shape)?);
    }
    let path = file.path().to_owned();
    course.recount(&counted).map_err(|source| TrainError::Array { path, source: Box::new(source) })
}

/// The arrays of what is counted, their names behind `prefix`.
pub(crate) fn counted(course: &mut impl Course, prefix: &str) -> Vec<Entry<'static>> {
    let counted = course.counted();
    let entry = |name| Some(Entry::array(format!("{prefix}{name}"), counted.array(name).ok()?));
    counted.names().filter_map(entry).collect()
}

/// Removes a checkpoint, if there is one.
pub(crate) fn remove(path: &Path) -> Result<(), TrainError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(TrainError::Io { action: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn note<T: DeserializeOwned>(path: &Path, file: &ArrayFile, name: &str) -> Result<T, TrainError> {
    let damaged = |e: serde_json::Error| TrainError::Damaged { path: path.to_owned(), reason: format!("{name}: {e}") };
    serde_json::from_str(file.note(name)?).map_err(damaged)
}
