//! The training log: one record per epoch, a line of `epochs.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What happened in one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Updates taken so far.
    pub step: u64,
    /// Seconds spent in updates.
    pub train_seconds: f64,
    /// Seconds spent in validation.
    pub eval_seconds: f64,
    /// Mean over the epoch's rows of the loss and its named parts (nats): `total`, `ce`, `kl`.
    pub losses: BTreeMap<String, f64>,
    /// Validation scores of all users, such as `ndcg@10`; `stop` is the one that early stopping looks at.
    pub validation: BTreeMap<String, f64>,
    /// Whether this epoch is the best so far.
    pub best: bool,
    /// What the gate did in training, over all users; absent for a single expert.
    pub gate: Option<GateStats>,
    /// The same by group of users.
    pub groups: Vec<EpochGroup>,
}

/// One epoch as one group of users saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochGroup {
    /// The group, such as `low`.
    pub name: String,
    /// The validation score that early stopping looks at, for this group.
    pub validation: Option<f64>,
    /// Mean row weight relative to the mean over all users.
    pub weight: f64,
    /// Share of the users whose weight is at the floor.
    pub at_floor: f64,
    /// What the gate did for this group.
    pub gate: Option<GateStats>,
}

/// How a gate mixed the experts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GateStats {
    /// Mean entropy of the users' shares relative to log K: 1 means equal shares.
    pub entropy: f64,
    /// Mean of the users' largest share.
    pub largest_share: f64,
    /// Experts that are no user's first choice.
    pub never_preferred: usize,
    /// Mean share of each expert.
    pub shares: Vec<f64>,
}
