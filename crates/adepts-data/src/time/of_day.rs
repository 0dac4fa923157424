//! The time of a day and its zone, in text.

/// Days since 1970.
pub(super) type Days = i64;

/// What is left to read.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl Rest<'_> {
    /// Takes a byte if it is one of these.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    /// Takes a number of so many digits.
    pub(super) fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    }

    /// Takes blanks; true if there were some.
    pub(super) fn blanks(&mut self) -> bool {
        let before = self.0.len();
        while self.take(b" \t").is_some() {}
        self.0.len() < before
    }

    /// Takes a word in any case.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.0.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.0 = &self.0[word.len()..];
        }
        found
    }
}

/// Seconds of the day in UTC and the nanoseconds beyond, of `18:00:09` and a zone, which may be empty.
pub(super) fn time_of_day(time: &str, zoned: &str) -> Option<(i64, u32)> {
    let mut rest = Rest(time.as_bytes());
    let (seconds, nanoseconds) = clock(&mut rest, false).filter(|_| rest.0.is_empty())?;
    let mut rest = Rest(zoned.as_bytes());
    let ahead = zone(&mut rest).filter(|_| rest.0.is_empty())?;
    Some((seconds - ahead, nanoseconds))
}

/// The same of what is left to read; without colons if `compact`.
pub(super) fn clock(rest: &mut Rest<'_>, compact: bool) -> Option<(i64, u32)> {
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
