//! Who is told how training goes.

use adepts_core::{EpochRecord, Memory};

/// Told about each update and each epoch, such as by the command line, which draws them. Nothing it does changes the
/// training.
pub trait Observer {
    /// What the work will take in memory, before it takes it.
    fn memory(&mut self, needed: &Memory) {
        let _ = needed;
    }

    /// Something is to be known before training begins.
    fn note(&mut self, text: &str) {
        let _ = text;
    }

    /// Training begins, afresh or where it was left.
    fn begin(&mut self, beginning: Beginning, progress: &Progress) {
        let _ = (beginning, progress);
    }

    /// An update was taken.
    fn step(&mut self, progress: &Progress) {
        let _ = progress;
    }

    /// An epoch was validated and is in the log.
    fn epoch(&mut self, record: &EpochRecord, progress: &Progress) {
        let _ = (record, progress);
    }
}

/// How a training begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// From nothing, as was asked for.
    Afresh,
    /// From nothing, as there is no checkpoint to continue from.
    NoCheckpoint,
    /// From a checkpoint.
    Continued,
    /// From the end: the checkpoint says that training is over.
    Ended,
}

/// Watches nothing.
impl Observer for () {}

/// How far training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The most epochs.
    pub epochs: usize,
    /// Updates taken in this epoch.
    pub batch: usize,
    /// Updates of an epoch.
    pub batches: usize,
    /// The best epoch so far and its validation score.
    pub best: Option<(usize, f64)>,
    /// Further epochs without a new best after which training stops; without validation the epochs that are left.
    pub patience_left: usize,
    /// Seconds of an epoch with its validation, on average; absent before the first is over.
    pub epoch_seconds: Option<f64>,
}

impl Progress {
    /// Seconds until training can end at the earliest, by patience or with the last epoch.
    #[must_use]
    pub fn seconds_at_least(&self) -> Option<f64> {
        let left = (self.epochs as f64 - self.done()).min(self.patience_left as f64 - self.done().fract());
        Some(self.epoch_seconds? * left.max(0.0))
    }

    /// Seconds until training ends with the last epoch.
    #[must_use]
    pub fn seconds_at_most(&self) -> Option<f64> {
        Some(self.epoch_seconds? * (self.epochs as f64 - self.done()).max(0.0))
    }

    /// Epochs that are done, with the part of the one in progress.
    fn done(&self) -> f64 {
        (self.epoch - 1) as f64 + self.batch as f64 / self.batches as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_between_patience_and_the_last_epoch() {
        let at = |epoch, batch| Progress {
            epoch,
            epochs: 100,
            batch,
            batches: 4,
            best: Some((8, 0.5)),
            patience_left: 5,
            epoch_seconds: Some(2.0),
        };
        assert_eq!((at(11, 2).seconds_at_least(), at(11, 2).seconds_at_most()), (Some(9.0), Some(179.0)));
        assert_eq!((at(99, 0).seconds_at_least(), at(100, 4).seconds_at_most()), (Some(4.0), Some(0.0)));
        assert_eq!(Progress { epoch_seconds: None, ..at(1, 0) }.seconds_at_most(), None);
    }
}
