//! How good is it, and for whom?
//!
//! Scores and truths come in, numbers go out: this crate never sees a model. That keeps one protocol for everything
//! that can score an item, from popularity to a hundred experts, and makes the protocol testable without training.
//!
//! ```text
//! scores ─► evaluate ─► Measured (one row per user) ─┬─► summarise ─► RunSummary (JSON, report, fail_if)
//!           full ranking, masks, top-k, metrics      ├─► per_user (Parquet)
//!                                                    └─► compare (paired differences, seeds)
//! ```
//!
//! The main decision is that values per user are the one thing that is measured. A mean hides who pays for it; groups,
//! intervals by resampling users and paired comparisons all need the single users, and nothing else.
//!
//! * [`mod@about`]: what is known of a metric: label, direction, unit, and what it may be used for.
//! * [`metrics`]: what is measured of a list; one function and one line in a table each.
//! * [`mod@evaluate`]: every item ranked for every user, with memory bounded by a batch. The result does not depend on the size
//!   of a batch or the number of threads.
//! * [`mod@summarise`]: means with [`bootstrap`] intervals, overall and by group, the worst group and the gap.
//! * [`mod@compare`]: is one run better than another, and for whom? By users, and by seeds.
//! * [`mod@tabular`]: the same of tabular data, whose rows have a probability and a domain.
//! * [`fail_if`]: the condition on which a pipeline stops.
//! * [`summary`]: the JSON contract.
//!
//! Not here: who is in which group (`adepts-data`), where scores come from (`adepts`), how it looks
//! (`adepts-report`).

pub mod about;
pub mod bootstrap;
pub mod compare;
pub mod error;
pub mod evaluate;
pub mod fail_if;
mod kinds;
pub mod metrics;
mod nearest;
pub mod per_user;
pub mod summarise;
pub mod summary;
pub mod tabular;

pub use about::{About, Better, Form, Scope, Unit, about};
pub use compare::{
    CompareError, ComparedGroup, ComparedRun, Comparison, Difference, SeedComparison, SeedDifference, SeedEstimate,
    SeedGroup, SeedModel, across_seeds, compare, compare_with, difference_across_seeds,
};
pub use error::{BoxError, EvalError};
pub use evaluate::{Judgement, Measured, Scores, evaluate, evaluate_both};
pub use fail_if::{FailIf, FailIfError, Verdict};
pub use metrics::{AGGREGATE_METRICS, AggregateMetric, Exposure, Judged, METRICS, Metric, MetricAt, MetricError};
pub use per_user::{PerUserError, UserFacts, read_per_user, write_per_user};
pub use summarise::{gate_summary, summarise};
pub use summary::{
    Estimate, GateSummary, GroupShares, GroupSummary, Protocol, RunSummary, Summary, Unprobed, WorstGroup,
};
pub use tabular::{
    AlikeExperts, Asked, ComparedDomain, DomainComparison, DomainSummary, ExpertSummary, GateTally, OutputTally,
    ROW_METRICS, ReliabilityBin, Resampled, RowMetric, SelectedSummary, TabularEvalError, Truth, WorkSummary,
    find as row_metric, gains, gains_against, main_row_metric, query_gains, query_gains_against, summarise_queries,
    summarise_tabular, worst_domain,
};
