//! The result of an evaluation as people and programs read it: the JSON contract of `adepts evaluate --json` and `report.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tabular::{DomainSummary, ExpertSummary, ReliabilityBin, Resampled, WorkSummary};

/// One or more evaluated runs: the whole JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The runs, in the order asked for.
    pub runs: Vec<RunSummary>,
}

/// How one run serves its users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Name of the run.
    pub name: String,
    /// Its model, such as `tall`.
    pub model: String,
    /// Means over all test users, such as `ndcg@20`, and of the lists: `coverage@20`, `popularity@20`, `gini@20`.
    pub metrics: BTreeMap<String, f64>,
    /// The same per-user metrics with a 95 % interval, as for groups.
    pub intervals: BTreeMap<String, Estimate>,
    /// The same metrics with the validation items not masked, as published work often has it.
    pub metrics_validation_unmasked: BTreeMap<String, f64>,
    /// The same with them masked, where `metrics` are not; left out otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics_validation_masked: BTreeMap<String, f64>,
    /// Where a gate looked at validation items: the main figures as they are when it looks at a fifth of each history, as it
    /// does when it answers. Left out otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics_history_probe: BTreeMap<String, f64>,
    /// The groups of all groupings.
    pub groups: Vec<GroupSummary>,
    /// The domains of a tabular run, in the order of the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainSummary>,
    /// All rows of a tabular run by score, in bins of equal size, the lowest scores first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<ReliabilityBin>,
    /// Of the first grouping, by the first metric: the group that is served worst, and the gap between best and worst.
    /// For examples the same of domains, by AUC.
    pub worst: Option<WorstGroup>,
    /// How the gate mixed the experts at prediction; absent for models without a gate.
    pub gate: Option<GateSummary>,
    /// Which experts serve which domain, for tabular models with a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<ExpertSummary>,
    /// What a row costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkSummary>,
    /// Seconds spent in `prepare`, `train`, `evaluate`.
    pub seconds: BTreeMap<String, f64>,
    /// What the evaluation was: number of test users, which items were masked, the probe of the gate.
    pub protocol: Protocol,
}

/// One group of users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// What the grouping is by.
    pub by: String,
    /// The group, such as `low` or `activity:high`.
    pub name: String,
    /// Test users in it.
    pub users: usize,
    /// Median length of their training histories.
    pub history_median: f64,
    /// Median number of their test items.
    pub test_median: f64,
    /// Mean of each per-user metric with its interval.
    pub metrics: BTreeMap<String, Estimate>,
    /// Mean of each per-user metric with the validation items not masked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics_validation_unmasked: BTreeMap<String, f64>,
    /// The same with them masked, where `metrics` are not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics_validation_masked: BTreeMap<String, f64>,
}

/// A mean over users with a 95 % percentile bootstrap interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The 2.5 % percentile of the resampled means.
    pub lower: f64,
    /// The 97.5 % percentile of the resampled means.
    pub upper: f64,
}

/// Who is served worst.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorstGroup {
    /// The metric.
    pub metric: String,
    /// The group.
    pub group: String,
    /// Its mean.
    pub mean: f64,
    /// The best group's mean less the worst's.
    pub gap: f64,
}

/// How a gate mixed the experts over the test users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GateSummary {
    /// Number of experts.
    pub experts: usize,
    /// Mean entropy relative to log K: 1 means equal shares.
    pub entropy: f64,
    /// Mean of the users' largest share.
    pub largest_share: f64,
    /// Experts that are no user's first choice.
    pub never_preferred: usize,
    /// Per group of the first grouping: mean share of each expert times K (1 means an equal share).
    pub relative_shares: Vec<GroupShares>,
}

/// The experts' shares in one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupShares {
    /// The group.
    pub group: String,
    /// Mean entropy relative to log K.
    pub entropy: f64,
    /// Mean share of each expert times K.
    pub shares: Vec<f64>,
}

/// Users for whom a gate or row weights had nothing to look at: the gate mixes equally for them, the weight stays 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unprobed {
    /// How many they are.
    pub users: usize,
    /// Of how many.
    pub of: usize,
}

/// What an evaluation was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// The judged part: `test` or `validation`.
    pub part: String,
    /// Users with at least one item to be found.
    pub users: usize,
    /// Size of the catalogue, all of which is ranked.
    pub items: usize,
    /// Whether validation items are kept out of the lists.
    pub mask_validation: bool,
    /// Whether items that a user has only seen (low ratings and other rows that a filter dropped) are kept out of the lists.
    #[serde(default)]
    pub mask_seen: bool,
    /// How many pairs of the judged users that is.
    #[serde(default)]
    pub seen: usize,
    /// Judged users without an item that the model could go by. They are judged by what they would be answered: the items that
    /// most users have.
    #[serde(default)]
    pub without_history: usize,
    /// In which order items with equal scores stand: `popularity` or `number`; empty where it was not said, which is by number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ties: String,
    /// What the gate looks at: `validation`, `history`, or empty where there is no such gate.
    pub probe: String,
    /// Judged users for whom the gate had nothing to look at; absent where there is no such gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unprobed: Option<Unprobed>,
    /// Users that were learned from and for whom gate and row weights had nothing to look at; absent where neither looks at
    /// anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned_unprobed: Option<Unprobed>,
    /// What the gate looked at in training: `validation`, `history`, or empty where there is no such gate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub learned_probe: String,
    /// What the gate looked at in the validation of each epoch, by which training was stopped; empty where there is no such
    /// gate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stop_probe: String,
    /// Whether the validation items were part of the histories that the model saw.
    #[serde(default)]
    pub validation_as_input: bool,
    /// In retrieval: which items that a user is known to have are kept out of his lists: `known` (training and validation),
    /// `training` or `none`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mask: String,
    /// Seed and number of the bootstrap resamples.
    pub bootstrap: (u64, usize),
    /// What the resamples draw: `users`, each with all of his rows or lists, or where users are not known `rows` or `lists`.
    #[serde(default, skip_serializing_if = "Resampled::is_unknown")]
    pub resampled: Resampled,
}
