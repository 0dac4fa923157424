//! Ids to dense numbers while rows stream by.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use std::hash::BuildHasher;

use crate::id::{Vocabulary, canonical_int};
use crate::key::Key;
pub(crate) use crate::key::Refused;
use crate::source::{Cell, Number};
use crate::words::{agreeing, counted};

/// Gives each id a number in order of first appearance.
///
/// Ids are whole numbers as long as all of them are written as such, and text from the first that is not: those before it
/// turn into their spelling, which is the only one they can have had. So `7` as a number and as text is one id, whatever
/// comes first.
///
/// An id costs about 26 bytes if it is a number, and its length and about 20 bytes if it is text.
pub(crate) struct Interner {
    ids: Ids,
    /// Of formats that tell numbers from text: how many values were which.
    typed: Typed,
}

/// Values of a format that tells numbers from text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// Numbers.
    pub(crate) numbers: u64,
    /// Numbers that a signed integer of 64 bits cannot hold; they are among `numbers`.
    pub(crate) large: u64,
    /// Text.
    pub(crate) texts: u64,
}

enum Ids {
    Int { numbers: HashMap<i64, u32, FixedState>, values: Vec<i64>, last: (i64, u32) },
    Text(Texts),
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
            typed: Typed::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.ids {
            Ids::Int { values, .. } => values.len(),
            Ids::Text(texts) => texts.len(),
        }
    }

    /// Whether all ids are whole numbers of 64 bits.
    pub(crate) fn is_of_numbers(&self) -> bool {
        matches!(self.ids, Ids::Int { .. })
    }

    /// What a format that tells numbers from text had in the column of the ids, if both stood there or some number was
    /// too large for 64 bits.
    pub(crate) fn note(&self, column: &str) -> Option<String> {
        let Typed { numbers, large, texts } = self.typed;
        if texts > 0 && numbers > 0 {
            let (numbers, texts) = (counted(numbers, "number"), counted(texts, "text"));
            return Some(format!(
                "column `{column}` has {numbers} and {texts}; its ids are text, and 7 and \"7\" are one id"
            ));
        }
        (large > 0).then(|| {
            let (are, large) = (agreeing(large, "is", "are"), counted(large, "value"));
            format!("column `{column}`: {large} {are} beyond whole numbers of 64 bits with a sign; its ids are text")
        })
    }

    /// Says that most ids are whole numbers with decimal points, such as `303.0`, if they are.
    pub(crate) fn decimals(&self, column: &str) -> Option<String> {
        let Ids::Text(texts) = &self.ids else { return None };
        let count = texts.len().min(1000) as u32;
        let is =
            |number: &u32| texts.get(*number).strip_suffix(".0").is_some_and(|whole| canonical_int(whole).is_some());
        let example = (0..count).find(is)?;
        let (with, half) = ((0..count).filter(is).count() as u32, count / 2);
        (with > half).then(|| {
            let id = texts.get(example);
            format!(
                "warning: ids of `{column}` have decimal points and are kept as text: `{id}` and `{}` are different ids. Data frames \
                 write whole numbers so where values are missing; save them as whole numbers",
                id.trim_end_matches(".0")
            )
        })
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
        match Key::of(cell)? {
            Key::Raw(text) => self.raw(text),
            Key::Text(text) => {
                self.typed.texts += 1;
                self.string(text)
            }
            Key::Time(stamp) => self.string(&stamp.shown()),
            Key::Number(number) => {
                self.typed.numbers += 1;
                match number {
                    Number::Int(value) => self.number(value),
                    Number::Digits(digits) => {
                        self.typed.large += 1;
                        self.string(digits)
                    }
                }
            }
        }
    }

    /// The number of an id that was interned. Nothing changes.
    pub(crate) fn find(&self, cell: Cell<'_>) -> Option<u32> {
        let of_number = |value: i64| match &self.ids {
            Ids::Int { numbers, .. } => numbers.get(&value).copied(),
            Ids::Text(texts) => texts.find(&value.to_string()),
        };
        let of_text = |text: &str| match &self.ids {
            Ids::Int { .. } => canonical_int(text).and_then(of_number),
            Ids::Text(texts) => texts.find(text),
        };
        match Key::of(cell).ok()? {
            Key::Raw(text) | Key::Text(text) | Key::Number(Number::Digits(text)) => of_text(text),
            Key::Number(Number::Int(value)) => of_number(value),
            Key::Time(stamp) => of_text(&stamp.shown()),
        }
    }

    fn raw(&mut self, text: &str) -> Result<u32, Refused> {
        match (&self.ids, canonical_int(text)) {
            (Ids::Int { .. }, Some(value)) => self.number(value),
            _ => self.string(text),
        }
    }

    #[inline]
    fn number(&mut self, value: i64) -> Result<u32, Refused> {
        let Ids::Int { numbers, values, last } = &mut self.ids else { return self.string(&value.to_string()) };
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
        if let Ids::Int { values, .. } = &self.ids {
            let mut texts = Texts::default();
            for value in values {
                texts.intern(&value.to_string());
            }
            self.ids = Ids::Text(texts);
        }
        let Ids::Text(texts) = &mut self.ids else { return Err(Refused::Full) };
        texts.intern(text).ok_or(Refused::Full)
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
    use crate::error::DataError;
    use crate::id::Id;
    use crate::source::At;
    use crate::time::Stamp;

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
    fn numbers_and_text_in_one_column_are_text_and_counted() {
        let mut ids = Interner::new();
        assert_eq!(ids.intern(Cell::Int(1)), Ok(0));
        assert_eq!(ids.intern(Cell::Float(1.0)), Ok(0));
        assert_eq!(ids.intern(Cell::Float(1.5)), Err(Refused::NoId));
        assert_eq!(ids.note("user"), None);
        assert_eq!(ids.intern(Cell::Text("1")), Ok(0));
        assert_eq!(ids.intern(Cell::Text("guest")), Ok(1));
        assert_eq!(ids.intern(Cell::Int(1)), Ok(0));
        assert_eq!(ids.intern(Cell::Text("01")), Ok(2));
        let note = "column `user` has 3 numbers and 3 texts; its ids are text, and 7 and \"7\" are one id";
        assert_eq!(ids.note("user").as_deref(), Some(note));
        assert_eq!(ids.into_sorted().0, Vocabulary::Text(vec!["01".into(), "1".into(), "guest".into()]));
    }

    #[test]
    fn an_id_that_was_interned_is_found_however_it_is_written_and_nothing_changes() {
        let mut ids = Interner::new();
        ids.intern(Cell::Int(7)).unwrap();
        for cell in [Cell::Int(7), Cell::Float(7.0), Cell::Number("7.0"), Cell::Raw("7"), Cell::Text("7")] {
            assert_eq!(ids.find(cell), Some(0), "{cell:?}");
        }
        for cell in [Cell::Raw("007"), Cell::Text("guest"), Cell::Int(8), Cell::Missing, Cell::Float(7.5)] {
            assert_eq!(ids.find(cell), None, "{cell:?}");
        }
        assert!(ids.is_of_numbers() && ids.note("user").is_none());
        ids.intern(Cell::Raw("guest")).unwrap();
        assert_eq!(
            [Cell::Int(7), Cell::Text("guest"), Cell::Int(8)].map(|cell| ids.find(cell)),
            [Some(0), Some(1), None]
        );
    }

    #[test]
    fn numbers_that_64_bits_cannot_hold_stay_distinct() {
        let mut ids = Interner::new();
        for (number, text) in
            ["18446744073709551614", "18446744073709551615", "18446744073709551615.0"].iter().enumerate()
        {
            assert_eq!(ids.intern(Cell::Number(text)), Ok(number.min(1) as u32), "{text}");
        }
        assert_eq!(ids.intern(Cell::Int(5)), Ok(2));
        assert_eq!(ids.intern(Cell::Number("5.00")), Ok(2));
        assert!(ids.note("item").unwrap().starts_with("column `item`: 3 values are beyond whole numbers of 64 bits"));
    }

    #[test]
    fn what_is_no_whole_number_or_text_is_no_id() {
        let mut ids = Interner::new();
        assert_eq!(ids.intern(Cell::Missing), Err(Refused::Missing));
        assert_eq!(ids.intern(Cell::Float(f64::NAN)), Err(Refused::Missing));
        assert_eq!(ids.intern(Cell::Bool(true)), Err(Refused::NoId));
        assert_eq!(ids.intern(Cell::Float(9_007_199_254_741_016.0)), Err(Refused::Rounded));
        assert_eq!(ids.intern(Cell::Float(-0.0)), Ok(0));
        assert_eq!(ids.into_sorted().0, Vocabulary::Int(vec![0]));
    }

    #[test]
    fn an_id_of_another_file_is_found_whatever_its_type() {
        let cells = [
            Cell::Raw("7"),
            Cell::Text("7"),
            Cell::Int(7),
            Cell::Float(7.0),
            Cell::Number("7.00"),
            Cell::Number("9007199254740993.00"),
            Cell::Number("18446744073709551615"),
            Cell::Time(Stamp { count: 86_400, per_second: 1 }),
            Cell::Text("a "),
            Cell::Missing,
            Cell::Raw(""),
            Cell::Float(f64::NAN),
            Cell::Float(1.5),
            Cell::Float(1e300),
            Cell::Bool(true),
            Cell::List(&[]),
        ];
        let at = At { path: std::path::Path::new("x"), unit: "row", number: 1 };
        let mut ids = Interner::new();
        let found: Vec<Result<u32, Refused>> = cells.iter().map(|cell| ids.intern(*cell)).collect();
        let (vocabulary, place) = ids.into_sorted();
        assert_eq!(vocabulary.len(), 5);
        for (cell, interned) in cells.iter().zip(found) {
            match (Id::of_cell(*cell, at, "user"), interned) {
                (Ok(Some(id)), Ok(number)) => {
                    assert_eq!(vocabulary.index(&id), Some(place[number as usize]), "{cell:?}");
                }
                (Ok(None), Err(Refused::Missing)) | (Err(DataError::BadValue { .. }), Err(_)) => {}
                (other, interned) => panic!("{cell:?}: {other:?}, {interned:?}"),
            }
        }
    }
}
