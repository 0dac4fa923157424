//! The unit of a column's numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::number;
use crate::source::Cell;

/// What the numbers of a column of times count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// The digits of a date, as in `20200930`, or of a date and time, as in `20200930204733`.
    Dates,
}

/// Numbers below this say nothing of their unit.
const TELLING: u64 = 100_000_000;

impl TimeUnit {
    const ALL: [Self; 5] = [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds, Self::Dates];

    /// The unit that the numbers among some values of a column have.
    pub(crate) fn of<'c>(values: impl Iterator<Item = &'c Cell<'c>>) -> Self {
        let mut votes = Votes::default();
        values.for_each(|value| votes.take(value));
        votes.unit().unwrap_or(Self::Seconds)
    }

    /// The unit that a number of this size has; `None` if it is too small to say.
    pub(super) fn of_size(size: u64) -> Option<Self> {
        match size {
            0..TELLING => None,
            TELLING..100_000_000_000 => Some(Self::Seconds),
            100_000_000_000..100_000_000_000_000 => Some(Self::Milliseconds),
            100_000_000_000_000..100_000_000_000_000_000 => Some(Self::Microseconds),
            _ => Some(Self::Nanoseconds),
        }
    }

    /// Nanoseconds in a unit; `None` of dates.
    pub(super) fn nanoseconds(self) -> Option<i64> {
        match self {
            Self::Seconds => Some(1_000_000_000),
            Self::Milliseconds => Some(1_000_000),
            Self::Microseconds => Some(1_000),
            Self::Nanoseconds => Some(1),
            Self::Dates => None,
        }
    }

    /// What a number of such a column is to be, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Seconds => "seconds since 1970, as the other numbers of the column, from 1677-09-21 to 2262-04-11",
            Self::Milliseconds => {
                "milliseconds since 1970, as the other numbers of the column, from 1677-09-21 to 2262-04-11"
            }
            Self::Microseconds => {
                "microseconds since 1970, as the other numbers of the column, from 1677-09-21 to 2262-04-11"
            }
            Self::Nanoseconds => "nanoseconds since 1970, as the other numbers of the column",
            Self::Dates => "the digits of a date, such as 20200930, as in the other numbers of the column",
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::Dates => "dates such as 20200930",
        })
    }
}

/// What the values of a column say of its unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes {
    /// Values that are there.
    pub(crate) values: u64,
    /// Numbers among them.
    numbers: u64,
    /// Numbers that speak for each unit, in the order of [`TimeUnit::ALL`].
    units: [u64; 5],
}

impl Votes {
    /// Takes a value of the column.
    pub(crate) fn take(&mut self, cell: &Cell<'_>) {
        if cell.is_missing() {
            return;
        }
        self.values += 1;
        let value = match *cell {
            Cell::Int(value) => Some(value),
            Cell::Float(value) => Some(value.trunc() as i64),
            Cell::Raw(text) | Cell::Text(text) | Cell::Number(text) => {
                let text = text.trim();
                text.parse()
                    .ok()
                    .or_else(|| text.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| v.trunc() as i64))
            }
            _ => None,
        };
        let Some(value) = value else { return };
        self.numbers += 1;
        let unit =
            if number::date(value).is_some() { Some(TimeUnit::Dates) } else { TimeUnit::of_size(value.unsigned_abs()) };
        if let Some(unit) = unit {
            self.units[unit as usize] += 1;
        }
    }

    /// Whether every value is a number whose digits are a date.
    pub(crate) fn all_dates(&self) -> bool {
        self.values > 0 && self.units[TimeUnit::Dates as usize] == self.values
    }

    /// The unit that most numbers speak for, seconds if none of them says; `None` without a number. Dates have to be most
    /// of all numbers, since small numbers may look like one by chance.
    pub(crate) fn unit(&self) -> Option<TimeUnit> {
        let dates = self.units[TimeUnit::Dates as usize];
        if self.numbers == 0 {
            return None;
        }
        if 2 * dates > self.numbers {
            return Some(TimeUnit::Dates);
        }
        let most = TimeUnit::ALL[..4].iter().rev().max_by_key(|unit| self.units[**unit as usize]);
        most.copied()
    }
}
