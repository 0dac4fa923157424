//! What is asked of a model for retrieval, and what it answers: which items of the catalogue, for whom, in this domain?

use std::collections::BTreeMap;

use adepts_data::Id;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::AnswerError;
use crate::http::schema::IdSchema;
use crate::question::{Exclude, MOST_ITEMS};
use crate::rank::{Dropped, FieldValue, spelled};

/// Whom items are to be found for. As JSON: `{"domain": "books", "context": {"user_id": 42, "hour": 20}, "n": 100}`. Names are those
/// of the columns that the model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrievalQuestion {
    /// The domain, by its name in the training data.
    #[schema(value_type = IdSchema)]
    #[serde(deserialize_with = "spelled")]
    pub domain: Id,
    /// The columns that describe who asks. One that does not stand here is missing, as it may be in training; those of items
    /// are not looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub context: BTreeMap<String, FieldValue>,
    /// How many items, from 1 to [`MOST_ITEMS`]. Fewer come back where no more are left.
    #[serde(default = "ten")]
    #[schema(default = 10, minimum = 1, maximum = 10_000)]
    pub n: usize,
    /// What is left out because the user has it already, where the column of users is a field of the model: `seen` (items of all
    /// rows of the log, positive or not, of events, and what `--seen` adds), `learned` (of training rows) or `none`. By default
    /// what `adepts serve --exclude` says, and else `seen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Exclude>,
}

fn ten() -> usize {
    10
}

impl RetrievalQuestion {
    /// Refuses a question that no model could answer.
    pub fn check(&self) -> Result<(), AnswerError> {
        if (1..=MOST_ITEMS).contains(&self.n) {
            return Ok(());
        }
        Err(AnswerError::Number { n: self.n, most: MOST_ITEMS })
    }
}

/// The items that were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Retrieval {
    /// The items with the highest scores of the whole catalogue, best first; of equal ones the one with the smaller id. What the
    /// user is known to have is left out unless it is asked for.
    pub items: Vec<FoundItem>,
    /// What the model had to do without; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}

/// An item that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FoundItem {
    /// The item, by its id in the source.
    #[schema(value_type = IdSchema)]
    pub item: Id,
    /// Its score; no probability, and comparable within a list only.
    pub score: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_domain_must_be_said_and_the_number_has_bounds() {
        let question: RetrievalQuestion = serde_json::from_str(r#"{"domain": "a"}"#).unwrap();
        assert_eq!((question.n, question.context.len()), (10, 0));
        assert!(question.check().is_ok());
        for n in [0, MOST_ITEMS + 1] {
            let refused = RetrievalQuestion { n, ..question.clone() }.check();
            assert_eq!(refused, Err(AnswerError::Number { n, most: MOST_ITEMS }));
        }
        assert!(serde_json::from_str::<RetrievalQuestion>(r#"{"domain": "a", "candidates": []}"#).is_err());
    }
}
