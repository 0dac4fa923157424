//! Moments: whole seconds since 1970, or ISO 8601 text.

use chrono::Utc;

use crate::config::TimeBound;
use crate::error::DataError;

/// What a time may be, for messages.
pub(crate) const EXPECTED: &str = "whole seconds, a date or a time in ISO 8601";

/// Seconds since 1970 of `text`: a whole number as it is (also with a fraction of zero, `978300760.0`), or a date
/// or date and time in ISO 8601, taken as UTC where no offset is given. A fraction of a second in ISO 8601 is cut off.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds);
    }
    // The shortest date is `2024-03-01`; anything without dashes at the right places is a number or nothing.
    let bytes = text.as_bytes();
    if bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' {
        return arrow_cast::parse::string_to_datetime(&Utc, text).ok().map(|t| t.timestamp());
    }
    whole(text.parse().ok()?)
}

/// The whole number that a float is, if it is one that a float can hold exactly.
#[must_use]
pub(crate) fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

/// Seconds since 1970 of a bound of the filter.
pub(crate) fn bound(key: &'static str, bound: &TimeBound) -> Result<i64, DataError> {
    match bound {
        TimeBound::Seconds(seconds) => Ok(*seconds),
        TimeBound::Text(text) => {
            parse(text).ok_or_else(|| DataError::BadFilter { key, value: format!("`{text}`"), expected: EXPECTED })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_iso_8601_agree() {
        assert_eq!(parse("978300760"), Some(978_300_760));
        assert_eq!(parse("978300760.0"), Some(978_300_760));
        assert_eq!(parse("2000-12-31T22:12:40Z"), Some(978_300_760));
        assert_eq!(parse("2000-12-31 22:12:40"), Some(978_300_760));
        assert_eq!(parse("2000-12-31T23:12:40.250+01:00"), Some(978_300_760));
        assert_eq!(parse("1970-01-02"), Some(86_400));
        assert_eq!(parse("1969-12-31T23:59:59Z"), Some(-1));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for wrong in ["", "yesterday", "978300760.5", "2000-13-01", "2000-02-30", "31/12/2000", "nan", "inf", "1e300"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_bound_that_is_no_moment_is_a_named_error() {
        let error = bound("from", &TimeBound::Text("soon".into())).unwrap_err();
        assert!(matches!(error, DataError::BadFilter { key: "from", .. }), "{error}");
    }
}
