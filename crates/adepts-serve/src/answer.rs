//! What is answered by a history model.

use adepts_data::{Id, counted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::schema::IdSchema;

/// A ranked list, and what is to be known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// The user that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdSchema>)]
    pub user: Option<Id>,
    /// The items, best first.
    pub items: Vec<Recommended>,
    /// Ids of the question that are not in the catalogue; absent where there are none.
    #[serde(default, skip_serializing_if = "Unknown::is_empty")]
    pub unknown: Unknown,
    /// What stood in for the model, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// Asked to explain: each expert's share for this user relative to an equal one, so that 1 is an equal share. Absent
    /// without a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Vec<f32>>,
    /// Asked to explain: how mainstream the history is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// What is to be known of the list, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Entropy of the gate in parts of the largest possible, from 0 (one expert) to 1 (equal shares); `None` without a gate.
    /// For the server's metrics, and no part of the answer.
    #[serde(skip)]
    pub gate_entropy: Option<f32>,
}

/// A recommended item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recommended {
    /// The item.
    #[schema(value_type = IdSchema)]
    pub item: Id,
    /// Its title, where the run has titles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its score; comparable within a list only.
    pub score: f32,
    /// Asked to explain: the items of the history that pushed it most, the strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Reason>,
}

/// An item of the history, and what it did to a recommendation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// The item.
    #[schema(value_type = IdSchema)]
    pub item: Id,
    /// Its title, where the run has titles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// By how much it raised the score.
    pub effect: f32,
}

/// What stands in for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// The items that most users have; there was no known item to go by.
    Popularity,
}

/// Ids of a question that are not in the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unknown {
    /// How many, in all lists of the question.
    pub count: usize,
    /// The first [`Unknown::NAMED`] of them.
    #[schema(value_type = Vec<IdSchema>)]
    pub ids: Vec<Id>,
}

impl Unknown {
    /// How many are named.
    pub const NAMED: usize = 100;

    /// How many there are, with the first five: ``2 unknown items (`3`, `no`)``, where each is `what`.
    #[must_use]
    pub fn named(&self, what: &str) -> String {
        let ids: Vec<String> = self.ids.iter().take(5).map(|id| format!("`{id}`")).collect();
        let more = if self.count > ids.len() { ", …" } else { "" };
        format!("{} ({}{more})", counted(self.count, what), ids.join(", "))
    }

    /// Whether all ids were known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Counts an id, and names it if it is among the first.
    pub fn note(&mut self, id: &Id) {
        self.count += 1;
        if self.ids.len() < Self::NAMED {
            self.ids.push(id.clone());
        }
    }

    /// Counts those of another question, too.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        let left = Self::NAMED.saturating_sub(self.ids.len());
        self.ids.extend(other.ids.iter().take(left).cloned());
    }
}

/// How mainstream a history is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// The group, as the report names it, from `low` (niche) to `high`.
    pub name: String,
    /// The mainstream score.
    pub score: f32,
}
