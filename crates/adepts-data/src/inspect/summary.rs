//! What is counted of each column.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use super::evidence::Evidence;
use super::pairs::hash;
use crate::place::{Place, shortened};
use crate::source::{At, Cell, Number, Role};
use crate::time::{self, Clock, TimeUnit, Votes};

/// Distinct values are counted exactly up to this many.
const EXACT: usize = 4_000_000;
/// How many different values are shown.
const EXAMPLES: usize = 4;
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
    /// Whether all of the first numbers are the digits of dates.
    #[serde(skip)]
    pub(super) all_dates: bool,
    /// What else its values say.
    #[serde(skip)]
    pub(super) evidence: Evidence,
}

impl ColumnSummary {
    /// Whether the content does not speak against a role.
    pub(super) fn can_be(&self, role: Role) -> bool {
        match role {
            Role::Rating => matches!(self.kind, "integer" | "number") || self.odd_ones > 0,
            Role::Time => matches!(self.kind, "integer" | "number" | "time") || self.odd_ones > 0,
            Role::Event => {
                (self.kind == "text" && self.distinct <= 1000) || (self.kind == "integer" && self.distinct <= 20)
            }
            Role::User | Role::Item => self.kind != "empty",
        }
    }

    /// Whether its numbers are as large as the times since 2000 are in one of the usual units.
    pub(super) fn looks_recent(&self) -> bool {
        let Some((least, greatest)) = self.number_range() else { return false };
        let in_seconds = |factor: f64| least >= 946_684_800.0 * factor && greatest <= 2_500_000_000.0 * factor;
        self.kind == "integer" && self.distinct > 2 && [1.0, 1e3, 1e6, 1e9].into_iter().any(in_seconds)
    }
}

/// The counts of a column.
#[derive(Default)]
pub(super) struct Tally {
    missing: u64,
    whole: u64,
    /// Whole numbers that even 128 bits cannot hold; they are among `whole`.
    large: u64,
    fractions: u64,
    times: u64,
    truths: u64,
    texts: u64,
    leading_zeros: u64,
    numbers: Option<(f64, f64)>,
    integers: Option<(i128, i128)>,
    /// The first and the last of the dates and moments.
    moments: Option<(i64, i64)>,
    votes: Votes,
    spellings: Option<(String, String)>,
    distinct: HashSet<u64, FixedState>,
    examples: Vec<String>,
    places: Vec<Place>,
    /// How often each number stands, by its bits; `None` beyond [`RATINGS`] of them.
    counts: Option<HashMap<u64, u64, FixedState>>,
    evidence: Evidence,
}

impl Tally {
    pub(super) fn take(&mut self, at: At<'_>, cell: Cell<'_>) {
        let number = match cell {
            Cell::Missing | Cell::Raw("") | Cell::Text("") => {
                self.missing += 1;
                return;
            }
            Cell::Bool(_) => {
                self.evidence.values += 1;
                self.truths += 1;
                None
            }
            Cell::List(values) => {
                for value in values {
                    self.take(at, *value);
                }
                return;
            }
            Cell::Int(value) => Some(self.whole(value.into())),
            Cell::Float(value) => {
                self.fractions += 1;
                Some(value)
            }
            Cell::Number(text) => match cell.whole() {
                Some(Number::Int(value)) => Some(self.whole(value.into())),
                Some(Number::Digits(digits)) => self.large(digits),
                None => {
                    self.fractions += 1;
                    text.parse().ok()
                }
            },
            Cell::Time(stamp) => {
                self.times += 1;
                self.evidence.dates += 1;
                self.moment(stamp.nanoseconds());
                None
            }
            Cell::Raw(text) | Cell::Text(text) => self.text(text, matches!(cell, Cell::Raw(_))),
        };
        self.evidence.values += u64::from(!matches!(cell, Cell::Bool(_)));
        if self.votes.values < VOTES {
            self.votes.take(&cell);
        }
        if let Some(number) = number.filter(|n| n.is_finite()) {
            // The minus of a zero says nothing.
            let number = number + 0.0;
            self.evidence.number(number);
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

    /// A whole number beyond 64 bits.
    fn large(&mut self, digits: &str) -> Option<f64> {
        if let Ok(value) = digits.parse() {
            return Some(self.whole(value));
        }
        self.whole += 1;
        self.large += 1;
        digits.parse().ok()
    }

    fn whole(&mut self, value: i128) -> f64 {
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
            return Some(self.whole(number.into()));
        }
        if untyped && digits.len() > 18 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.large(text);
        }
        if untyped && let Some(number) = text.parse::<f64>().ok().filter(|n| n.is_finite()) {
            self.fractions += 1;
            return Some(number);
        }
        self.evidence.text(text);
        let begins = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        match Clock::new(TimeUnit::Seconds).read(&Cell::Text(text)) {
            // Text that is a number says nothing of a time; a date does.
            Ok(moment) if begins && text.len() >= 8 && text.parse::<f64>().is_err() => {
                self.times += 1;
                self.evidence.dates += 1;
                self.moment(Some(moment));
            }
            _ => {
                self.texts += 1;
                self.evidence.no_time(text);
            }
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
            all_dates: self.votes.all_dates(),
            evidence: self.evidence.clone(),
        }
    }
}
