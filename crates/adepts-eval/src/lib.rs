//! How good is it, and for whom? Metrics, groups, protocol, intervals.

pub mod summary;

pub use summary::{Estimate, GateSummary, GroupShares, GroupSummary, Protocol, RunSummary, Summary, WorstGroup};
