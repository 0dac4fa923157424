//! The files of a run that its manifest vouches for: each is read once, and is what was written or is not used.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use adepts_core::Tensors;
use adepts_data::atomic::write_atomically;
use serde::{Deserialize, Serialize};

use crate::error::{Error, RunError};

/// The folder of the prepared data in a run.
pub const DATA: &str = "data";
/// The configuration of a run, resolved.
pub const CONFIG: &str = "config.toml";
/// The parameters in a run.
pub const MODEL: &str = "model.safetensors";
/// What a finished run says of itself.
pub const MANIFEST: &str = "manifest.json";
/// The result of the evaluation in a run.
pub const REPORT: &str = "report.json";
/// Every test user's own figures in a run.
pub const PER_USER: &str = "per_user.parquet";
/// The training log in a run.
pub const EPOCHS: &str = "epochs.jsonl";
/// The scores of the test rows in a run.
pub const PREDICTIONS: &str = "predictions.parquet";
/// The figures of the evaluated run in the folder of a final model, as its `report.json` has them.
pub const EVALUATED: &str = "evaluated.json";
/// What a final model that is not finished is made of, in its folder.
pub(crate) const BEGUN: &str = "finalizing.json";
/// The page in a run.
pub const PAGE: &str = "report.html";
/// The folder of what answers need in a run.
pub const ANSWERS: &str = "answers";

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMark {
    /// Its length.
    pub bytes: u64,
    /// Its hash.
    pub blake3: String,
}

/// The most that is read of a configuration, a manifest or an evaluation.
pub(crate) const LARGEST: u64 = 64 << 20;
/// The most that is read of a training log.
pub(crate) const LARGEST_LOG: u64 = 1 << 30;
/// Bytes that are hashed at once.
const PIECE: usize = 1 << 20;

/// The content of a file of at most this length.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let io = |source| RunError::Io { action: "read", path: path.to_owned(), source };
    let too_long = || RunError::TooLong { path: path.to_owned(), most };
    let file = fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > most {
        return Err(too_long().into());
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most { Err(too_long().into()) } else { Ok(bytes) }
}

/// The mark of a file as it is.
pub(crate) fn mark(path: &Path) -> Result<FileMark, Error> {
    let io = |source| RunError::Io { action: "read", path: path.to_owned(), source };
    let mut file = Hashed::new(fs::File::open(path).map_err(io)?);
    let bytes = file.rest().map_err(io)?;
    Ok(FileMark { bytes, blake3: file.hash() })
}

/// Writes a file and says how it is marked.
pub(crate) fn write_marked(path: &Path, bytes: &[u8]) -> Result<FileMark, Error> {
    write_atomically(path, |out| out.write_all(bytes))?;
    Ok(FileMark { bytes: bytes.len() as u64, blake3: hash(bytes) })
}

/// The content of a file that the manifest vouches for; no more is read than it says.
pub(crate) fn checked(folder: &Path, files: &BTreeMap<String, FileMark>, name: &str) -> Result<Vec<u8>, Error> {
    checked_with(folder, files, name, |path, length, file| {
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        let io = |source| RunError::Io { action: "read", path: path.to_owned(), source };
        file.take(length).read_to_end(&mut bytes).map_err(io)?;
        Ok(bytes)
    })
}

/// The arrays of a file that the manifest vouches for. They are never in memory twice.
pub(crate) fn checked_tensors(folder: &Path, files: &BTreeMap<String, FileMark>, name: &str) -> Result<Tensors, Error> {
    checked_with(folder, files, name, |path, length, file| {
        let tensors = Tensors::read_from(path, length, file);
        tensors.map_err(|source| Error::Model { path: path.to_owned(), source: source.into() })
    })
}

/// Whether the model of a run that was opened is still the one in its folder, where another may have been trained meanwhile.
pub(crate) fn same_model(
    folder: &Path,
    found: &BTreeMap<String, FileMark>,
    opened: &BTreeMap<String, FileMark>,
) -> Result<(), Error> {
    if found.get(MODEL) == opened.get(MODEL) {
        return Ok(());
    }
    Err(RunError::Replaced { path: folder.to_owned() }.into())
}

/// What `use_it` makes of a file, once size and hash were found to be those of the manifest.
fn checked_with<T>(
    folder: &Path,
    files: &BTreeMap<String, FileMark>,
    name: &str,
    use_it: impl FnOnce(&Path, u64, &mut Hashed) -> Result<T, Error>,
) -> Result<T, Error> {
    let (file, expected) = sized(folder, files, name)?;
    let path = folder.join(name);
    let mut file = Hashed::new(file);
    let made = use_it(&path, expected.bytes, &mut file);
    // A file that has changed is told to be so, whatever else it led to.
    file.rest().map_err(|source| RunError::Io { action: "read", path: path.clone(), source })?;
    let found = file.hash();
    if found != expected.blake3 {
        let (found, expected) = (format!("hash {found}"), expected.blake3.clone());
        return Err(RunError::Changed { path, found, expected }.into());
    }
    made
}

/// A file that the manifest vouches for, of the size that it says.
pub(crate) fn sized<'a>(
    folder: &Path,
    files: &'a BTreeMap<String, FileMark>,
    name: &str,
) -> Result<(fs::File, &'a FileMark), Error> {
    let path = folder.join(name);
    let Some(expected) = files.get(name) else {
        let reason = format!("it does not list {name}");
        return Err(RunError::Damaged { path: folder.join(MANIFEST), reason }.into());
    };
    let io = |source| RunError::Io { action: "read", path: path.clone(), source };
    let file = fs::File::open(&path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length != expected.bytes {
        let (found, expected) = (format!("{length} bytes"), format!("{} bytes", expected.bytes));
        return Err(RunError::Changed { path, found, expected }.into());
    }
    Ok((file, expected))
}

/// The hash of what is in memory.
pub(crate) fn hash(bytes: &[u8]) -> String {
    blake3::Hasher::new().update_rayon(bytes).finalize().to_hex().to_string()
}

/// A file that is hashed as it is read.
struct Hashed {
    file: fs::File,
    hasher: blake3::Hasher,
}

impl Hashed {
    fn new(file: fs::File) -> Self {
        Self { file, hasher: blake3::Hasher::new() }
    }

    /// Reads what is left, and says how much it was.
    fn rest(&mut self) -> io::Result<u64> {
        let (mut piece, mut bytes) = (vec![0; PIECE], 0);
        loop {
            match self.read(&mut piece)? {
                0 => return Ok(bytes),
                read => bytes += read as u64,
            }
        }
    }

    fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.hasher.update_rayon(&into[..read]);
        Ok(read)
    }
}

/// Writes a value as JSON, atomically.
#[expect(clippy::missing_panics_doc, reason = "it never does")]
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).expect("results are JSON");
    Ok(write_atomically(path, |out| writeln!(out, "{text}"))?)
}
