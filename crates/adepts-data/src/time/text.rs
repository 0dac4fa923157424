//! Moments in text: ISO 8601 and its usual relatives with the year first, and dates with the month in English.

use chrono::NaiveDate;

use super::{Wrong, month};

/// Days since 1970.
pub(super) type Days = i64;

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

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Takes a byte if it is one of these.
    fn take(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    /// Takes a number of so many digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    }

    /// Takes blanks; true if there were some.
    fn blanks(&mut self) -> bool {
        let before = self.0.len();
        while self.take(b" \t").is_some() {}
        self.0.len() < before
    }

    /// Takes a word in any case.
    fn word(&mut self, word: &str) -> bool {
        let found = self.0.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.0 = &self.0[word.len()..];
        }
        found
    }
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

/// The same of `18:00:09` and a zone, which may be empty.
pub(super) fn time_of_day(time: &str, zoned: &str) -> Option<(i64, u32)> {
    let mut rest = Rest(time.as_bytes());
    let (seconds, nanoseconds) = clock(&mut rest, false).filter(|_| rest.0.is_empty())?;
    let mut rest = Rest(zoned.as_bytes());
    let ahead = zone(&mut rest).filter(|_| rest.0.is_empty())?;
    Some((seconds - ahead, nanoseconds))
}

fn clock(rest: &mut Rest<'_>, compact: bool) -> Option<(i64, u32)> {
    let hour = rest.digits(2, 2).or_else(|| rest.digits(1, 1))?;
    let colon = rest.take(b":").is_some();
    if !colon && !compact {
        return None;
    }
    let minute = rest.digits(2, 2)?;
    let more = if colon { rest.take(b":").is_some() } else { rest.0.first().is_some_and(u8::is_ascii_digit) };
    let second = if more { rest.digits(2, 2)? } else { 0 };
    let nanoseconds = if more && rest.take(b".,").is_some() { fraction(rest)? } else { 0 };
    // 60 is a leap second, and 24:00 the end of a day.
    let sound = minute < 60 && second <= 60 && (hour < 24 || (hour, minute, second, nanoseconds) == (24, 0, 0, 0));
    let seconds = i64::from((hour * 60 + minute) * 60 + second);
    sound.then_some(())?;
    Some((seconds - zone(rest)?, nanoseconds))
}

/// Nanoseconds of the digits behind a point.
fn fraction(rest: &mut Rest<'_>) -> Option<u32> {
    let before = rest.0.len();
    let mut nanoseconds = rest.digits(1, 9)?;
    for _ in before - rest.0.len()..9 {
        nanoseconds *= 10;
    }
    while rest.digits(1, 9).is_some() {}
    Some(nanoseconds)
}

/// Seconds by which a zone is ahead of UTC; 0 where none is given.
fn zone(rest: &mut Rest<'_>) -> Option<i64> {
    rest.blanks();
    if rest.0.is_empty() || rest.word("Z") {
        return Some(0);
    }
    let named = rest.word("UTC") || rest.word("GMT");
    if named && rest.0.is_empty() {
        return Some(0);
    }
    let sign = if rest.take(b"+-")? == b'-' { -1 } else { 1 };
    let hours = rest.digits(2, 2).or_else(|| rest.digits(1, 1).filter(|_| named))?;
    let minutes = if rest.take(b":").is_some() { rest.digits(2, 2)? } else { rest.digits(2, 2).unwrap_or(0) };
    // `[Europe/Berlin]` behind an offset says nothing more.
    if rest.0.first() == Some(&b'[') && rest.0.ends_with(b"]") {
        rest.0 = &[];
    }
    (hours <= 18 && minutes < 60).then(|| sign * i64::from((hours * 60 + minutes) * 60))
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
