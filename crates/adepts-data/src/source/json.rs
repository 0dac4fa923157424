//! A value of a key of a JSON object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::Cell;

/// The most values of a list.
const MOST_VALUES: usize = 1 << 20;

/// A value of a wanted key.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Missing,
    Int(i64),
    /// A number that serde's 64 bits may have rounded; [`Value::in_full`] puts its spelling there.
    Float(f64),
    /// A number as it is written.
    Number(Cow<'a, str>),
    Bool(bool),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The values of a list; nothing for a single value.
    pub(super) fn elements(&self) -> Vec<Cell<'_>> {
        match self {
            Self::List(values) => values.iter().map(|value| value.cell(&[])).collect(),
            _ => Vec::new(),
        }
    }

    /// The value as a cell; `elements` are those of a list.
    pub(super) fn cell<'c>(&'c self, elements: &'c [Cell<'c>]) -> Cell<'c> {
        match self {
            Self::Missing => Cell::Missing,
            Self::Int(v) => Cell::Int(*v),
            Self::Float(v) => Cell::Float(*v),
            Self::Number(v) => Cell::of_number(v),
            Self::Bool(v) => Cell::Bool(*v),
            Self::Text(v) => Cell::Text(v),
            Self::List(_) => Cell::List(elements),
        }
    }

    /// Whether it is or holds a number that may have been rounded.
    fn may_be_rounded(&self) -> bool {
        match self {
            Self::Float(_) => true,
            Self::List(values) => values.iter().any(Self::may_be_rounded),
            _ => false,
        }
    }

    /// Takes the spelling of a number that may have been rounded; `text` is the value as it is written.
    fn in_full(&mut self, text: &'a str) {
        match self {
            Self::Float(_) => *self = Self::Number(Cow::Borrowed(text)),
            Self::List(values) => {
                // Values of lists are single, so that only commas in text are no separators.
                let mut spelled = Spelled(text.trim_start_matches('[')).values();
                for value in values {
                    value.in_full(spelled.next().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
}

/// Puts the spelling of numbers in place of those that may have been rounded. `line` is the object that the values of these
/// keys come from.
pub(super) fn in_full<'a>(values: &mut [Value<'a>], keys: &[&str], line: &'a [u8]) {
    if !values.iter().any(Value::may_be_rounded) {
        return;
    }
    let Ok(text) = std::str::from_utf8(line) else { return };
    let mut spelled = Spelled(text.trim_start().trim_start_matches('{'));
    // Of several values of one key the last counts.
    let mut found = vec![None; values.len()];
    while let Some((key, value)) = spelled.value().and_then(|key| Some((key, spelled.value()?))) {
        let name: Cow<'_, str> = if key.contains('\\') {
            serde_json::from_str::<String>(key).map_or(Cow::Borrowed(key), Cow::Owned)
        } else {
            Cow::Borrowed(key.trim_matches('"'))
        };
        for (slot, _) in found.iter_mut().zip(keys).filter(|(_, wanted)| **wanted == name) {
            *slot = Some(value);
        }
    }
    for (value, text) in values.iter_mut().zip(found) {
        value.in_full(text.unwrap_or_default());
    }
}

/// The keys and values that follow each other in sound JSON, as they are written.
struct Spelled<'a>(&'a str);

impl<'a> Spelled<'a> {
    /// The next one; `None` at the end of the object or list.
    fn value(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
        let (mut depth, mut within, mut escaped, mut end) = (0_u32, false, false, text.len());
        for (at, byte) in text.bytes().enumerate() {
            if within {
                (within, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
                continue;
            }
            match byte {
                b'"' => within = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                b',' | b':' | b'}' | b']' if depth == 0 => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (value, rest) = text.split_at(end);
        self.0 = rest;
        Some(value.trim_end()).filter(|value| !value.is_empty())
    }

    fn values(mut self) -> impl Iterator<Item = &'a str> {
        std::iter::from_fn(move || self.value())
    }
}

/// A single value, or a list of them if `lists`; objects are refused.
pub(super) struct Scalar {
    pub(super) lists: bool,
}

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, text or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Missing)
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Value::Int(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(v).map_or_else(|_| Value::Number(Cow::Owned(v.to_string())), Value::Int))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Value::Float(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(v.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(v)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        if !self.lists {
            return Err(A::Error::custom("found a list where a single value is expected"));
        }
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Self { lists: false })? {
            if values.len() == MOST_VALUES {
                return Err(A::Error::custom(format_args!("a list has more than {MOST_VALUES} values")));
            }
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("found an object where a single value is expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_of_a_number_is_found_behind_its_key() {
        let line = br#" {"a": {"id": 1.5, "t": "}"}, "t\u0069d" : 18446744073709551616 ,"s":"x\",\"id\":2.5", "id":[1.25, "a,b", 36893488147419103232], "r": 5, "r": 4.5 }"#;
        let keys = ["tid", "id", "r", "none"];
        let list = Value::List(vec![Value::Float(1.25), Value::Text("a,b".into()), Value::Float(3.7e19)]);
        let mut values = [Value::Float(1.8e19), list, Value::Float(4.5), Value::Missing];
        in_full(&mut values, &keys, line);
        let elements = values[1].elements();
        assert_eq!(values[0].cell(&[]), Cell::Number("18446744073709551616"));
        assert_eq!(elements, [Cell::Float(1.25), Cell::Text("a,b"), Cell::Number("36893488147419103232")]);
        assert_eq!([values[2].cell(&[]), values[3].cell(&[])], [Cell::Float(4.5), Cell::Missing]);
    }
}
