//! What all requests share: the model that answers now, the events, the questions that wait.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

use super::batcher::{Batcher, Desk};
use super::limits::Limits;
use super::metrics::Metrics;
use super::tokens::Tokens;
use crate::answerer::{Answerer, OpenError, Opener, Page};
use crate::events::Journal;

/// The moment, in seconds since 1970: for events that bring none.
pub type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// Told what an operator should know, one line at a time; never a token, and nothing of a user.
pub type Note = Box<dyn Fn(&str) + Send + Sync>;

/// Who may write and administer.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever reaches this machine's own address, and says so in the request.
    Loopback,
    /// Whoever has a token.
    Tokens(Tokens),
}

pub(crate) struct App {
    pub(crate) run: PathBuf,
    opener: Opener,
    model: RwLock<Arc<dyn Answerer>>,
    reloads: AtomicU64,
    /// Held while a model is loaded.
    pub(crate) loading: Arc<tokio::sync::Mutex<()>>,
    pub(crate) journal: Journal,
    pub(crate) batcher: Batcher,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) note: Note,
    pub(crate) draining: AtomicBool,
    /// Kilobytes that bodies may still take.
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) document: String,
}

/// What [`App`] is made of.
pub(crate) struct Parts {
    pub(crate) run: PathBuf,
    pub(crate) opener: Opener,
    pub(crate) model: Arc<dyn Answerer>,
    pub(crate) journal: Journal,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) note: Note,
    pub(crate) document: String,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { run, opener, model, journal, access, limits, metrics, clock, note, document } = parts;
        metrics.serves(model.facts().items);
        Self {
            run,
            opener,
            model: RwLock::new(model),
            reloads: AtomicU64::new(0),
            loading: Arc::default(),
            journal,
            batcher: Batcher::new(limits.queue),
            access,
            limits,
            metrics,
            clock,
            note,
            draining: AtomicBool::new(false),
            bodies: Arc::new(Semaphore::new(limits.bodies.div_ceil(1024).max(limits.body.div_ceil(1024)))),
            document,
        }
    }

    /// The model that answers now.
    pub(crate) fn model(&self) -> Arc<dyn Answerer> {
        Arc::clone(&self.model.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the operator if the run's report is not the one that was written.
    pub(crate) fn note_report(&self) {
        if let Page::Changed { reason } = self.model().report() {
            (self.note)(&format!("the report of the run is not shown: {reason}"));
        }
    }

    /// How often another model has taken its place.
    pub(crate) fn reloads(&self) -> u64 {
        self.reloads.load(Ordering::Relaxed)
    }

    /// Opens the run again and, if it is whole, lets it answer from now on. Questions that are being asked are answered by
    /// the model that they were asked of.
    pub(crate) fn reload(&self) -> Result<Arc<dyn Answerer>, OpenError> {
        let model = (self.opener)(&self.run)?;
        *self.model.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&model);
        self.metrics.serves(model.facts().items);
        self.reloads.fetch_add(1, Ordering::Relaxed);
        Ok(model)
    }
}

impl Desk for App {
    fn model(&self) -> Arc<dyn Answerer> {
        self.model()
    }

    fn journal(&self) -> &Journal {
        &self.journal
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
