//! A value of a row.

use super::stamp::Stamp;

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value: null, an absent key, or nothing between two delimiters.
    Missing,
    /// The characters in a text file, which may mean a number or not.
    Raw(&'a str),
    /// Text in a format with types.
    Text(&'a str),
    /// A whole number of 64 bits in a format with types.
    Int(i64),
    /// A number with a fraction in a format with types.
    Float(f64),
    /// A number in a format with types as it is written, where neither [`Cell::Int`] nor [`Cell::Float`] holds every digit.
    Number(&'a str),
    /// A truth value.
    Bool(bool),
    /// A date or a moment of a format that has such a type.
    Time(Stamp),
    /// A list, only where lists were asked for ([`Source::read_with_lists`](super::Source::read_with_lists)); there are no
    /// lists in it.
    List(&'a [Cell<'a>]),
}

/// A whole number in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number<'a> {
    /// One of 64 bits.
    Int(i64),
    /// The digits of a larger one, in their usual spelling.
    Digits(&'a str),
}

impl<'a> Cell<'a> {
    /// Whether there is no value; a float that is no number counts as none, since data frames write it for a missing number.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Missing | Self::Raw("") | Self::Text("") => true,
            Self::Float(value) => value.is_nan(),
            _ => false,
        }
    }

    /// A number of a format with types by its spelling, with all its digits.
    pub(crate) fn of_number(text: &'a str) -> Self {
        /// A float holds any number of so many digits.
        const DIGITS: usize = 15;
        if let Ok(value) = text.parse::<i64>() {
            return Self::Int(value);
        }
        let digits = text.split(['e', 'E']).next().unwrap_or_default();
        let digits = digits.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
        match text.parse::<f64>() {
            Ok(value) if digits <= DIGITS && value.is_finite() => Self::Float(value),
            _ => Self::Number(text),
        }
    }

    /// The value as it is shown in messages and used as the name of a group.
    #[must_use]
    pub fn spelling(&self) -> String {
        match self {
            Self::Missing => String::new(),
            Self::Raw(text) | Self::Text(text) | Self::Number(text) => (*text).to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Time(stamp) => stamp.shown(),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Cell::spelling).collect();
                format!("[{}]", values.join(", "))
            }
        }
    }

    /// The number that the value is or spells; of a moment the seconds since 1970.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Raw(text) | Self::Text(text) | Self::Number(text) => {
                text.trim().parse().ok().filter(|v: &f64| v.is_finite())
            }
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => value.is_finite().then_some(*value),
            Self::Time(stamp) => Some(stamp.count as f64 / f64::from(stamp.per_second)),
            Self::Missing | Self::Bool(_) | Self::List(_) => None,
        }
    }

    /// The whole number that a number of a format with types is, exactly; `None` for a fraction, a float beyond 2⁵³, which
    /// stands for many whole numbers, and everything else.
    #[must_use]
    pub fn whole(&self) -> Option<Number<'a>> {
        match *self {
            Self::Int(value) => Some(Number::Int(value)),
            Self::Float(value) => exact(value).map(Number::Int),
            Self::Number(text) => digits(text),
            _ => None,
        }
    }
}

/// The whole number that a float is, if it is one that no other number is rounded to.
fn exact(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

/// The whole number that is written as `12`, `12.00` or `1.2e1`.
fn digits(text: &str) -> Option<Number<'_>> {
    if text.contains(['e', 'E']) {
        // Only what a float holds exactly is worth the trouble.
        return exact(text.parse().ok()?).map(Number::Int);
    }
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    if let Ok(value) = whole.parse() {
        return Some(Number::Int(value));
    }
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let usual = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.is_empty() && !digits.starts_with('0');
    usual.then_some(Number::Digits(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_every_digit() {
        assert_eq!(Cell::of_number("7"), Cell::Int(7));
        assert_eq!(Cell::of_number("-9223372036854775808"), Cell::Int(i64::MIN));
        assert_eq!(Cell::of_number("4.50"), Cell::Float(4.5));
        assert_eq!(Cell::of_number("1e3"), Cell::Float(1000.0));
        for text in ["18446744073709551615", "1593878903.123456789", "9007199254740993.0", "1e400"] {
            assert_eq!(Cell::of_number(text), Cell::Number(text));
        }
    }

    #[test]
    fn whole_numbers_are_exact_however_they_are_written() {
        let whole = |text| Cell::of_number(text).whole();
        for text in ["9007199254740993", "9007199254740993.0", "9007199254740993.000"] {
            assert_eq!(whole(text), Some(Number::Int(9_007_199_254_740_993)), "{text}");
        }
        assert_eq!(whole("-0.0"), Some(Number::Int(0)));
        assert_eq!(whole("1e3"), Some(Number::Int(1000)));
        assert_eq!(whole("18446744073709551615.0"), Some(Number::Digits("18446744073709551615")));
        assert_eq!(whole("-18446744073709551615"), Some(Number::Digits("-18446744073709551615")));
        for text in ["1.5", "1e-3", "1e30", "18446744073709551615.5"] {
            assert_eq!(whole(text), None, "{text}");
        }
        // A float that stands for several whole numbers is none of them.
        assert_eq!(Cell::Float(9_007_199_254_740_994.0).whole(), None);
    }
}
