//! How work is done: progress, memory, checkpoints, and what becomes of a run that is there.

use adepts_core::{Bytes, Memory};
use adepts_data::Progress;
use adepts_train::Observer;

use crate::error::Error;

/// What concerns how the work is done, and not its result.
pub struct Work<'a> {
    /// Told of work other than training.
    pub progress: Progress<'a>,
    /// Told of training.
    pub observer: &'a mut dyn Observer,
    /// Whether to stop as soon as what was done is safe.
    pub stop: &'a dyn Fn() -> bool,
    /// Memory that may be used, in bytes, if known.
    pub available: Option<u64>,
    /// Least seconds between checkpoints.
    pub checkpoint_every: f64,
    /// Whether to continue a run that was stopped.
    pub resume: bool,
    /// Whether to replace a run that is there.
    pub overwrite: bool,
}

/// Refuses what needs more memory than there is.
pub(crate) fn check_memory(needed: &Memory, work: &mut Work<'_>) -> Result<(), Error> {
    match work.available {
        Some(available) if needed.total() > available => {
            Err(Error::Memory { needed: Bytes(needed.total()), needed_parts: needed.clone(), available })
        }
        _ => {
            work.observer.memory(needed);
            Ok(())
        }
    }
}
