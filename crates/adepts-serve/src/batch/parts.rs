//! The parts of an output that is being written, so that work that was stopped can go on.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use adepts_data::Lock;
use adepts_data::atomic::{plain, write_atomically};
use adepts_data::lock::LOCK;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::error::BatchError;
use super::write::{Format, Writer, join};
use super::{Done, Job};
use crate::question::Question;

/// What a batch was begun with; only the same goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    /// Hash of the run.
    pub(super) run: String,
    /// Hash of the table.
    pub(super) input: String,
    /// What the lists are like.
    pub(super) question: Question,
    /// Hash of what users have seen beyond what the run knows.
    #[serde(default)]
    pub(super) seen: Option<String>,
    /// Rows of a part.
    pub(super) part: u64,
}

/// The file that says what a batch was begun with.
const BEGUN: &str = "begun.json";
/// No such file is longer.
const LONGEST: u64 = 64 << 20;

/// The folder of the parts.
pub(super) struct Parts {
    folder: PathBuf,
    format: Format,
    done: Vec<Done>,
    _lock: Lock,
}

impl Parts {
    /// Begins, or goes on with what was begun.
    pub(super) fn begin(job: &Job<'_>, format: Format, begun: &Begun) -> Result<Self, BatchError> {
        let mut name = job.out.as_os_str().to_owned();
        name.push(".parts");
        let folder = PathBuf::from(name);
        let lock = Lock::take(&folder)?;
        if job.out.exists() && !job.overwrite {
            return Err(BatchError::Exists { path: job.out.to_owned() });
        }
        let mut parts = Self { folder, format, done: Vec::new(), _lock: lock };
        if parts.folder.join(BEGUN).exists() && job.resume {
            parts.check(begun)?;
            while let Some(done) = parts.recorded(parts.done.len())? {
                parts.done.push(done);
            }
            return Ok(parts);
        }
        parts.clear(job.overwrite)?;
        write_atomically(&parts.folder.join(BEGUN), |out| Ok(serde_json::to_writer(out, begun)?))?;
        Ok(parts)
    }

    /// Removes what was written before, if that is wanted; the lock stays.
    fn clear(&self, wanted: bool) -> Result<(), BatchError> {
        for entry in fs::read_dir(&self.folder).map_err(self.failed())? {
            let path = entry.map_err(self.failed())?.path();
            if path.file_name().is_some_and(|name| name == LOCK) {
                continue;
            }
            if !wanted {
                return Err(BatchError::Begun { path: self.folder.clone() });
            }
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(self.failed())?;
        }
        Ok(())
    }

    fn check(&self, begun: &Begun) -> Result<(), BatchError> {
        let other = |what| BatchError::Other { path: self.folder.clone(), what };
        let found: Begun = self.read(BEGUN)?.ok_or_else(|| other("nothing that can be read"))?;
        let same = [
            ("another run", found.run == begun.run),
            ("another table", found.input == begun.input),
            ("other items that users have seen", found.seen == begun.seen),
            ("other options", found.question == begun.question && found.part == begun.part),
        ];
        same.into_iter().find(|(_, same)| !same).map_or(Ok(()), |(what, _)| Err(other(what)))
    }

    /// What a part holds; `None` where it is not whole.
    fn recorded(&self, nth: usize) -> Result<Option<Done>, BatchError> {
        if self.part(nth).exists() { self.read(&format!("{nth:06}.json")) } else { Ok(None) }
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, BatchError> {
        let file = match File::open(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(self.failed())?,
        };
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map_err(self.failed())?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    fn part(&self, nth: usize) -> PathBuf {
        self.folder.join(format!("{nth:06}.part"))
    }

    /// What the whole parts hold.
    pub(super) fn done(&self) -> Done {
        let mut all = Done::default();
        self.done.iter().for_each(|done| all.add(done));
        all
    }

    /// Whether none is kept yet.
    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// What a refusal of the system means here.
    pub(super) fn failed(&self) -> impl Fn(io::Error) -> BatchError + use<> {
        let path = self.folder.clone();
        move |source| BatchError::Io { action: "write", path: path.clone(), source: plain(source) }
    }

    /// The file of the next part.
    pub(super) fn open(&self) -> Result<NamedTempFile, BatchError> {
        tempfile::Builder::new().prefix(".writing-").tempfile_in(&self.folder).map_err(self.failed())
    }

    /// Keeps a part that is whole.
    pub(super) fn keep(&mut self, (writer, file): (Writer<'_>, NamedTempFile), done: &Done) -> Result<(), BatchError> {
        let nth = self.done.len();
        writer.finish().and_then(|file| file.sync_all()).map_err(self.failed())?;
        write_atomically(&self.folder.join(format!("{nth:06}.json")), |out| Ok(serde_json::to_writer(out, done)?))?;
        file.persist(self.part(nth)).map_err(|e| self.failed()(e.error))?;
        self.done.push(done.clone());
        Ok(())
    }

    /// Puts the parts together as the output, and removes them.
    pub(super) fn finish(self, out: &Path) -> Result<Done, BatchError> {
        let files: Vec<File> = (0..self.done.len())
            .map(|nth| File::open(self.part(nth)))
            .collect::<Result<_, _>>()
            .map_err(self.failed())?;
        write_atomically(out, |file| join(self.format, &files, file).and_then(|()| file.flush()))?;
        drop(files);
        fs::remove_dir_all(&self.folder).map_err(self.failed())?;
        Ok(self.done())
    }
}
