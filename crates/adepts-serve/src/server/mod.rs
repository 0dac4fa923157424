//! The server: from an address and a run to answers, until it is told to stop.

pub(crate) mod app;
pub(crate) mod batcher;
mod connections;
mod limits;
pub(crate) mod metrics;
mod stall;
pub(crate) mod tokens;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use app::{Access, Clock, Note};
pub use limits::{EXPLAINED, Limits};
pub use tokens::{Role, SHORTEST_TOKEN, Tokens, TokensError};

use crate::answerer::{OpenError, Opener};
use crate::events::{EventsError, Journal};
use crate::http;
use app::{App, Parts};
use metrics::Metrics;

/// What a server is to be.
pub struct Settings {
    /// The folder of the run.
    pub run: PathBuf,
    /// The address to listen at; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of the events.
    pub state: PathBuf,
    /// The tokens; without any, only an address of this machine itself is listened at.
    pub tokens: Option<Tokens>,
    /// How much it takes on.
    pub limits: Limits,
    /// Threads that speak HTTP; the model has its own.
    pub threads: usize,
    /// The time for events that bring none.
    pub clock: Clock,
    /// Told what an operator should know.
    pub note: Note,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Others could write.
    #[error(
        "{address} can be reached from other machines, and without tokens anyone could write; give a file of tokens (--tokens), or listen at 127.0.0.1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The run cannot be opened.
    #[error(transparent)]
    Run(OpenError),
    /// The events cannot be kept.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// Threads cannot be started.
    #[error("cannot start the threads of the server: {0}")]
    Threads(std::io::Error),
}

/// A server that listens, and answers once it runs.
pub struct Server {
    app: Arc<App>,
    router: axum::Router,
    listener: TcpListener,
    address: SocketAddr,
    threads: usize,
}

impl Server {
    /// Opens the run and the events, and listens.
    pub fn open(settings: Settings, opener: Opener) -> Result<Self, ServeError> {
        let Settings { run, listen, state, tokens, limits, threads, clock, note } = settings;
        let access = match tokens {
            Some(tokens) => Access::Tokens(tokens),
            None if listen.ip().is_loopback() => Access::Loopback,
            None => return Err(ServeError::Open { address: listen }),
        };
        let model = opener(&run).map_err(ServeError::Run)?;
        let metrics = Arc::new(Metrics::new());
        let of_journal = Arc::clone(&metrics);
        let told = Box::new(move |events: usize, seconds: f64| {
            of_journal.commit.observe(events as f64);
            of_journal.commit_seconds.observe(seconds);
        });
        let journal = Journal::open(&state, limits.since, told)?;
        let failed = |source| ServeError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (router, document) = http::routes();
        let parts = Parts { run, opener, model, journal, access, limits, metrics, clock, note, document };
        let app = Arc::new(App::new(parts));
        app.note_report();
        let router = http::layered(router, &app);
        Ok(Self { app, router, listener, address, threads })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` says to stop, which is asked some times a second; then takes no more, finishes what it accepted,
    /// and returns.
    pub fn run(self, stop: impl Fn() -> bool) -> Result<(), ServeError> {
        let Self { app, router, listener, address, threads } = self;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .max_blocking_threads(4)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(ServeError::Threads)?;
        app.batcher.start(Arc::clone(&app), app.limits.batch).map_err(ServeError::Threads)?;
        let served = runtime.block_on(connections::serve(&app, router, listener, stop));
        app.draining.store(true, Ordering::Relaxed);
        app.batcher.close();
        runtime.shutdown_timeout(app.limits.drain);
        served.map_err(|source| ServeError::Listen { address, source })
    }
}
