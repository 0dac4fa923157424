//! The training log `epochs.jsonl`: one line per epoch.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use adepts_core::EpochRecord;
use adepts_data::write_atomically;

use crate::TrainError;

/// The log of a run.
#[derive(Debug)]
pub(crate) struct Journal(PathBuf);

impl Journal {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.join("epochs.jsonl"))
    }

    /// Appends an epoch. It lasts when [`Journal::sync`] returns; what a killed process leaves behind a checkpoint is cut
    /// off when the run is resumed.
    pub(crate) fn append(&self, record: &EpochRecord) -> Result<(), TrainError> {
        let append = || {
            let mut line = serde_json::to_vec(record)?;
            line.push(b'\n');
            OpenOptions::new().append(true).create(true).open(&self.0)?.write_all(&line)
        };
        append().map_err(self.io("write"))
    }

    /// Makes the log last.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        match File::open(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            opened => opened.and_then(|file| file.sync_all()).map_err(self.io("write")),
        }
    }

    /// Cuts off all but the first `expected` epochs.
    pub(crate) fn keep(&self, expected: usize) -> Result<(), TrainError> {
        let text = match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(self.io("read"))?,
        };
        let is_epoch = |(i, line): &(usize, &str)| {
            line.ends_with('\n') && serde_json::from_str::<EpochRecord>(line).is_ok_and(|record| record.epoch == i + 1)
        };
        let lines = text.split_inclusive('\n').take(expected).enumerate().take_while(is_epoch);
        let (found, length) = lines.fold((0, 0), |(count, length), (_, line)| (count + 1, length + line.len()));
        if found < expected {
            return Err(TrainError::Log { path: self.0.clone(), found, expected });
        }
        if length == text.len() {
            return Ok(());
        }
        write_atomically(&self.0, |out| out.write_all(&text.as_bytes()[..length]))
            .map_err(|error| self.io("write")(std::io::Error::other(error)))
    }

    fn io(&self, action: &'static str) -> impl Fn(std::io::Error) -> TrainError {
        let path = self.0.clone();
        move |source| TrainError::Io { action, path: path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_cut_after_the_epochs_of_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        journal.keep(0).unwrap();
        for epoch in 1..=3 {
            journal.append(&EpochRecord { epoch, ..EpochRecord::default() }).unwrap();
        }
        let whole = fs::read_to_string(&journal.0).unwrap();
        OpenOptions::new().append(true).open(&journal.0).unwrap().write_all(b"{\"epoch\":4,").unwrap();
        journal.keep(3).unwrap();
        assert_eq!(fs::read_to_string(&journal.0).unwrap(), whole);
        let error = journal.keep(4).unwrap_err();
        assert!(matches!(error, TrainError::Log { found: 3, expected: 4, .. }), "{error}");
        journal.keep(1).unwrap();
        assert_eq!(fs::read_to_string(&journal.0).unwrap().lines().count(), 1);
    }
}
