//! JSON objects as rows; only the wanted keys are kept.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::files::SourceFile;
use super::frames::Frames;
use super::input::Ticker;
use super::text::NotUtf8;
use super::{At, Cell, Flow, MOST_COLUMNS, Sink};
use crate::error::DataError;
use crate::place::Place;

/// How many objects are looked at for the names of the keys.
const LOOKED_AT: usize = 100;
/// The most values of a list.
const MOST_VALUES: usize = 1 << 20;

/// The keys of the first objects, in order of first appearance; those of all objects if `whole`.
pub(super) fn columns(file: &SourceFile, whole: bool) -> Result<Vec<String>, DataError> {
    let mut frames = Frames::open(file)?;
    let (mut columns, mut objects) = (Keys::default(), 0);
    let mut broken = None;
    while (whole || objects < LOOKED_AT) && frames.advance()? {
        let mut json = serde_json::Deserializer::from_slice(frames.object());
        if let Err(e) = (&mut columns).deserialize(&mut json) {
            broken = broken.or_else(|| Some(malformed(file, &frames, &e)));
        }
        if columns.order.len() > MOST_COLUMNS {
            return Err(DataError::TooManyColumns { path: file.path.clone(), limit: MOST_COLUMNS });
        }
        objects += 1;
    }
    match broken {
        _ if objects == 0 => Err(DataError::EmptyFile { path: file.path.clone() }),
        Some(error) if columns.order.is_empty() => Err(error),
        _ => Ok(columns.order),
    }
}

/// `wanted` are positions in `columns`.
pub(super) fn read(
    file: &SourceFile,
    columns: &[String],
    wanted: &[usize],
    lists: bool,
    sink: &mut dyn Sink,
    ticker: &mut Ticker,
) -> Flow {
    let mut frames = Frames::open(file)?;
    let keys: Vec<&str> = wanted.iter().map(|&w| columns[w].as_str()).collect();
    while frames.advance()? {
        let mut json = serde_json::Deserializer::from_slice(frames.object());
        let values =
            Picked { keys: &keys, lists }.deserialize(&mut json).and_then(|values| json.end().map(|()| values));
        let flow = match values {
            Ok(values) => {
                let elements: Vec<Vec<Cell>> = values.iter().map(Value::elements).collect();
                let cells: Vec<Cell> = values.iter().zip(&elements).map(|(value, list)| value.cell(list)).collect();
                sink.row(At { path: &file.path, unit: "line", number: frames.number() }, &cells)?
            }
            Err(e) => sink.malformed(malformed(file, &frames, &e))?,
        };
        if flow.is_break() {
            return Ok(flow);
        }
        ticker.row(&frames.bytes);
    }
    Ok(ControlFlow::Continue(()))
}

fn malformed(file: &SourceFile, frames: &Frames, error: &serde_json::Error) -> DataError {
    // serde_json counts lines within the one object that it saw.
    let number = frames.number() + (error.line() as u64).saturating_sub(1);
    let place = Place { path: file.path.clone(), unit: "line", number };
    if let Err(wrong) = NotUtf8::check(frames.object()) {
        return wrong.error(place);
    }
    let what = error.to_string();
    let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
    let what = shortened_message(what);
    DataError::MalformedRow { place, reason: format!("{what} (character {}); expected a JSON object", error.column()) }
}

/// A message may hold a piece of the text.
fn shortened_message(what: &str) -> String {
    what.chars().take(200).flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The keys of objects, in order of first appearance.
#[derive(Default)]
struct Keys {
    known: HashSet<String>,
    order: Vec<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Keys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Keys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            if self.order.len() <= MOST_COLUMNS && !self.known.contains(key.as_ref()) {
                self.known.insert(key.clone().into_owned());
                self.order.push(key.into_owned());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A value of a wanted key.
#[derive(Clone)]
enum Value<'a> {
    Missing,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
}

impl Value<'_> {
    /// The values of a list; nothing for a single value.
    fn elements(&self) -> Vec<Cell<'_>> {
        match self {
            Self::List(values) => values.iter().map(|value| value.cell(&[])).collect(),
            _ => Vec::new(),
        }
    }

    /// The value as a cell; `elements` are those of a list.
    fn cell<'c>(&'c self, elements: &'c [Cell<'c>]) -> Cell<'c> {
        match self {
            Self::Missing => Cell::Missing,
            Self::Int(v) => Cell::Int(*v),
            Self::Float(v) => Cell::Float(*v),
            Self::Bool(v) => Cell::Bool(*v),
            Self::Text(v) => Cell::Text(v),
            Self::List(_) => Cell::List(elements),
        }
    }
}

/// Reads an object and keeps the values of these keys.
struct Picked<'k> {
    keys: &'k [&'k str],
    lists: bool,
}

impl<'de> DeserializeSeed<'de> for Picked<'_> {
    type Value = Vec<Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Picked<'_> {
    type Value = Vec<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![Value::Missing; self.keys.len()];
        while let Some(key) = map.next_key_seed(Text)? {
            if self.keys.contains(&key.as_ref()) {
                let value = map.next_value_seed(Scalar { lists: self.lists })?;
                for (slot, _) in values.iter_mut().zip(self.keys).filter(|(_, k)| **k == key) {
                    *slot = value.clone();
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(values)
    }
}

/// Text, borrowed where it has no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }
}

/// A single value, or a list of them if `lists`; objects are refused.
struct Scalar {
    lists: bool,
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
        i64::try_from(v).map(Value::Int).map_err(|_| E::custom(format_args!("{v} is too large for a whole number")))
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

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("found an object where a single value is expected"))
    }
}
