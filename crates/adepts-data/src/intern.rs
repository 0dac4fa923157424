//! Ids to dense numbers while rows stream by.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use std::hash::BuildHasher;

use crate::id::{Vocabulary, canonical_int};
use crate::source::Cell;
use crate::time::whole;

/// Gives each id a number in order of first appearance.
///
/// Ids from text formats are whole numbers as long as all of them are written as such, and text from the first that
/// is not: those before it turn into their spelling, which is the only one they can have had.
/// Formats with types keep to the type of the first id.
///
/// An id costs about 26 bytes if it is a number, and its length and about 20 bytes if it is text.
pub(crate) struct Interner {
    ids: Ids,
    /// True once an id came from a format that tells numbers from text.
    typed: bool,
}

enum Ids {
    Int { numbers: HashMap<i64, u32, FixedState>, values: Vec<i64>, last: (i64, u32) },
    Text(Texts),
}

/// Why a value is not an id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no value.
    Missing,
    /// A fraction, a truth value or a list.
    NoId,
    /// A number among text.
    NumberAmongText,
    /// Text among numbers.
    TextAmongNumbers,
    /// More ids than 32 bits can count.
    Full,
}

impl Default for Interner {
    fn default() -> Self {
        Self::new()
    }
}

impl Interner {
    pub(crate) fn new() -> Self {
        Self {
            ids: Ids::Int {
                numbers: HashMap::with_hasher(FixedState::default()),
                values: Vec::new(),
                last: (0, u32::MAX),
            },
            typed: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.ids {
            Ids::Int { values, .. } => values.len(),
            Ids::Text(texts) => texts.len(),
        }
    }

    /// The spelling of the id with a number.
    pub(crate) fn spelling(&self, number: u32) -> String {
        match &self.ids {
            Ids::Int { values, .. } => values[number as usize].to_string(),
            Ids::Text(texts) => texts.get(number).to_owned(),
        }
    }

    /// The number of an id.
    #[inline]
    pub(crate) fn intern(&mut self, cell: Cell<'_>) -> Result<u32, Refused> {
        match cell {
            Cell::Missing | Cell::Raw("") | Cell::Text("") => Err(Refused::Missing),
            Cell::Bool(_) | Cell::List(_) => Err(Refused::NoId),
            Cell::Raw(text) => self.raw(text),
            Cell::Int(value) => self.int(value),
            Cell::Float(value) => self.int(whole(value).ok_or(Refused::NoId)?),
            Cell::Text(text) => self.text(text),
        }
    }

    fn raw(&mut self, text: &str) -> Result<u32, Refused> {
        if let Ids::Int { values, .. } = &self.ids {
            if let Some(value) = canonical_int(text) {
                return self.number(value);
            }
            if self.typed && !values.is_empty() {
                return Err(Refused::TextAmongNumbers);
            }
            self.turn_into_text();
        }
        self.string(text)
    }

    fn int(&mut self, value: i64) -> Result<u32, Refused> {
        self.typed = true;
        self.number(value)
    }

    fn text(&mut self, text: &str) -> Result<u32, Refused> {
        self.typed = true;
        match &self.ids {
            Ids::Int { values, .. } if !values.is_empty() => Err(Refused::TextAmongNumbers),
            Ids::Int { .. } => {
                self.turn_into_text();
                self.string(text)
            }
            Ids::Text(_) => self.string(text),
        }
    }

    #[inline]
    fn number(&mut self, value: i64) -> Result<u32, Refused> {
        let Ids::Int { numbers, values, last } = &mut self.ids else { return Err(Refused::NumberAmongText) };
        if last.0 == value && last.1 != u32::MAX {
            return Ok(last.1);
        }
        let next = values.len() as u32;
        let number = *numbers.entry(value).or_insert(next);
        if number == next {
            if next == u32::MAX {
                return Err(Refused::Full);
            }
            values.push(value);
        }
        *last = (value, number);
        Ok(number)
    }

    fn string(&mut self, text: &str) -> Result<u32, Refused> {
        match &mut self.ids {
            Ids::Text(texts) => texts.intern(text).ok_or(Refused::Full),
            Ids::Int { .. } => Err(Refused::TextAmongNumbers),
        }
    }

    fn turn_into_text(&mut self) {
        if let Ids::Int { values, .. } = &self.ids {
            let mut texts = Texts::default();
            for value in values {
                texts.intern(&value.to_string());
            }
            self.ids = Ids::Text(texts);
        }
    }

    /// The ids in ascending order, and for each number the place of its id in that order.
    pub(crate) fn into_sorted(self) -> (Vocabulary, Vec<u32>) {
        match self.ids {
            Ids::Int { values, numbers, .. } => {
                drop(numbers);
                let mut order: Vec<u32> = (0..values.len() as u32).collect();
                order.sort_unstable_by_key(|&n| values[n as usize]);
                let sorted = order.iter().map(|&n| values[n as usize]).collect();
                (Vocabulary::Int(sorted), inverse(&order))
            }
            Ids::Text(texts) => {
                let mut order: Vec<u32> = (0..texts.len() as u32).collect();
                order.sort_unstable_by_key(|&n| texts.get(n));
                let sorted = order.iter().map(|&n| texts.get(n).into()).collect();
                (Vocabulary::Text(sorted), inverse(&order))
            }
        }
    }
}

fn inverse(order: &[u32]) -> Vec<u32> {
    let mut place = vec![0; order.len()];
    for (at, &n) in order.iter().enumerate() {
        place[n as usize] = at as u32;
    }
    place
}

/// Distinct texts, numbered in order of first appearance, in one piece of memory.
#[derive(Default)]
pub(crate) struct Texts {
    bytes: String,
    ends: Vec<usize>,
    table: HashTable<u32>,
    hasher: FixedState,
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        slice(&self.bytes, &self.ends, number)
    }

    /// The number of a text, if it has one.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.table.find(self.hasher.hash_one(text), |&n| self.get(n) == text).copied()
    }

    /// The number of a text; `None` if there is no number left.
    pub(crate) fn intern(&mut self, text: &str) -> Option<u32> {
        let Self { bytes, ends, table, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(&number) = table.find(hash, |&n| slice(bytes, ends, n) == text) {
            return Some(number);
        }
        let number = u32::try_from(ends.len()).ok().filter(|&n| n < u32::MAX)?;
        bytes.push_str(text);
        ends.push(bytes.len());
        table.insert_unique(hash, number, |&n| hasher.hash_one(slice(bytes, ends, n)));
        Some(number)
    }
}

fn slice<'a>(bytes: &'a str, ends: &[usize], number: u32) -> &'a str {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &bytes[start..ends[number]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_text_files_turn_into_text_at_the_first_that_is_none() {
        let mut ids = Interner::new();
        assert_eq!(ids.intern(Cell::Raw("10")), Ok(0));
        assert_eq!(ids.intern(Cell::Raw("9")), Ok(1));
        assert_eq!(ids.intern(Cell::Raw("009")), Ok(2));
        assert_eq!(ids.intern(Cell::Raw("10")), Ok(0));
        let (vocabulary, place) = ids.into_sorted();
        assert_eq!(vocabulary, Vocabulary::Text(vec!["009".into(), "10".into(), "9".into()]));
        assert_eq!(place, [1, 2, 0]);
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let mut ids = Interner::new();
        for text in ["10", "-1", "9", "10"] {
            ids.intern(Cell::Raw(text)).unwrap();
        }
        let (vocabulary, place) = ids.into_sorted();
        assert_eq!(vocabulary, Vocabulary::Int(vec![-1, 9, 10]));
        assert_eq!(place, [2, 0, 1]);
    }

    #[test]
    fn typed_formats_keep_to_one_type() {
        let mut ids = Interner::new();
        assert_eq!(ids.intern(Cell::Int(1)), Ok(0));
        assert_eq!(ids.intern(Cell::Float(1.0)), Ok(0));
        assert_eq!(ids.intern(Cell::Float(1.5)), Err(Refused::NoId));
        assert_eq!(ids.intern(Cell::Text("1")), Err(Refused::TextAmongNumbers));
        let mut ids = Interner::new();
        assert_eq!(ids.intern(Cell::Text("1")), Ok(0));
        assert_eq!(ids.intern(Cell::Int(1)), Err(Refused::NumberAmongText));
        assert_eq!(ids.intern(Cell::Missing), Err(Refused::Missing));
    }
}
