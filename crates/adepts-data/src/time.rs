//! Moments: nanoseconds since 1970 in 64 bits, read from numbers, dates and times.
//!
//! A number has the unit of its column, which is decided once for the whole column by the size of the first numbers
//! ([`TimeUnit`]): below 10¹¹ they are seconds, below 10¹⁴ milliseconds, below 10¹⁷ microseconds, else nanoseconds; each of
//! these bounds is reached in the year 5138 of its unit and in 1973 of the next. Numbers that spell dates, such as
//! `20200930`, are dates. A number from 10⁸ on whose size speaks for another unit than that of its column is refused, as is
//! whatever 64 bits of nanoseconds cannot hold (before 1677-09-21 or after 2262-04-11).

mod column;
mod month;
mod number;
mod of_day;
mod text;
mod unit;

use crate::config::TimeBound;
use crate::error::DataError;
use crate::source::Cell;
pub use crate::source::Stamp;
pub(crate) use column::unit_of;
pub use unit::TimeUnit;
pub(crate) use unit::Votes;

/// What a time may be, for messages.
pub(crate) const EXPECTED: &str = "a time: a number of seconds, milli-, micro- or nanoseconds since 1970, or a date with \
                                   the year first, such as 2020-09-30, 2020-09-30 20:47 or 2020-09-30T20:47:33.5+02:00, or \
                                   with the month in English, such as Wed, 30 Sep 2020 20:47:33 +0200";

/// The forms of dates that are read, for notes.
pub(crate) const FORMS: &str = "dates are read with the year first, such as 2020-09-30 or 2020-09-30T20:47:33Z, or with the \
                                month in English, such as 30 Sep 2020 20:47:33";

/// Why a value is no time of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Neither a number nor a date in a known form.
    NoTime,
    /// A date whose day or month comes first, or whose year has two digits.
    YearNotFirst,
    /// A moment that 64 bits of nanoseconds cannot hold.
    Outside,
    /// A number whose size speaks for another unit than that of its column.
    OtherUnit(TimeUnit),
}

impl Wrong {
    /// What was expected instead.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::NoTime => EXPECTED,
            Self::YearNotFirst => {
                "a date with the year first and of four digits, such as 2020-09-30: of other forms nobody can say which \
                 number is the day and which the month"
            }
            Self::Outside => "a time from 1677-09-21 to 2262-04-11, which is what 64-bit nanoseconds hold",
            Self::OtherUnit(unit) => unit.expected(),
        }
    }
}

/// A moment in nanoseconds since 1970 as a date, or a date and time, in UTC.
#[must_use]
pub fn shown(nanoseconds: i64) -> String {
    Stamp { count: nanoseconds, per_second: 1_000_000_000 }.shown()
}

/// Says how the numbers of a column are read.
pub(crate) fn note(column: &str, unit: TimeUnit) -> String {
    match unit {
        TimeUnit::Dates => format!("the numbers of `{column}` are {unit}"),
        unit => format!("the numbers of `{column}` are {unit} since 1970"),
    }
}

/// Reads the times of a column whose numbers have this unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    unit: TimeUnit,
}

impl Clock {
    pub(crate) fn new(unit: TimeUnit) -> Self {
        Self { unit }
    }

    /// Nanoseconds since 1970 of a value.
    #[inline]
    pub(crate) fn read(self, cell: &Cell<'_>) -> Result<i64, Wrong> {
        match *cell {
            Cell::Int(value) => number::whole(value, self.unit),
            Cell::Raw(text) | Cell::Text(text) => self.text(text.trim()),
            Cell::Number(text) => number::decimal(text, self.unit).unwrap_or(Err(Wrong::NoTime)),
            // The shortest spelling of a float is what was written, up to 15 digits.
            Cell::Float(value) => number::decimal(&value.to_string(), self.unit).unwrap_or(Err(Wrong::NoTime)),
            Cell::Time(stamp) => stamp.nanoseconds().ok_or(Wrong::Outside),
            Cell::Missing | Cell::Bool(_) | Cell::List(_) => Err(Wrong::NoTime),
        }
    }

    fn text(self, text: &str) -> Result<i64, Wrong> {
        if let Ok(value) = text.parse::<i64>() {
            return number::whole(value, self.unit);
        }
        number::decimal(text, self.unit).unwrap_or_else(|| text::parse(text))
    }
}

/// Whether a text is a date, or a date and a time, and no number.
pub(crate) fn is_date(text: &str) -> bool {
    let text = text.trim();
    text.parse::<f64>().is_err() && text::parse(text).is_ok()
}

/// Whether a text that is not read as a time looks like a date all the same.
pub(crate) fn is_unread_date(text: &str) -> bool {
    let text = text.trim();
    text::is_day_and_month_first(text) || month::has_month(text)
}

/// Nanoseconds since 1970 of a bound of the filter. A number has the unit that its own size says.
pub(crate) fn bound(key: &'static str, bound: &TimeBound) -> Result<i64, DataError> {
    let (found, value) = match bound {
        TimeBound::Number(number) => {
            (Clock::new(TimeUnit::of([Cell::Int(*number)].iter())).read(&Cell::Int(*number)), number.to_string())
        }
        TimeBound::Text(text) => {
            (Clock::new(TimeUnit::of([Cell::Raw(text)].iter())).read(&Cell::Raw(text)), format!("`{text}`"))
        }
    };
    found.map_err(|wrong| DataError::BadFilter { key, value, expected: wrong.expected() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PER_SECOND: i64 = 1_000_000_000;

    fn of(texts: &[&str]) -> Vec<Result<i64, Wrong>> {
        let cells: Vec<Cell> = texts.iter().map(|text| Cell::Raw(text)).collect();
        let clock = Clock::new(TimeUnit::of(cells.iter()));
        cells.iter().map(|cell| clock.read(cell)).collect()
    }

    #[test]
    fn a_bound_that_is_no_moment_is_a_named_error() {
        let error = bound("from", &TimeBound::Text("soon".into())).unwrap_err();
        assert!(matches!(error, DataError::BadFilter { key: "from", .. }), "{error}");
    }

    #[test]
    fn a_bound_is_the_same_moment_in_every_spelling() {
        let expected = 1_605_398_400_000_000_000;
        for text in ["2020-11-15", "20201115", "1605398400", "1605398400.0", "1605398400000", "1605398400000000000"] {
            assert_eq!(bound("from", &TimeBound::Text(text.into())).unwrap(), expected, "{text}");
        }
        for number in [20_201_115, 1_605_398_400, 1_605_398_400_000] {
            assert_eq!(bound("from", &TimeBound::Number(number)).unwrap(), expected, "{number}");
        }
        assert_eq!(bound("from", &TimeBound::Number(10)).unwrap(), 10 * PER_SECOND);
    }

    #[test]
    fn one_moment_in_every_unit_is_one_moment() {
        for text in ["1601498853", "1601498853.000", "1601498853000", "1601498853000000", "1601498853000000000"] {
            assert_eq!(of(&[text]), [Ok(1_601_498_853_000_000_000)], "{text}");
        }
        assert_eq!(of(&["-1"]), [Ok(-PER_SECOND)]);
        assert_eq!(
            of(&["20200930", "20200930204733"]),
            [Ok(1_601_424_000 * PER_SECOND), Ok(1_601_498_853 * PER_SECOND)]
        );
    }

    #[test]
    fn a_number_that_contradicts_its_column_is_refused() {
        let other = |unit| Err(Wrong::OtherUnit(unit));
        let mixed = of(&["1601498853000", "1601498853001", "1601498853", "0"]);
        assert_eq!(mixed[2..], [other(TimeUnit::Milliseconds), Ok(0)]);
        assert_eq!(of(&["1601498853", "1601498854", "1601498853000"])[2], other(TimeUnit::Seconds));
        assert_eq!(of(&["20200930", "20201001", "20201301"])[2], other(TimeUnit::Dates));
        assert_eq!(of(&["20200930", "17", "18"])[0], Ok(20_200_930 * PER_SECOND));
    }

    #[test]
    fn moments_are_shown_as_dates_and_times() {
        assert_eq!(shown(0), "1970-01-01");
        assert_eq!(shown(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(shown(1_601_498_853_500_000_000), "2020-09-30T20:47:33.5Z");
        assert_eq!(Stamp { count: 86_400_000, per_second: 1_000 }.shown(), "1970-01-02");
        assert_eq!(Stamp { count: i64::MAX, per_second: 1 }.shown(), i64::MAX.to_string());
    }
}
