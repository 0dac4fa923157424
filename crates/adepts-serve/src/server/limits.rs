//! How much a server takes on.

use std::time::Duration;

/// How much a server takes on. What is beyond is refused with the reason; nothing is dropped silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Questions that may wait for the model; one that is to be explained counts as [`EXPLAINED`].
    pub queue: usize,
    /// Questions that the model is asked at a time, counted likewise.
    pub batch: usize,
    /// Questions of one request, and users whose events one request may bring.
    pub list: usize,
    /// Items that one request may ask for, over all its questions.
    pub items: usize,
    /// Events of one delivery.
    pub events: usize,
    /// A user's latest events that answers go by.
    pub since: usize,
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of all bodies that are worked on at the same time; others wait.
    pub bodies: usize,
    /// Connections; others wait to be accepted.
    pub connections: usize,
    /// How long a request may take from its head to its answer, how long a connection may take to send a head or wait for one,
    /// and how long an answer may wait to be read.
    pub timeout: Duration,
    /// How long a server that is to stop waits for requests that it has accepted.
    pub drain: Duration,
}

/// What a question that is to be explained counts: the model is asked again without the items of its history.
pub const EXPLAINED: usize = 16;

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue: 1024,
            batch: 64,
            list: 256,
            items: 100_000,
            events: 10_000,
            since: 10_000,
            body: 2 << 20,
            bodies: 64 << 20,
            connections: 512,
            timeout: Duration::from_secs(10),
            drain: Duration::from_secs(20),
        }
    }
}
