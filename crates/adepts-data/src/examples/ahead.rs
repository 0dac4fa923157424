//! Batches made while the one before is worked on.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use super::batch::Examples;
use super::epoch::Epoch;
use crate::error::DataError;

/// Batches that wait at most, besides the one being made.
const WAITING: usize = 1;

/// The batches of an epoch, in its order, made by a thread of their own.
#[derive(Debug)]
pub struct Ahead(Source);

#[derive(Debug)]
enum Source {
    /// With one thread for all work, batches are made when they are asked for.
    Here(Box<Epoch>),
    There {
        batches: Receiver<Result<Examples, DataError>>,
        thread: Option<JoinHandle<()>>,
    },
}

impl Ahead {
    /// The batches that are left of an epoch. Their thread ends with the epoch, with its first error or when this is dropped.
    #[must_use]
    pub fn of(mut epoch: Epoch) -> Self {
        if rayon::current_num_threads() == 1 {
            return Self(Source::Here(Box::new(epoch)));
        }
        let (sender, batches) = sync_channel(WAITING);
        let make = move || {
            while let Some(batch) = epoch.next().transpose() {
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        };
        Self(Source::There { batches, thread: Some(thread::spawn(make)) })
    }

    /// The next batch; `None` at the end of the epoch.
    ///
    /// # Errors
    /// As of [`Epoch::next`]; there is no batch after an error.
    #[expect(clippy::should_implement_trait, reason = "`?` reads better on a result of an option than the reverse")]
    pub fn next(&mut self) -> Result<Option<Examples>, DataError> {
        match &mut self.0 {
            Source::Here(epoch) => epoch.next(),
            Source::There { batches, thread } => {
                let Ok(batch) = batches.recv() else {
                    // A thread that panicked must not look like the end of the epoch.
                    thread.take().map_or(Ok(()), JoinHandle::join).unwrap_or_else(|panic| resume_unwind(panic));
                    return Ok(None);
                };
                batch.map(Some)
            }
        }
    }
}
