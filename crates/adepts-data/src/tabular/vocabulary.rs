//! Categories to codes: counted in one pass over the training rows, looked up ever after.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::error::DataError;
use crate::error::TabularError;
use crate::id::{Vocabulary, canonical_int};
use crate::intern::{Interner, Refused, Texts};
use crate::place::shortened;
use crate::source::{At, Cell, Number};

/// Counts categories.
pub(super) struct Counting {
    interner: Interner,
    counts: Vec<u64>,
}

impl Counting {
    pub(super) fn new() -> Self {
        Self { interner: Interner::new(), counts: Vec::new() }
    }

    /// Counts these, of which there is none yet.
    pub(super) fn of(ids: &Vocabulary) -> Self {
        let mut counting = Self::new();
        for nth in 0..ids.len() {
            let id = match ids {
                Vocabulary::Int(ids) => Cell::Int(ids[nth]),
                Vocabulary::Text(ids) => Cell::Text(&ids[nth]),
            };
            // What is in a vocabulary is all of one kind, so that none is refused.
            drop(counting.note_times(id, 0));
        }
        counting
    }

    /// Notes one more of a category.
    #[inline]
    pub(super) fn note(&mut self, value: Cell<'_>) -> Result<(), Refused> {
        self.note_times(value, 1)
    }

    /// Notes so many more of a category; 0 says that there is one.
    #[inline]
    pub(super) fn note_times(&mut self, value: Cell<'_>, times: u64) -> Result<(), Refused> {
        let number = self.interner.intern(value)? as usize;
        if number == self.counts.len() {
            self.counts.push(0);
        }
        self.counts[number] += times;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// What is to be said of the values of a column; see [`Interner::note`].
    pub(super) fn note_of(&self, column: &str) -> Option<String> {
        self.interner.note(column)
    }

    /// The categories that were noted at least `least` times, ascending, and how often each was.
    pub(super) fn finish(self, least: u64) -> (Vocabulary, Vec<u64>) {
        let (all, place) = self.interner.into_sorted();
        let mut counts = vec![0; place.len()];
        for (number, &at) in place.iter().enumerate() {
            counts[at as usize] = self.counts[number];
        }
        let mut kept = counts.iter().map(|&n| n >= least);
        let mut keep = || kept.next().unwrap_or(false);
        let vocabulary = match all {
            Vocabulary::Int(mut ids) => {
                ids.retain(|_| keep());
                Vocabulary::Int(ids)
            }
            Vocabulary::Text(mut ids) => {
                ids.retain(|_| keep());
                Vocabulary::Text(ids)
            }
        };
        counts.retain(|&n| n >= least);
        (vocabulary, counts)
    }
}

/// What an id that was refused by an interner means for a row.
pub(super) fn refused(why: &Refused, at: At<'_>, column: &str, value: Cell<'_>) -> DataError {
    match why {
        Refused::Full => DataError::TooMany { what: "categories", limit: u64::from(u32::MAX) },
        Refused::Missing | Refused::NoId | Refused::Rounded => DataError::BadValue {
            place: at.place(),
            column: column.to_owned(),
            value: shortened(&value.spelling()),
            expected: "a category",
        },
    }
}

/// A column of more values than this is not one of domains.
pub(super) const MOST_READ: usize = 10_000;

/// Refuses a column of domains that holds something else.
pub(super) fn check_domains(domains: usize, column: &str) -> Result<(), TabularError> {
    if domains <= MOST_READ {
        return Ok(());
    }
    Err(TabularError::TooManyDomains { column: column.to_owned(), limit: MOST_READ })
}

/// The index of each value of a vocabulary. A number is found among text by its spelling, and the reverse. Values that are no ids
/// are found as numbers too ([`Lookup::index_of_number`]): data frames write whole numbers as fractions where one value of a
/// column is missing.
pub(super) enum Lookup {
    Int(HashMap<i64, u32, FixedState>),
    Text(Texts),
}

impl Lookup {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        match vocabulary {
            Vocabulary::Int(ids) => Self::Int(ids.iter().enumerate().map(|(index, &id)| (id, index as u32)).collect()),
            Vocabulary::Text(ids) => {
                let mut texts = Texts::default();
                for id in ids {
                    texts.intern(id);
                }
                Self::Text(texts)
            }
        }
    }

    #[inline]
    pub(super) fn index(&self, value: Cell<'_>) -> Option<u32> {
        match (self, value) {
            (Self::Int(ids), Cell::Int(id)) => ids.get(&id).copied(),
            (Self::Int(ids), Cell::Raw(text) | Cell::Text(text)) => ids.get(&canonical_int(text)?).copied(),
            (Self::Int(ids), Cell::Float(_) | Cell::Number(_)) => match value.whole()? {
                Number::Int(id) => ids.get(&id).copied(),
                Number::Digits(_) => None,
            },
            (Self::Text(texts), Cell::Raw(text) | Cell::Text(text)) => texts.find(text),
            (Self::Text(texts), other) => texts.find(&other.spelling()),
            (Self::Int(_), _) => None,
        }
    }

    /// As [`Lookup::index`]; where the spelling is not there, `7` is found as `7.0` and the reverse.
    #[inline]
    pub(super) fn index_of_number(&self, value: Cell<'_>) -> Option<u32> {
        self.index(value).or_else(|| {
            let whole = whole(value)?;
            let fraction = || self.index(Cell::Text(&format!("{whole}.0")));
            self.index(Cell::Int(whole)).or_else(fraction)
        })
    }
}

/// The whole number that a value is, also one that is spelled with a fraction of zeros.
fn whole(value: Cell<'_>) -> Option<i64> {
    match value {
        Cell::Int(value) => Some(value),
        Cell::Float(_) | Cell::Number(_) => match value.whole()? {
            Number::Int(id) => Some(id),
            Number::Digits(_) => None,
        },
        Cell::Raw(text) | Cell::Text(text) => match text.split_once('.') {
            None => canonical_int(text),
            Some((whole, zeros)) => {
                let only_zeros = !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0');
                canonical_int(whole).filter(|_| only_zeros)
            }
        },
        _ => None,
    }
}

/// A code in `1..=codes` for any category, the same for ever: the first eight bytes of the blake3 hash of its spelling,
/// modulo `codes`.
pub(super) fn hashed(value: Cell<'_>, codes: u32) -> u32 {
    1 + (spelling_hash(value) % u64::from(codes)) as u32
}

/// 64 bits for a category, the same for `7` as number and as text.
pub(super) fn spelling_hash(value: Cell<'_>) -> u64 {
    let hash = match value {
        Cell::Raw(text) | Cell::Text(text) => blake3::hash(text.as_bytes()),
        other => blake3::hash(other.spelling().as_bytes()),
    };
    u64::from_le_bytes(std::array::from_fn(|i| hash.as_bytes()[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_order_of_the_values_and_rare_ones_have_none() {
        let mut counting = Counting::new();
        for id in [30, 7, 30, 5, 7, 30] {
            counting.note(Cell::Int(id)).unwrap();
        }
        let (vocabulary, counts) = counting.finish(2);
        assert_eq!(vocabulary, Vocabulary::Int(vec![7, 30]));
        assert_eq!(counts, [2, 3]);
        let lookup = Lookup::new(&vocabulary);
        assert_eq!([7, 30, 5].map(|id| lookup.index(Cell::Int(id))), [Some(0), Some(1), None]);
        assert_eq!(lookup.index(Cell::Raw("30")), Some(1));
        assert_eq!(lookup.index(Cell::Raw("030")), None);
        assert_eq!(lookup.index(Cell::Raw("30.0")), None);
        assert_eq!(lookup.index_of_number(Cell::Raw("30.0")), Some(1));
        for other in ["30.", "30.5", "030.0", "8.0"] {
            assert_eq!(lookup.index_of_number(Cell::Raw(other)), None, "{other}");
        }
    }

    #[test]
    fn a_whole_number_is_found_however_it_is_spelled() {
        let texts = |ids: &[&str]| Vocabulary::Text(ids.iter().map(|id| (*id).into()).collect());
        for vocabulary in [Vocabulary::Int(vec![3, 7]), texts(&["3", "7"]), texts(&["3.0", "7.0"])] {
            let lookup = Lookup::new(&vocabulary);
            for seven in [Cell::Int(7), Cell::Float(7.0), Cell::Raw("7"), Cell::Text("7.0"), Cell::Raw("7.00")] {
                assert_eq!(lookup.index_of_number(seven), Some(1), "{seven:?} in {vocabulary:?}");
            }
            for other in [Cell::Float(7.5), Cell::Raw("7.5"), Cell::Raw("7."), Cell::Raw("07.0"), Cell::Int(8)] {
                assert_eq!(lookup.index_of_number(other), None, "{other:?} in {vocabulary:?}");
            }
        }
        // Where both are there, each is its own.
        let both = Lookup::new(&texts(&["7", "7.0"]));
        assert_eq!((both.index_of_number(Cell::Raw("7")), both.index_of_number(Cell::Raw("7.0"))), (Some(0), Some(1)));
    }

    #[test]
    fn a_hash_is_the_same_for_ever_and_for_number_and_text() {
        assert_eq!(hashed(Cell::Int(7), 100), hashed(Cell::Text("7"), 100));
        assert_eq!(hashed(Cell::Raw("02138"), 100_000), hashed(Cell::Text("02138"), 100_000));
        assert!((0..1_000).all(|id| (1..=10).contains(&hashed(Cell::Int(id), 10))));
        assert_eq!(hashed(Cell::Raw("anything"), 1), 1);
    }
}
