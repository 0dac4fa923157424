//! What the values of a column say of what it is for, beyond their type and range.

use std::collections::BTreeMap;

use super::ColumnSummary;
use crate::time::{TimeUnit, is_unread_date};

/// More different texts are no kinds of events.
const KINDS: usize = 100;
/// Whole numbers up to this are looked at one by one, larger ones by their powers of two.
const SINGLE: u64 = 8;
/// A number has 0 to 64 binary digits.
const DIGITS: usize = 65;
/// 1990 and 2050 in seconds: when logs are written.
const SECONDS: (f64, f64) = (631_152_000.0, 2_524_608_000.0);

/// What is gathered of a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Evidence {
    /// Values that are there.
    pub(super) values: u64,
    /// Dates among them.
    pub(super) dates: u64,
    /// Text that looks like a date in a form that is not read.
    pub(super) unread: u64,
    /// Numbers with a fraction, with a point or a comma.
    pub(super) fractions: u64,
    /// Text of several words.
    pub(super) phrases: u64,
    /// How many rows have each text; none if there are more than [`KINDS`].
    texts: BTreeMap<String, u64>,
    many_texts: bool,
    /// Numbers among the values.
    numbers: u64,
    /// The least and the greatest of them.
    range: Option<(f64, f64)>,
    last: Option<f64>,
    rises: u64,
    falls: u64,
    /// The greatest common divisor of the numbers; 1 where there are fractions.
    divisor: u64,
    /// How many whole numbers from 0 have each number of binary digits.
    powers: Vec<u64>,
}

impl Evidence {
    pub(super) fn text(&mut self, text: &str) {
        if !self.many_texts {
            match self.texts.get_mut(text) {
                Some(rows) => *rows += 1,
                None => drop(self.texts.insert(text.to_owned(), 1)),
            }
            self.many_texts = self.texts.len() > KINDS;
            if self.many_texts {
                self.texts.clear();
            }
        }
        let fraction = |number: f64| number.fract() != 0.0;
        self.fractions += u64::from(text.contains(',') && text.replacen(',', ".", 1).parse().is_ok_and(fraction));
        self.phrases += u64::from(text.trim().contains(' '));
    }

    /// A text that is not read as a time.
    pub(super) fn no_time(&mut self, text: &str) {
        self.unread += u64::from(is_unread_date(text));
    }

    pub(super) fn number(&mut self, number: f64) {
        if let Some(last) = self.last {
            self.rises += u64::from(number > last);
            self.falls += u64::from(number < last);
        }
        self.last = Some(number);
        self.numbers += 1;
        let (least, greatest) = self.range.get_or_insert((number, number));
        (*least, *greatest) = (least.min(number), greatest.max(number));
        let whole = number.fract() == 0.0;
        self.fractions += u64::from(!whole);
        if self.divisor != 1 {
            self.divisor = if whole { common_divisor(self.divisor, number.abs() as u64) } else { 1 };
        }
        if whole && number >= 0.0 {
            self.powers.resize(DIGITS, 0);
            self.powers[digits(number as u64)] += 1;
        }
    }

    /// Whether the numbers nearly always rise, or nearly always fall, from one row to the next, if they change.
    fn in_order(&self) -> bool {
        let changes = self.rises + self.falls;
        changes > 0 && 10 * self.rises.max(self.falls) >= 9 * changes
    }

    /// Whether each number is greater than the one before.
    pub(super) fn only_rises(&self) -> bool {
        self.rises + 1 == self.values
    }
}

/// How many binary digits a number has.
fn digits(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()) as usize
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl ColumnSummary {
    /// How much its content speaks for a time, for comparing; `None` if it cannot be one.
    pub(super) fn time_evidence(&self) -> Option<f64> {
        let Evidence { values, dates, .. } = &self.evidence;
        if *dates > 0 && 10 * dates >= 9 * values {
            return Some(10.0);
        }
        let (least, greatest) = self.number_range()?;
        let factor = match self.time_unit? {
            TimeUnit::Seconds => 1.0,
            TimeUnit::Milliseconds => 1e3,
            TimeUnit::Microseconds => 1e6,
            TimeUnit::Nanoseconds => 1e9,
            // Whoever spells dates as numbers spells all of them so.
            TimeUnit::Dates => return (self.all_dates && self.distinct > 1).then_some(self.share_distinct() + 1.0),
        };
        if least < SECONDS.0 * factor || greatest > SECONDS.1 * factor {
            return None;
        }
        if self.distinct == 1 {
            return Some(0.1);
        }
        let order = self.evidence.in_order();
        // Numbers without gaps that are used again and again are ids that are counted up.
        let gapless = 2.0 * self.distinct as f64 > greatest - least && *values >= 3 * self.distinct;
        if gapless && !order {
            return None;
        }
        // Ids that are drawn from all numbers of so many digits are spread over decades.
        let wide = 0.2 * (greatest - least) / factor / 1e9;
        let mut evidence = 2.0 * self.share_distinct() + if order { 0.5 } else { 0.0 };
        evidence += if self.is_round(factor) { 3.0 } else { 0.0 };
        Some(evidence - wide - if gapless { 2.0 } else { 0.0 })
    }

    /// Whether the content alone says that it is a time, even where it would be needed for ids.
    pub(super) fn is_time_for_sure(&self) -> bool {
        self.time_evidence().is_some_and(|evidence| evidence >= 1.5 || self.distinct == 1)
    }

    /// Whether it is a time by more than that its values hardly repeat.
    pub(super) fn is_time_by_its_course(&self) -> bool {
        self.time_evidence().is_some_and(|evidence| evidence - 2.0 * self.share_distinct() >= 0.5)
    }

    /// The least and the greatest number of a column that holds nothing else, but for a few odd values.
    pub(super) fn number_range(&self) -> Option<(f64, f64)> {
        let Evidence { values, numbers, range, .. } = self.evidence;
        range.filter(|_| 10 * numbers >= 9 * values)
    }

    /// Whether times are at full minutes, or in finer units at full milliseconds or seconds.
    fn is_round(&self, factor: f64) -> bool {
        let step = if factor > 1.0 { 1000 } else { 60 };
        self.evidence.divisor > 0 && self.evidence.divisor.is_multiple_of(step)
    }

    fn share_distinct(&self) -> f64 {
        self.distinct as f64 / self.evidence.values.max(1) as f64
    }

    /// Its values as kinds of events with their rows, the commonest first; empty if there are too many.
    pub(super) fn kinds(&self) -> Vec<(String, u64)> {
        let texts = self.evidence.texts.iter().map(|(text, rows)| (text.clone(), *rows));
        let mut kinds: Vec<(String, u64)> =
            texts.chain(self.numbers.iter().map(|(number, rows)| (number.to_string(), *rows))).collect();
        kinds.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        if kinds.iter().map(|kind| kind.1).sum::<u64>() == self.evidence.values { kinds } else { Vec::new() }
    }

    /// Whether most of it is text that looks like dates in a form that is not read.
    pub(super) fn looks_like_unread_dates(&self) -> bool {
        self.kind == "text" && 2 * self.evidence.unread > self.evidence.values
    }

    /// Whether its numbers are counts: whole, from 0 or 1, of which each is rarer than the one below, and without a top at which
    /// many stand, as ratings have.
    pub(super) fn looks_like_counts(&self) -> bool {
        let Some((least, greatest)) = self.number_range() else { return false };
        let whole = matches!(self.kind, "integer" | "number") && self.evidence.fractions == 0;
        // Nothing is counted up to numbers that floats round.
        if !whole || !(least == 0.0 || least == 1.0) || !(2.0..=9_007_199_254_740_992.0).contains(&greatest) {
            return false;
        }
        let bins = self.bins(greatest as u64);
        let all: u64 = bins.iter().map(|bin| bin.1).sum();
        let Some(most) = bins.iter().take(2).max_by_key(|bin| bin.1).map(|bin| bin.1) else { return false };
        let from = bins.iter().position(|bin| bin.1 == most).unwrap_or(0);
        if self.distinct == 2 && greatest > 2.0 {
            return false;
        }
        let filled: Vec<(u64, u64)> = bins[from..].iter().copied().filter(|bin| bin.1 > 0).collect();
        let rarer = filled.windows(2).all(|pair| {
            let expected = pair[0].1 as f64 / pair[0].0 as f64 * pair[1].0 as f64;
            pair[1].1 as f64 <= expected + 3.0 * expected.sqrt() + 3.0
        });
        let top = bins.last().map_or(0, |bin| bin.1);
        10 * most >= 3 * all && rarer && 5 * top <= most
    }

    /// Ranges of whole numbers up to the greatest: how many there are in each, and how many rows have one of them.
    fn bins(&self, greatest: u64) -> Vec<(u64, u64)> {
        let single = if self.numbers.is_empty() { 1 } else { SINGLE };
        let rows = |from: u64, to: u64| {
            if self.numbers.is_empty() {
                return self.evidence.powers.get(digits(from)).copied().unwrap_or_default();
            }
            let within = |n: &&(f64, u64)| (from as f64..=to as f64).contains(&n.0);
            self.numbers.iter().filter(within).map(|n| n.1).sum()
        };
        let mut bins = Vec::new();
        let mut from = 0;
        while from <= greatest {
            let to = if from <= single { from } else { (2 * from - 1).min(greatest) };
            bins.push((to - from + 1, rows(from, to)));
            from = to + 1;
        }
        // Without zeros the ranges begin at 1.
        if bins[0].1 == 0 {
            bins.remove(0);
        }
        bins
    }

    /// The share of the rows that have the least of its numbers, or 1 where 0 is rarer.
    pub(super) fn commonest_count(&self) -> Option<(f64, f64)> {
        let most = self.numbers.iter().take(2).max_by_key(|n| n.1)?;
        Some((most.0, most.1 as f64 / self.evidence.values.max(1) as f64))
    }
}
