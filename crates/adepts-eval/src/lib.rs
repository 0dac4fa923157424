//! How good is it, and for whom? Metrics, groups, protocol, intervals.

pub mod bootstrap;
pub mod error;
pub mod evaluate;
pub mod metrics;
mod nearest;
pub mod summarise;
pub mod summary;

pub use error::{BoxError, EvalError};
pub use evaluate::{Judgement, Measured, evaluate, evaluate_both};
pub use metrics::{Exposure, Judged, LIST_METRICS, ListMetric, METRICS, Metric, MetricAt, MetricError};
pub use summarise::{gate_summary, summarise};
pub use summary::{Estimate, GateSummary, GroupShares, GroupSummary, Protocol, RunSummary, Summary, WorstGroup};
