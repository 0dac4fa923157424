//! What is asked of a tabular model, and what it answers: which of these candidates, in this domain?

use std::collections::BTreeMap;
use std::fmt;

use adepts_data::Id;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::error::AnswerError;
use crate::http::schema::IdSchema;

/// The most candidates of a question.
pub const MOST_CANDIDATES: usize = 100_000;

/// Candidates to be scored and ranked. As JSON: `{"domain": "books", "context": {"user_id": 42}, "candidates":
/// [{"item_id": 7}, {"item_id": 9, "price": 12.5}]}`. Names are those of the columns that the model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RankQuestion {
    /// The domain, by its name in the training data.
    #[schema(value_type = IdSchema)]
    #[serde(deserialize_with = "spelled")]
    pub domain: Id,
    /// The columns that all candidates have in common.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub context: BTreeMap<String, FieldValue>,
    /// Each candidate's own columns; they come before the context's. A column that stands in neither is missing, as it may
    /// be in training.
    #[schema(value_type = Vec<BTreeMap<String, serde_json::Value>>)]
    pub candidates: Vec<BTreeMap<String, FieldValue>>,
    /// How many of the best; all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<usize>,
}

impl RankQuestion {
    /// Refuses a question that no model could answer.
    pub fn check(&self) -> Result<(), AnswerError> {
        let length = self.candidates.len();
        if length > MOST_CANDIDATES {
            return Err(AnswerError::TooLong { field: "candidates", length, most: MOST_CANDIDATES });
        }
        if self.n == Some(0) {
            return Err(AnswerError::Number { n: 0, most: MOST_CANDIDATES });
        }
        Ok(())
    }
}

/// An id, also a whole number that is spelled with a fraction of zeros, as data frames write it.
pub(crate) fn spelled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected an id: text or a whole number of 64 bits")]
    enum Spelled {
        Id(Id),
        Number(f64),
    }
    /// Up to here each whole number is a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match Spelled::deserialize(deserializer)? {
        Spelled::Id(id) => Ok(id),
        Spelled::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT => Ok(Id::Int(number as i64)),
        Spelled::Number(number) => {
            Err(D::Error::custom(format!("expected an id: text or a whole number of 64 bits, not {number}")))
        }
    }
}

/// The value of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// Nothing is known.
    Missing(()),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Number(f64),
    /// Text.
    Text(String),
    /// Several categories.
    List(Vec<Id>),
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfJson)
    }
}

/// Reads the value of a column.
struct OfJson;

impl<'de> Visitor<'de> for OfJson {
    type Value = FieldValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a truth value, a number, text, or a list of numbers and text")
    }

    fn visit_unit<E: Error>(self) -> Result<FieldValue, E> {
        Ok(FieldValue::Missing(()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<FieldValue, E> {
        Ok(FieldValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<FieldValue, E> {
        Ok(FieldValue::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<FieldValue, E> {
        // The digits are the same number, and the same category.
        Ok(i64::try_from(value).map_or_else(|_| FieldValue::Text(value.to_string()), FieldValue::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<FieldValue, E> {
        Ok(FieldValue::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<FieldValue, E> {
        Ok(FieldValue::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FieldValue, A::Error> {
        let mut ids = Vec::new();
        while let Some(id) = list.next_element()? {
            ids.push(id);
        }
        Ok(FieldValue::List(ids))
    }
}

/// The candidates, ranked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ranking {
    /// The best candidates, best first; of equal ones the earlier.
    pub candidates: Vec<Ranked>,
    /// What the model had to do without; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}

/// A ranked candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ranked {
    /// Its place in the question, from 0.
    pub index: usize,
    /// What the model gives it.
    #[serde(flatten)]
    pub output: Output,
}

/// What a model gives to a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The probability of its label.
    Probability(f32),
    /// Of a model for retrieval: the score of its item; no probability, and comparable within a ranking only.
    Score(f32),
}

impl Output {
    /// The number, by which candidates are ranked.
    #[must_use]
    pub fn number(self) -> f32 {
        match self {
            Self::Probability(number) | Self::Score(number) => number,
        }
    }
}

/// What a model had to do without, by column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dropped {
    /// How many values the training data did not have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, u64>,
    /// How many candidates had no value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, u64>,
    /// How many numbers lay so far outside of what the training data had that they were clipped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clipped: BTreeMap<String, u64>,
}

impl Dropped {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.missing.is_empty() && self.clipped.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_columns_are_what_json_has() {
        let text =
            r#"{"domain": "a", "candidates": [{"a": null, "b": true, "c": 7, "d": 0.5, "e": "x", "f": [1, "y"]}]}"#;
        let question: RankQuestion = serde_json::from_str(text).unwrap();
        let values: Vec<&FieldValue> = question.candidates[0].values().collect();
        let list = FieldValue::List(vec![Id::Int(1), Id::Text("y".into())]);
        let expected = [
            FieldValue::Missing(()),
            FieldValue::Bool(true),
            FieldValue::Int(7),
            FieldValue::Number(0.5),
            FieldValue::Text("x".into()),
            list,
        ];
        assert_eq!(values, expected.iter().collect::<Vec<_>>());
        assert!(question.check().is_ok());
        let large: FieldValue = serde_json::from_str("18446744073709551615").unwrap();
        assert_eq!(large, FieldValue::Text("18446744073709551615".into()));
        assert!(
            serde_json::from_str::<FieldValue>(r#"{"a": 1}"#)
                .unwrap_err()
                .to_string()
                .contains("expected null, a truth")
        );
        assert!(RankQuestion { n: Some(0), ..question }.check().is_err());
    }

    #[test]
    fn a_domain_is_the_same_however_its_number_is_spelled() {
        let domain = |json: &str| {
            let question = format!(r#"{{"domain": {json}, "candidates": []}}"#);
            serde_json::from_str::<RankQuestion>(&question).map(|question| question.domain.to_string())
        };
        for json in ["1", "\"1\"", "1.0"] {
            assert_eq!(domain(json).unwrap(), "1");
        }
        for json in ["1.5", "1e300", "null", "[1]"] {
            assert!(domain(json).unwrap_err().to_string().contains("expected an id"), "{json}");
        }
    }

    #[test]
    fn a_score_is_not_called_a_probability() {
        for (output, text) in [
            (Output::Probability(0.1), r#"{"index":3,"probability":0.1}"#),
            (Output::Score(-2.5), r#"{"index":3,"score":-2.5}"#),
        ] {
            let ranked = Ranked { index: 3, output };
            assert_eq!(serde_json::to_string(&ranked).unwrap(), text);
            assert_eq!(serde_json::from_str::<Ranked>(text).unwrap(), ranked);
        }
    }
}
