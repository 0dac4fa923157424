//! JSON objects as rows; only the wanted keys are kept.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::files::SourceFile;
use super::frames::Frames;
use super::input::Ticker;
use super::json::{Scalar, Value, in_full};
use super::text::NotUtf8;
use super::{At, Cell, Flow, MOST_COLUMNS, Sink};
use crate::error::DataError;
use crate::place::Place;

/// How many objects are looked at for the names of the keys.
const LOOKED_AT: usize = 100;

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
            Ok(mut values) => {
                in_full(&mut values, &keys, frames.object());
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
    if let Err(wrong) = NotUtf8::check(frames.object(), file) {
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
