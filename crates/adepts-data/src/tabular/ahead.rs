//! Batches made while the one before is worked on.

use std::mem;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use super::batch::TabularBatch;
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
        batches: Receiver<Result<TabularBatch, DataError>>,
        thread: JoinHandle<()>,
    },
    /// The epoch is over, or its first error was told.
    Over,
}

impl Ahead {
    /// The batches that are left of an epoch. Their thread ends with the epoch, with its first error, or, when this is dropped,
    /// after the batch that it is making.
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
        Self(Source::There { batches, thread: thread::spawn(make) })
    }

    /// The next batch; `None` at the end of the epoch.
    ///
    /// # Errors
    /// As of [`Epoch::next`]; there is no batch after an error.
    #[expect(clippy::should_implement_trait, reason = "`?` reads better on a result of an option than the reverse")]
    pub fn next(&mut self) -> Result<Option<TabularBatch>, DataError> {
        let batch = match &mut self.0 {
            Source::Here(epoch) => epoch.next(),
            Source::There { batches, .. } => batches.recv().ok().transpose(),
            Source::Over => Ok(None),
        };
        if !matches!(batch, Ok(Some(_)))
            && let Source::There { thread, .. } = mem::replace(&mut self.0, Source::Over)
        {
            // A thread that panicked must not look like the end of the epoch.
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        batch
    }
}
