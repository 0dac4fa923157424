//! One JSON object a line; only the wanted keys are kept.

use std::borrow::Cow;
use std::fmt;
use std::io::BufRead;
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::files::{SourceFile, Ticker, open_text, read_error};
use super::json::{Scalar, Value, in_full};
use super::text::NotUtf8;
use super::{At, Cell, Flow, Sink};
use crate::error::DataError;
use crate::place::Place;

/// How many objects are looked at for the names of the keys.
const LOOKED_AT: usize = 100;

/// The keys of the first objects, in order of first appearance.
pub(super) fn columns(file: &SourceFile) -> Result<Vec<String>, DataError> {
    let (mut reader, _) = open_text(file)?;
    let mut columns: Vec<String> = Vec::new();
    let (mut line, mut number, mut objects) = (Vec::new(), 0, 0);
    let mut broken = None;
    while objects < LOOKED_AT && next_line(file, &mut *reader, &mut line, &mut number)? {
        match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&line) {
            Ok(object) => {
                columns.extend(
                    object.into_iter().map(|(key, _)| key).filter(|k| !columns.contains(k)).collect::<Vec<_>>(),
                );
            }
            Err(e) => broken = broken.or_else(|| Some(malformed(file, number, &line, &e))),
        }
        objects += 1;
    }
    match broken {
        _ if objects == 0 => Err(DataError::EmptyFile { path: file.path.clone() }),
        Some(error) if columns.is_empty() => Err(error),
        _ => Ok(columns),
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
    let (mut reader, bytes) = open_text(file)?;
    let keys: Vec<&str> = wanted.iter().map(|&w| columns[w].as_str()).collect();
    let (mut line, mut number) = (Vec::new(), 0);
    while next_line(file, &mut *reader, &mut line, &mut number)? {
        let mut json = serde_json::Deserializer::from_slice(&line);
        let values =
            Picked { keys: &keys, lists }.deserialize(&mut json).and_then(|values| json.end().map(|()| values));
        let flow = match values {
            Ok(mut values) => {
                in_full(&mut values, &keys, &line);
                let elements: Vec<Vec<Cell>> = values.iter().map(Value::elements).collect();
                let cells: Vec<Cell> = values.iter().zip(&elements).map(|(value, list)| value.cell(list)).collect();
                sink.row(At { path: &file.path, unit: "line", number }, &cells)?
            }
            Err(e) => sink.malformed(malformed(file, number, &line, &e))?,
        };
        if flow.is_break() {
            return Ok(flow);
        }
        ticker.row(&bytes);
    }
    Ok(ControlFlow::Continue(()))
}

/// The next line that is not blank; false at the end.
fn next_line(
    file: &SourceFile,
    reader: &mut dyn BufRead,
    line: &mut Vec<u8>,
    number: &mut u64,
) -> Result<bool, DataError> {
    loop {
        line.clear();
        if reader.read_until(b'\n', line).map_err(|e| read_error(file, e))? == 0 {
            return Ok(false);
        }
        *number += 1;
        if !line.trim_ascii().is_empty() {
            return Ok(true);
        }
    }
}

fn malformed(file: &SourceFile, number: u64, line: &[u8], error: &serde_json::Error) -> DataError {
    let place = Place { path: file.path.clone(), unit: "line", number };
    if let Err(wrong) = NotUtf8::check(line) {
        return wrong.error(place);
    }
    // serde_json counts lines within the one line that it saw; only its column means something here.
    let what = error.to_string();
    let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
    DataError::MalformedRow { place, reason: format!("{what} (character {}); expected a JSON object", error.column()) }
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
