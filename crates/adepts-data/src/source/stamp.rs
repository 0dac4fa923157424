//! A moment in a format with types.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};

const PER_SECOND: i64 = 1_000_000_000;

/// A moment in a format with types, in the unit that it is stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// How many units since 1970.
    pub count: i64,
    /// How many units a second has; a power of ten.
    pub per_second: u32,
}

impl Stamp {
    /// Nanoseconds since 1970; `None` if 64 bits cannot hold them.
    #[must_use]
    pub fn nanoseconds(self) -> Option<i64> {
        self.count.checked_mul(PER_SECOND / i64::from(self.per_second))
    }

    /// As a date, or a date and time, in UTC.
    #[must_use]
    pub fn shown(self) -> String {
        let per_second = i64::from(self.per_second);
        let (seconds, rest) = (self.count.div_euclid(per_second), self.count.rem_euclid(per_second));
        let nanoseconds = (rest * (PER_SECOND / per_second)) as u32;
        // What lies beyond the calendar is shown as the number that it is.
        DateTime::<Utc>::from_timestamp(seconds, nanoseconds).map_or_else(|| self.count.to_string(), in_words)
    }
}

fn in_words(at: DateTime<Utc>) -> String {
    let date = format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day());
    let (hour, minute, second, rest) = (at.hour(), at.minute(), at.second(), at.nanosecond());
    if (hour, minute, second, rest) == (0, 0, 0, 0) {
        return date;
    }
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:09}").trim_end_matches('0').to_owned() };
    format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}
