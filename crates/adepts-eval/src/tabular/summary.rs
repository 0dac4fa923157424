//! The parts of the JSON contract that only tabular runs have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::summary::Estimate;

/// How a run serves one domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DomainSummary {
    /// The domain.
    pub name: String,
    /// Judged rows in it; in retrieval the items that were to be found.
    pub rows: usize,
    /// In retrieval: the ranked lists in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<usize>,
    /// Share of them with label 1; 0 without rows.
    pub base_rate: f64,
    /// Each metric with its interval, such as `auc`; those that are not defined for these rows are left out.
    pub metrics: BTreeMap<String, Estimate>,
    /// The rows by score, in bins of equal size, the lowest scores first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<ReliabilityBin>,
}

/// Rows whose scores are near each other: what was predicted for them, and what came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// How many they are.
    pub rows: usize,
    /// Their mean score.
    pub predicted: f64,
    /// Share of them with label 1.
    pub observed: f64,
    /// The lower end of the 95 % interval of that share (Wilson 1927).
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// Which experts serve which domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpertSummary {
    /// Number of experts that the gate chooses from.
    pub experts: usize,
    /// Mean number of experts with a weight above 0 in a row.
    pub selected: f64,
    /// For each domain the mean share of each expert in the gate's weights of a row: `[domains][experts]`. The shares of a domain
    /// sum to 1; all are 0 where it has no rows.
    pub load: Vec<Vec<f64>>,
    /// Mutual information of domain and expert (nats): 0 if every domain uses the experts alike.
    pub mutual_information: f64,
    /// The largest that it can be: the lesser of the entropy of the domains and ln(experts).
    pub mutual_information_bound: f64,
    /// Experts, numbered from 0, that in no domain reach a hundredth of an equal share.
    pub dead: Vec<usize>,
    /// Experts that say the same, the most alike first; see [`super::OutputTally::duplicates`].
    #[serde(default)]
    pub duplicates: Vec<AlikeExperts>,
    /// The rows over which outputs were compared; 0 where they were not.
    #[serde(default)]
    pub compared_rows: usize,
    /// What the same model gives with other numbers of experts selected for a row in prediction, ascending; empty where none are
    /// selected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_selected: Vec<SelectedSummary>,
}

/// Quality and cost with a number of experts selected for each row, without training anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelectedSummary {
    /// How many experts.
    pub selected: usize,
    /// Whether the model was trained with so many.
    pub trained: bool,
    /// The rows that were scored: all, or of many some at equal distances.
    pub rows: usize,
    /// Their pooled AUC.
    pub auc: f64,
    /// The mean of the domains' AUCs.
    pub auc_macro: f64,
    /// The parameters that a row meets.
    pub activated_parameters: usize,
    /// The multiply-adds of a row.
    pub multiply_adds: f64,
}

/// Two experts whose outputs go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlikeExperts {
    /// The one, numbered from 0.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// The correlation of their outputs over rows.
    pub correlation: f64,
}

/// An AUC of fewer rows of a label than this moves by tenths with a single row.
const FEWEST: f64 = 10.0;

impl DomainSummary {
    /// Whether what is measured here says something: there are ten rows of each label, or in retrieval ten lists.
    #[must_use]
    pub fn is_established(&self) -> bool {
        if let Some(lists) = self.lists {
            return lists as f64 >= FEWEST;
        }
        let (rows, positive) = (self.rows as f64, (self.rows as f64 * self.base_rate).round());
        positive >= FEWEST && rows - positive >= FEWEST
    }
}

/// What a row costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkSummary {
    /// Parameters without embeddings.
    pub parameters: usize,
    /// Those of them that a row meets.
    pub activated_parameters: usize,
    /// Multiply-adds of a row.
    pub multiply_adds: f64,
    /// Multiply-adds of a row if nothing were left out.
    pub total_multiply_adds: f64,
}
