//! What is counted of each column and of the pairs.

use std::hash::BuildHasher;
use std::io::Write as _;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use crate::place::{Place, shortened};
use crate::source::{At, Cell, Number, Role};
use crate::time::{self, Clock, TimeUnit, Votes};

/// Distinct values are counted exactly up to this many.
const EXACT: usize = 4_000_000;
/// How many different values are shown.
const EXAMPLES: usize = 4;
/// Usual kinds of events, by which a column without a name is known.
const EVENTS: [&str; 12] = [
    "pv",
    "view",
    "click",
    "buy",
    "purchase",
    "order",
    "transaction",
    "cart",
    "addtocart",
    "add_to_cart",
    "fav",
    "like",
];
/// More different numbers are no ratings.
const RATINGS: usize = 101;
/// How many values say what unit a column of times has.
const VOTES: u64 = 1_000;

/// A column as it was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name, or its position in files without names.
    pub name: String,
    /// What it seems to be for.
    pub role: Option<Role>,
    /// `integer`, `number`, `time`, `bool`, `text` or `empty`.
    pub kind: &'static str,
    /// Number of distinct values; with `distinct_exact` false, at least as many.
    pub distinct: u64,
    /// Whether all distinct values were counted.
    pub distinct_exact: bool,
    /// The least value, by size for numbers and by bytes for text.
    pub min: Option<String>,
    /// The greatest value.
    pub max: Option<String>,
    /// Rows without a value.
    pub missing: u64,
    /// The first different values.
    pub examples: Vec<String>,
    /// Where each of them stands first.
    #[serde(skip)]
    pub places: Vec<Place>,
    /// Values that would lose zeros if they were read as numbers.
    pub leading_zeros: u64,
    /// Values that are no numbers where most are.
    pub odd_ones: u64,
    /// What its numbers count, if they are times.
    pub time_unit: Option<TimeUnit>,
    /// How many rows have each number, ascending; empty if there are more different ones than ratings have.
    #[serde(skip)]
    pub(super) numbers: Vec<(f64, u64)>,
}

impl ColumnSummary {
    /// Whether the content does not speak against a role.
    pub(super) fn can_be(&self, role: Role) -> bool {
        match role {
            Role::Rating => matches!(self.kind, "integer" | "number") || self.odd_ones > 0,
            Role::Time => matches!(self.kind, "integer" | "number" | "time") || self.odd_ones > 0,
            Role::Event => self.kind == "text" && self.distinct <= 1000,
            Role::User | Role::Item => self.kind != "empty",
        }
    }

    /// Whether the content alone speaks for a role.
    pub(super) fn looks_like(&self, role: Role) -> bool {
        let least = self.least().unwrap_or(f64::NAN);
        match role {
            Role::Rating => {
                self.can_be(role)
                    && (2..=101).contains(&self.distinct)
                    && least >= -10.0
                    && self.greatest() <= Some(10.0)
            }
            Role::Time => self.kind == "time" || (self.kind == "integer" && least >= 1e8),
            Role::Event => {
                let known = |kind: &String| EVENTS.contains(&kind.to_lowercase().as_str());
                self.kind == "text" && self.distinct <= 20 && self.examples.iter().any(known)
            }
            _ => false,
        }
    }

    /// Whether its numbers are as large as the times since 2000 are in one of the usual units.
    pub(super) fn looks_recent(&self) -> bool {
        let Some((least, greatest)) = self.least().zip(self.greatest()) else { return false };
        let in_seconds = |factor: f64| least >= 946_684_800.0 * factor && greatest <= 2_500_000_000.0 * factor;
        self.kind == "integer" && self.distinct > 2 && [1.0, 1e3, 1e6, 1e9].into_iter().any(in_seconds)
    }

    pub(super) fn least(&self) -> Option<f64> {
        self.min.as_ref()?.parse().ok()
    }

    fn greatest(&self) -> Option<f64> {
        self.max.as_ref()?.parse().ok()
    }
}

/// The counts of a column.
#[derive(Default)]
pub(super) struct Tally {
    missing: u64,
    whole: u64,
    /// Whole numbers that 64 bits cannot hold; they are among `whole`.
    large: u64,
    fractions: u64,
    times: u64,
    truths: u64,
    texts: u64,
    leading_zeros: u64,
    numbers: Option<(f64, f64)>,
    integers: Option<(i64, i64)>,
    /// The first and the last of the dates and moments.
    moments: Option<(i64, i64)>,
    votes: Votes,
    spellings: Option<(String, String)>,
    distinct: HashSet<u64, FixedState>,
    examples: Vec<String>,
    places: Vec<Place>,
    /// How often each number stands, by its bits; `None` beyond [`RATINGS`] of them.
    counts: Option<HashMap<u64, u64, FixedState>>,
}

impl Tally {
    pub(super) fn take(&mut self, at: At<'_>, cell: Cell<'_>) {
        let number = match cell {
            Cell::Missing | Cell::Raw("") | Cell::Text("") => {
                self.missing += 1;
                return;
            }
            Cell::Bool(_) => {
                self.truths += 1;
                None
            }
            Cell::List(values) => {
                for value in values {
                    self.take(at, *value);
                }
                return;
            }
            Cell::Int(value) => Some(self.whole(value)),
            Cell::Float(value) => {
                self.fractions += 1;
                Some(value)
            }
            Cell::Number(text) => {
                self.fractions += u64::from(cell.whole().is_none());
                self.whole += u64::from(cell.whole().is_some());
                self.large += u64::from(matches!(cell.whole(), Some(Number::Digits(_))));
                text.parse().ok()
            }
            Cell::Time(stamp) => {
                self.times += 1;
                self.moment(stamp.nanoseconds());
                None
            }
            Cell::Raw(text) | Cell::Text(text) => self.text(text, matches!(cell, Cell::Raw(_))),
        };
        if self.votes.values < VOTES {
            self.votes.take(&cell);
        }
        if let Some(number) = number.filter(|n| n.is_finite()) {
            // The minus of a zero says nothing.
            let number = number + 0.0;
            if self.numbers.is_none() {
                self.counts = Some(HashMap::with_hasher(FixedState::default()));
            }
            if let Some(counts) = &mut self.counts {
                *counts.entry(number.to_bits()).or_insert(0) += 1;
                self.counts.take_if(|counts| counts.len() > RATINGS);
            }
            let (least, greatest) = self.numbers.get_or_insert((number, number));
            (*least, *greatest) = (least.min(number), greatest.max(number));
        }
        if self.distinct.len() < EXACT && self.distinct.insert(hash(cell)) && self.examples.len() < EXAMPLES {
            self.examples.push(shortened(&cell.spelling()));
            self.places.push(at.place());
        }
    }

    fn whole(&mut self, value: i64) -> f64 {
        self.whole += 1;
        let (least, greatest) = self.integers.get_or_insert((value, value));
        (*least, *greatest) = ((*least).min(value), (*greatest).max(value));
        value as f64
    }

    fn moment(&mut self, moment: Option<i64>) {
        let Some(moment) = moment else { return };
        let (first, last) = self.moments.get_or_insert((moment, moment));
        (*first, *last) = ((*first).min(moment), (*last).max(moment));
    }

    fn text(&mut self, text: &str, untyped: bool) -> Option<f64> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        self.leading_zeros +=
            u64::from(digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
        if untyped && let Ok(number) = text.parse::<i64>() {
            return Some(self.whole(number));
        }
        if untyped && let Some(number) = text.parse::<f64>().ok().filter(|n| n.is_finite()) {
            self.fractions += 1;
            return Some(number);
        }
        let begins = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
        match Clock::new(TimeUnit::Seconds).read(&Cell::Text(text)) {
            // Text that is a number says nothing of a time; a date does.
            Ok(moment) if begins && text.len() >= 8 && text.parse::<f64>().is_err() => {
                self.times += 1;
                self.moment(Some(moment));
            }
            _ => self.texts += 1,
        }
        match &mut self.spellings {
            Some((least, greatest)) => {
                if text < least.as_str() {
                    text.clone_into(least);
                } else if text > greatest.as_str() {
                    text.clone_into(greatest);
                }
            }
            None => self.spellings = Some((text.to_owned(), text.to_owned())),
        }
        None
    }

    pub(super) fn summary(&self, name: &str) -> ColumnSummary {
        let kinds = [self.whole + self.fractions, self.times, self.truths, self.texts];
        let kind = match kinds.map(|n| n > 0) {
            [false, false, false, false] => "empty",
            [true, false, false, false] if self.fractions == 0 => "integer",
            [true, false, false, false] => "number",
            [false, true, false, false] => "time",
            [false, false, true, false] => "bool",
            _ => "text",
        };
        let spelled = || self.spellings.as_ref().map(|(a, b)| (shortened(a), shortened(b)));
        let range = match kind {
            "integer" if self.large == 0 => self.integers.map(|(a, b)| (a.to_string(), b.to_string())),
            "integer" | "number" => self.numbers.map(|(a, b)| (a.to_string(), b.to_string())),
            "time" => self.moments.map(|(a, b)| (time::shown(a), time::shown(b))),
            "bool" => None,
            _ => spelled().or_else(|| self.numbers.map(|(a, b)| (a.to_string(), b.to_string()))),
        };
        let others = self.texts + self.times + self.truths;
        ColumnSummary {
            name: name.to_owned(),
            role: None,
            kind,
            distinct: self.distinct.len() as u64,
            distinct_exact: self.distinct.len() < EXACT,
            min: range.as_ref().map(|r| r.0.clone()),
            max: range.map(|r| r.1),
            missing: self.missing,
            examples: self.examples.clone(),
            places: self.places.clone(),
            leading_zeros: self.leading_zeros,
            odd_ones: if others < kinds[0] { others } else { 0 },
            time_unit: self.votes.unit().filter(|_| kinds[0] > 0),
            numbers: {
                let counts = self.counts.iter().flatten().map(|(bits, rows)| (f64::from_bits(*bits), *rows));
                let mut numbers: Vec<(f64, u64)> = counts.collect();
                numbers.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                numbers
            },
        }
    }
}

/// Of fewer users one may well have a fifth of the rows.
const FEW_USERS: usize = 10;

/// How often users stand, and how many rows repeat a pair.
#[derive(Default)]
pub(super) struct Pairs {
    seen: HashSet<u64, FixedState>,
    users: HashMap<u64, u32, FixedState>,
    rows: u64,
    /// A user who had a fifth of the rows when they were met: the latest one, by hash and id.
    often: Option<(u64, String)>,
    pub(super) repeated: u64,
}

impl Pairs {
    pub(super) fn take(&mut self, user: Cell<'_>, item: Cell<'_>) {
        if user == Cell::Missing || item == Cell::Missing {
            return;
        }
        let (id, user, item) = (user, hash(user), hash(item));
        self.rows += 1;
        let rows = self.users.entry(user).or_insert(0);
        *rows += 1;
        let often = 5 * u64::from(*rows) > self.rows;
        if often && self.often.as_ref().is_none_or(|often| often.0 != user) {
            let best = self.often.as_ref().and_then(|often| self.users.get(&often.0));
            if best.is_none_or(|best| *best < self.users[&user]) {
                self.often = Some((user, id.spelling()));
            }
        }
        self.repeated += u64::from(!self.seen.insert(FixedState::default().hash_one((user, item))));
    }

    /// The user with at least a fifth of the rows, where there are enough users that nobody should have: the id, and the rows.
    pub(super) fn most(&self) -> Option<(String, u64)> {
        let (user, id) = self.often.as_ref()?;
        let rows = u64::from(*self.users.get(user)?);
        (self.users.len() >= FEW_USERS && 5 * rows >= self.rows).then(|| (id.clone(), rows))
    }

    pub(super) fn users_with_one_row(&self) -> u64 {
        self.users.values().filter(|&&n| n == 1).count() as u64
    }
}

/// 64 bits for a value; that two of millions fall together is less likely than one in a million.
fn hash(cell: Cell<'_>) -> u64 {
    let hasher = FixedState::default();
    // A number is one value with its spelling.
    let spelled = |value: i64| {
        let mut digits = [0_u8; 20];
        let mut rest = &mut digits[..];
        // No number of 64 bits has more than 20 characters.
        let _infallible = write!(rest, "{value}");
        let used = 20 - rest.len();
        hasher.hash_one(std::str::from_utf8(&digits[..used]).unwrap_or_default())
    };
    match cell {
        Cell::Missing => 0,
        Cell::Raw(text) | Cell::Text(text) => hasher.hash_one(text),
        Cell::Int(value) => spelled(value),
        Cell::Float(_) | Cell::Number(_) => match cell.whole() {
            Some(Number::Int(value)) => spelled(value),
            Some(Number::Digits(digits)) => hasher.hash_one(digits),
            None => hasher.hash_one(cell.spelling()),
        },
        Cell::Time(stamp) => hasher.hash_one(stamp),
        Cell::Bool(value) => hasher.hash_one(value),
        Cell::List(_) => hasher.hash_one(cell.spelling()),
    }
}
