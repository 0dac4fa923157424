//! What the server counts, as Prometheus reads it.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets, linear_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteStatus {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// What the server counts.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RouteStatus, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    answers: Family<Outcome, Counter>,
    events: Family<Outcome, Counter>,
    reloads: Family<Outcome, Counter>,
    pub(crate) queue: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) batch: Histogram,
    pub(crate) batch_seconds: Histogram,
    pub(crate) commit: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) gate_entropy: Histogram,
    model: Gauge<f64, AtomicU64>,
}

/// From a quarter of a millisecond to 16 seconds.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 17))
}

fn counts() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 14))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("adepts"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            answers: Family::default(),
            events: Family::default(),
            reloads: Family::default(),
            queue: Gauge::default(),
            connections: Gauge::default(),
            batch: counts(),
            batch_seconds: seconds(),
            commit: counts(),
            commit_seconds: seconds(),
            gate_entropy: Histogram::new(linear_buckets(0.1, 0.1, 9).chain([0.95, 0.99, 0.999, 1.0])),
            model: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests by route and status", self.requests.clone());
        let (name, help) = ("request", "Time from a request's head to its answer, by route");
        registry.register_with_unit(name, help, Unit::Seconds, self.seconds.clone());
        registry.register("answers", "Answers by what gave them: model or popularity", self.answers.clone());
        registry.register("events", "Delivered events: accepted, duplicate or conflict", self.events.clone());
        registry.register("reloads", "Loadings of a new model: loaded or refused", self.reloads.clone());
        registry.register("queue", "Questions that wait for the model", self.queue.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("batch_questions", "Questions that the model was asked at a time", self.batch.clone());
        let help = "Time that the model took for a batch";
        registry.register_with_unit("batch", help, Unit::Seconds, self.batch_seconds.clone());
        registry.register("commit_events", "Events of a transaction", self.commit.clone());
        let help = "Time that a transaction took until it was on disk";
        registry.register_with_unit("commit", help, Unit::Seconds, self.commit_seconds.clone());
        let help = "Entropy of the gate, from 0 (one expert) to 1 (equal shares)";
        registry.register("gate_entropy", help, self.gate_entropy.clone());
        registry.register("model_items", "Items in the catalogue of the model", self.model.clone());
    }

    pub(crate) fn request(&self, route: &str, status: u16, seconds: f64) {
        self.requests.get_or_create(&RouteStatus { route: route.to_owned(), status }).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(seconds);
    }

    pub(crate) fn answered(&self, by: &'static str) {
        self.answers.get_or_create(&Outcome { outcome: by }).inc();
    }

    pub(crate) fn delivered(&self, outcome: &'static str, events: usize) {
        if events > 0 {
            self.events.get_or_create(&Outcome { outcome }).inc_by(events as u64);
        }
    }

    pub(crate) fn reloaded(&self, outcome: &'static str) {
        self.reloads.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn serves(&self, items: usize) {
        self.model.set(items as f64);
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap_or_default();
        text
    }
}

/// The media type of [`Metrics::text`].
pub(crate) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
