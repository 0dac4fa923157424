//! Dates with the month in English, as asctime, Twitter and mail headers write them.

use chrono::{Datelike as _, NaiveDate, Weekday};

use super::of_day::{Days, time_of_day};

/// More words than a date and a time have.
const WORDS: usize = 8;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The day, and the time with its zone as text, of `Tue Apr 03 18:00:09 +0000 2012`, `Tue Apr  3 18:00:09 2012`,
/// `Tue, 03 Apr 2012 18:00:09 +0000`, `3 April 2012`, `Apr 3, 2012 18:00`, `03-Apr-2012`: a month in English, a day, and a year
/// of four digits. `None` of what is not written so, and where the day of the week is not that of the date.
pub(super) fn parse(text: &str) -> Option<(Days, Option<(i64, u32)>)> {
    let mut words = [""; WORDS];
    let mut count = 0;
    // Most texts are no dates, and that shows in their first word.
    for word in text.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        let parts = if count < 2 && word.contains(['-', '/']) { ['-', '/'].as_slice() } else { &[] };
        for part in word.split(parts) {
            *words.get_mut(count)? = part;
            count += 1;
        }
        if count > 0 && weekday(words[0]).is_none() && month(words[0]).is_none() && number(words[0], 1, 2).is_none() {
            return None;
        }
    }
    let words = &words[..count];
    let (weekday, words) = match words.split_first()? {
        (first, rest) if weekday(first).is_some() => (weekday(first), rest),
        _ => (None, words),
    };
    let [first, second, rest @ ..] = words else { return None };
    let (month, day) = match month(first) {
        Some(month) => (month, number(second, 1, 2)?),
        None => (month(second)?, number(first, 1, 2)?),
    };
    let year = |word: &&str| number(word, 4, 4);
    let (year, time) = match (rest.first().and_then(year), rest.split_last()) {
        (Some(year), _) => (year, &rest[1..]),
        (None, Some((last, time))) => (year(last)?, time),
        (None, None) => return None,
    };
    let date = NaiveDate::from_ymd_opt(year as i32, month, day)?;
    if weekday.is_some_and(|weekday| date.weekday() != weekday) {
        return None;
    }
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    let time = match time {
        [] => Some((0, 0)),
        [time] => time_of_day(time, ""),
        [time, zone] => time_of_day(time, zone),
        _ => None,
    };
    Some((days, time))
}

/// Whether a text has a month in English and digits, as dates have in forms that are read or not.
pub(super) fn has_month(text: &str) -> bool {
    let word = |word: &str| month(word).is_some();
    text.len() <= 64
        && text.bytes().filter(u8::is_ascii_digit).count() >= 3
        && text.split(|c: char| !c.is_alphabetic()).any(word)
}

fn number(word: &str, least: usize, most: usize) -> Option<u32> {
    let digits = (least..=most).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}

/// The number of a month by its name or the first three letters.
fn month(word: &str) -> Option<u32> {
    named(word, &MONTHS).map(|at| at as u32 + 1)
}

/// A day of the week by its name or the first three letters.
fn weekday(word: &str) -> Option<Weekday> {
    Weekday::try_from(named(word, &WEEKDAYS)? as u8).ok()
}

/// The place of a name that a word is, or of which it is the first three letters.
fn named(word: &str, names: &[&str]) -> Option<usize> {
    // Every text of a log comes here that is no number.
    let start = word.as_bytes().first_chunk::<3>()?.map(|byte| byte.to_ascii_lowercase());
    let at = names.iter().position(|name| name.as_bytes().starts_with(&start))?;
    (word.len() == 3 || word.eq_ignore_ascii_case(names[at])).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::super::{Wrong, text::parse};

    #[test]
    fn months_in_english_are_read() {
        for text in [
            "Tue Apr 03 18:00:09 +0000 2012",
            "Tue Apr  3 18:00:09 2012",
            "Tue Apr 03 18:00:09 UTC 2012",
            "Tue Apr 03 20:00:09 +0200 2012",
            "Tue, 03 Apr 2012 18:00:09 +0000",
            "Tue, 3 Apr 2012 18:00:09 GMT",
            "03 Apr 2012 12:30:09 -0530",
            "Tuesday, April 3, 2012 18:00:09",
            "Apr 3, 2012 18:00:09",
            "3 April 2012 18:00:09",
            "03-Apr-2012 18:00:09",
            "tue apr 3 18:00:09 2012",
        ] {
            assert_eq!(parse(text), Ok(1_333_476_009_000_000_000), "{text}");
        }
        for text in ["3 Apr 2012", "April 3, 2012", "03/Apr/2012", "Tue Apr  3 2012"] {
            assert_eq!(parse(text), Ok(1_333_411_200_000_000_000), "{text}");
        }
        assert_eq!(parse("Tue Apr 03 18:00:09.5 +0000 2012"), Ok(1_333_476_009_500_000_000));
    }

    #[test]
    fn what_is_no_date_with_a_month_is_refused() {
        for text in [
            "Wed Apr 03 18:00:09 +0000 2012",
            "Tue Apr 31 18:00:09 +0000 2012",
            "Tue Apr 03 25:00:09 +0000 2012",
            "Tue Apr 03 18:00:09 CEST 2012",
            "Tue Apr 03 18:00:09 +0000",
            "Tue Apr 03 18:00:09 +0000 2012 x",
            "3 Apr 12",
            "Apr 2012",
            "May",
            "May 5",
            "Tue",
            "March of the Penguins 2005",
            "Apr 3 2012 6:00 PM",
            "3 Avril 2012",
            "1 2 3 4 5 6 7 8 9 10",
        ] {
            assert_eq!(parse(text), Err(Wrong::NoTime), "{text:?}");
        }
    }
}
