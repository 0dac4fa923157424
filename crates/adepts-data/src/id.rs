//! Ids as they stand in the log, and the bijection between them and dense indices.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::source::{Cell, Number};

/// The id of a user or an item, kept in the type that it has in the log.
///
/// In JSON it is text or a whole number; `7.0` is the number 7, and a number beyond 64 bits with a sign is its digits as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A whole number.
    Int(i64),
    /// Any other text.
    Text(Box<str>),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(n) => n.fmt(f),
            Self::Text(s) => s.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfJson)
    }
}

/// Reads an id.
struct OfJson;

impl Visitor<'_> for OfJson {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id: text or a whole number of 64 bits")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Id, E> {
        Ok(Id::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Id, E> {
        Ok(i64::try_from(value).map_or_else(|_| Id::Text(value.to_string().into()), Id::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Id, E> {
        match Cell::Float(value).whole() {
            Some(Number::Int(value)) => Ok(Id::Int(value)),
            _ => Err(E::invalid_value(serde::de::Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Id, E> {
        Ok(Id::Text(value.into()))
    }
}

/// A bijection between the ids of one kind and the indices `0..len`.
///
/// Ids are held in ascending order, so an index does not depend on the order of the rows in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// All ids are whole numbers, ascending.
    Int(Vec<i64>),
    /// All ids are text, ascending by bytes.
    Text(Vec<Box<str>>),
}

impl Vocabulary {
    /// Number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// True if there is no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id at an index.
    ///
    /// # Panics
    /// If `index` is not below [`Vocabulary::len`].
    #[must_use]
    pub fn id(&self, index: u32) -> Id {
        match self {
            Self::Int(v) => Id::Int(v[index as usize]),
            Self::Text(v) => Id::Text(v[index as usize].clone()),
        }
    }

    /// An id, known or not, in the type of these: a whole number where they are, if it is one, and text otherwise.
    #[must_use]
    pub fn typed(&self, id: Id) -> Id {
        match (self, id) {
            (Self::Int(_), Id::Text(text)) => canonical_int(&text).map_or(Id::Text(text), Id::Int),
            (Self::Text(_), Id::Int(number)) => Id::Text(number.to_string().into()),
            (_, id) => id,
        }
    }

    /// The index of an id. Text that reads as a whole number finds a whole number, and the reverse,
    /// so that an id typed on a command line or sent as JSON text is found.
    #[must_use]
    pub fn index(&self, id: &Id) -> Option<u32> {
        let found = match (self, id) {
            (Self::Int(v), Id::Int(n)) => v.binary_search(n),
            (Self::Int(v), Id::Text(s)) => v.binary_search(&canonical_int(s)?),
            (Self::Text(v), Id::Int(n)) => {
                let text = n.to_string();
                v.binary_search_by(|have| (**have).cmp(text.as_str()))
            }
            (Self::Text(v), Id::Text(s)) => v.binary_search(s),
        };
        found.ok().map(|i| i as u32)
    }
}

/// The whole number that `text` is the usual spelling of: `7` is, `007`, `+7` and `7.0` are not,
/// because they would not come back out as they went in.
#[must_use]
pub fn canonical_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.starts_with('0') && (digits.len() > 1 || digits.len() < text.len());
    if leading_zero || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_spelling_is_a_whole_number() {
        assert_eq!(canonical_int("42"), Some(42));
        assert_eq!(canonical_int("-7"), Some(-7));
        assert_eq!(canonical_int("0"), Some(0));
        for other in ["", "-", "-0", "007", "+7", "7.0", " 7", "9223372036854775808"] {
            assert_eq!(canonical_int(other), None, "{other:?}");
        }
    }

    #[test]
    fn an_id_of_json_is_exact() {
        let id = |json| serde_json::from_str::<Id>(json).ok();
        assert_eq!([id("7"), id("7.0"), id("-0")], [Some(Id::Int(7)), Some(Id::Int(7)), Some(Id::Int(0))]);
        assert_eq!(id("18446744073709551615"), Some(Id::Text("18446744073709551615".into())));
        assert_eq!(id("\"007\""), Some(Id::Text("007".into())));
        for wrong in ["1.5", "18446744073709551616", "true", "null", "[1]", "{}"] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_id_has_the_type_of_the_others() {
        let (ints, texts) = (Vocabulary::Int(vec![5]), Vocabulary::Text(vec!["a".into()]));
        assert_eq!(ints.typed(Id::Text("7".into())), Id::Int(7));
        assert_eq!(ints.typed(Id::Text("007".into())), Id::Text("007".into()));
        assert_eq!(texts.typed(Id::Int(7)), Id::Text("7".into()));
    }

    #[test]
    fn an_id_is_found_in_either_spelling() {
        let ints = Vocabulary::Int(vec![-3, 5, 8]);
        assert_eq!(ints.index(&Id::Int(5)), Some(1));
        assert_eq!(ints.index(&Id::Text("8".into())), Some(2));
        assert_eq!(ints.index(&Id::Text("08".into())), None);
        let texts = Vocabulary::Text(vec!["10".into(), "9".into(), "a".into()]);
        assert_eq!(texts.index(&Id::Int(9)), Some(1));
        assert_eq!(texts.id(2), Id::Text("a".into()));
        assert_eq!([ints.typed(Id::Text("99".into())), ints.typed(Id::Int(5))], [Id::Int(99), Id::Int(5)]);
        assert_eq!(
            [ints.typed(Id::Text("099".into())), texts.typed(Id::Int(7))],
            [Id::Text("099".into()), Id::Text("7".into())]
        );
    }
}
