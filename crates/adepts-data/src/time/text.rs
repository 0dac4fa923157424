//! Moments in text: ISO 8601 and its usual relatives with the year first, and dates with the month in English.

use chrono::NaiveDate;

use super::of_day::{Days, Rest, clock};
use super::{Wrong, month};

/// Nanoseconds since 1970 of a date, or a date and time: `2020-09-30`, `2020/09/30`, `2020-09-30 20:47`,
/// `2020-09-30T20:47:33.123Z`, `20200930T204733`; with `Z`, `UTC`, `GMT` or an offset such as `+02`, `+0200`, `+02:00` behind
/// the time, and in UTC without. Digits of a second beyond the ninth are cut off. Dates with the month in English, such as
/// `Tue Apr 03 18:00:09 +0000 2012`, may have the year last.
pub(super) fn parse(text: &str) -> Result<i64, Wrong> {
    let mut rest = Rest(text.as_bytes());
    let (days, time) = if let Some((days, compact)) = date(&mut rest) {
        let time = if rest.0.is_empty() { Some((0, 0)) } else { time(&mut rest, compact) };
        (days, time.filter(|_| rest.0.is_empty()))
    } else {
        let no_date = || if year_not_first(text) { Wrong::YearNotFirst } else { Wrong::NoTime };
        month::parse(text).ok_or_else(no_date)?
    };
    let (seconds, nanoseconds) = time.ok_or(Wrong::NoTime)?;
    let all = (i128::from(days) * 86_400 + i128::from(seconds)) * 1_000_000_000 + i128::from(nanoseconds);
    i64::try_from(all).map_err(|_| Wrong::Outside)
}

/// Days since 1970, and whether the date is written without separators.
fn date(rest: &mut Rest<'_>) -> Option<(Days, bool)> {
    let year = rest.digits(4, 4)?;
    let separator = rest.take(b"-/.");
    let (month, day) = match separator {
        Some(separator) => {
            let month = rest.digits(1, 2)?;
            rest.take(&[separator])?;
            (month, rest.digits(1, 2)?)
        }
        None => (rest.digits(2, 2)?, rest.digits(2, 2)?),
    };
    let date = NaiveDate::from_ymd_opt(year as i32, month, day)?;
    Some((date.signed_duration_since(NaiveDate::default()).num_days(), separator.is_none()))
}

/// Seconds of the day in UTC, which an offset may take out of the day, and the nanoseconds beyond.
fn time(rest: &mut Rest<'_>, compact: bool) -> Option<(i64, u32)> {
    if !rest.blanks() {
        rest.take(b"Tt")?;
    }
    clock(rest, compact)
}

/// Whether a text looks like a date that begins with the day or the month, or has a year of two digits.
fn year_not_first(text: &str) -> bool {
    if !text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let date = text.split([' ', 'T', ',']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split(['/', '-', '.']).collect();
    let digits = |part: &&str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(digits) && parts[0].len() <= 2
}

/// Whether a text looks like that and its numbers can be a day and a month, in either order, and a year.
pub(super) fn is_day_and_month_first(text: &str) -> bool {
    if !text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let date = text.split([' ', 'T', ',']).next().unwrap_or_default();
    let numbers: Vec<u32> = date.split(['/', '-', '.']).filter_map(|part| part.parse().ok()).collect();
    let possible = |numbers: &[u32]| match *numbers {
        [a, b, year] => {
            let calendar = (1..=31).contains(&a.max(b)) && (1..=12).contains(&a.min(b));
            calendar && (year < 100 || (1900..2100).contains(&year))
        }
        _ => false,
    };
    year_not_first(text) && possible(&numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_forms_of_one_moment_agree() {
        for text in [
            "2020-09-30T20:47:33Z",
            "2020-09-30T20:47:33",
            "2020-09-30 20:47:33",
            "2020-09-30  20:47:33 UTC",
            "2020-09-30 20:47:33 gmt",
            "2020-09-30T20:47:33.000z",
            "2020-09-30T22:47:33+0200",
            "2020-09-30T22:47:33+02:00",
            "2020-09-30 22:47:33+02",
            "2020-09-30 22:47:33 +02:00",
            "2020-09-30T22:47:33+02:00[Europe/Berlin]",
            "2020-09-30T15:17:33-05:30",
            "2020-09-30T22:47:33 UTC+2",
            "2020/09/30 20:47:33",
            "2020/9/30 20:47:33",
            "2020.09.30 20:47:33",
            "20200930T204733",
            "20200930T204733Z",
            "20200930 20:47:33",
            "2020-10-01T00:47:33+04:00",
        ] {
            assert_eq!(parse(text), Ok(1_601_498_853_000_000_000), "{text}");
        }
        assert_eq!(parse("2020-09-30 20:47"), Ok(1_601_498_820_000_000_000));
        assert_eq!(parse("20200930T2047"), Ok(1_601_498_820_000_000_000));
        assert_eq!(parse("2020-09-30"), Ok(1_601_424_000_000_000_000));
        assert_eq!(parse("2020-09-29T24:00"), Ok(1_601_424_000_000_000_000));
        assert_eq!(parse("1969-12-31T23:59:59Z"), Ok(-1_000_000_000));
    }

    #[test]
    fn fractions_are_kept_to_the_nanosecond() {
        assert_eq!(parse("2020-09-30T20:47:33.123Z"), Ok(1_601_498_853_123_000_000));
        assert_eq!(parse("2020-09-30T20:47:33,5"), Ok(1_601_498_853_500_000_000));
        assert_eq!(parse("2020-09-30 20:47:33.123456789012+00:00"), Ok(1_601_498_853_123_456_789));
        assert_eq!(parse("1969-12-31T23:59:59.75"), Ok(-250_000_000));
    }

    #[test]
    fn dates_whose_year_is_not_first_are_never_guessed() {
        for text in ["30/09/2020", "09/30/2020", "30.09.2020", "1-2-2020", "20-09-30", "30/09/20 20:47"] {
            assert_eq!(parse(text), Err(Wrong::YearNotFirst), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "yesterday",
            "2000-13-01",
            "2000-02-30",
            "0000-00-00",
            "2000-01-01T25:00",
            "2000-01-01T10:60",
            "2000-01-01T",
            "2000-01-01T10",
            "2000-01-01 10:00 CEST",
            "2000-01-01 10:00:00 +99:00",
            "2000-01",
            "2000-01/01",
            "12000-01-01",
            "2000-01-01x",
        ] {
            assert_eq!(parse(text), Err(Wrong::NoTime), "{text:?}");
        }
    }

    #[test]
    fn what_64_bits_of_nanoseconds_cannot_hold_is_outside() {
        assert_eq!(parse("2262-04-11T23:47:16.854775807Z"), Ok(i64::MAX));
        assert_eq!(parse("2262-04-11T23:47:16.854775808Z"), Err(Wrong::Outside));
        assert_eq!(parse("1677-09-21T00:12:43.145224192Z"), Ok(i64::MIN));
        for text in ["9999-12-31", "1600-01-01", "0001-01-01T00:00:00"] {
            assert_eq!(parse(text), Err(Wrong::Outside), "{text}");
        }
    }
}
