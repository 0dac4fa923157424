//! How good are probabilities, and for which domain? Metrics of rows: rows that have a probability, a label of 0 or 1 and a
//! domain.
//!
//! ```text
//! scores + Truth ─┬─► summarise_examples ─► RunSummary (pooled, by domain, macro, worst domain, reliability)
//!                 └─► gains (the same rows, run against run, domain by domain)
//! gates ──────────► GateTally ─► ExpertSummary (which experts serve which domain)
//! outputs ────────► OutputTally ─► the experts that say the same
//! lists + Asked ──┬─► summarise_queries ─► RunSummary   (retrieval: the lists of queries, measured as those of users are)
//!                 └─► query_gains
//! ```
//!
//! A metric is a function of rows that each count so many times. With every row once it is the figure itself, with the counts of a
//! draw with replacement it is that figure resampled: intervals need no second definition, and rows are sorted once. A draw takes
//! users with all their rows where users are known.

mod alike;
mod experts;
mod gains;
mod metrics;
mod paired;
mod queries;
mod resample;
mod rows;
mod summarise;
mod summary;
mod truth;
mod units;

pub use alike::OutputTally;
pub use experts::GateTally;
pub use gains::{gains, gains_against};
pub use metrics::{BINS, ROW_METRICS, RowMetric, find, main_row_metric};
pub use paired::{ComparedDomain, DomainComparison};
pub use queries::{Asked, query_gains, query_gains_against, summarise_queries};
pub use rows::Sample;
pub use summarise::{summarise_tabular, worst as worst_domain};
pub use summary::{AlikeExperts, DomainSummary, ExpertSummary, ReliabilityBin, SelectedSummary, WorkSummary};
pub use truth::{TabularEvalError, Truth};
pub use units::Resampled;
