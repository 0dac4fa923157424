//! Moments in numbers.

use chrono::NaiveDate;

use super::{TimeUnit, Wrong};

/// Nanoseconds since 1970 of a whole number of a unit.
#[inline]
pub(super) fn whole(value: i64, unit: TimeUnit) -> Result<i64, Wrong> {
    let Some(factor) = unit.nanoseconds() else { return date(value).ok_or(Wrong::OtherUnit(unit)) };
    check_size(value.unsigned_abs(), unit)?;
    value.checked_mul(factor).ok_or(Wrong::Outside)
}

#[inline]
fn check_size(size: u64, unit: TimeUnit) -> Result<(), Wrong> {
    match TimeUnit::of_size(size) {
        Some(other) if other != unit => Err(Wrong::OtherUnit(unit)),
        _ => Ok(()),
    }
}

/// Nanoseconds since 1970 of a date whose digits are a number: `20200930`, `202009302047`, `20200930204733`, or with
/// milliseconds `20200930204733123`; from 1900 to 2200.
pub(super) fn date(value: i64) -> Option<i64> {
    let (day, rest, digits) = match value {
        19_000_101..=22_001_231 => (value, 0, 0),
        190_001_010_000..=220_012_312_359 => (value / 10_000, value % 10_000, 4),
        19_000_101_000_000..=22_001_231_235_959 => (value / 1_000_000, value % 1_000_000, 6),
        19_000_101_000_000_000..=22_001_231_235_959_999 => (value / 1_000_000_000, value % 1_000_000_000, 9),
        _ => return None,
    };
    // To hours, minutes, seconds and milliseconds in nine digits.
    let rest = rest * 10_i64.pow(9 - digits);
    let rest = if digits == 0 { 0 } else { rest };
    let (hour, minute) = (rest / 10_000_000, rest / 100_000 % 100);
    let (second, millisecond) = (rest / 1_000 % 100, rest % 1_000);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt((day / 10_000) as i32, (day / 100 % 100) as u32, (day % 100) as u32)?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000_000_000 + millisecond * 1_000_000)
}

/// Nanoseconds since 1970 of a decimal number of a unit, digit by digit, since a 64-bit float has no room for them; `None`
/// if it is not written as one. What is below a nanosecond is cut off.
pub(super) fn decimal(text: &str, unit: TimeUnit) -> Option<Result<i64, Wrong>> {
    let (mantissa, exponent) = parts(text)?;
    Some(in_nanoseconds(mantissa, exponent, unit))
}

fn in_nanoseconds(mantissa: i128, exponent: i32, unit: TimeUnit) -> Result<i64, Wrong> {
    // A mantissa has at most 27 digits, so that no product of it with nanoseconds overflows.
    let power = |exponent: i32| 10_i128.checked_pow(exponent.unsigned_abs());
    let (above, fraction) = if exponent >= 0 {
        (power(exponent).and_then(|power| mantissa.checked_mul(power)).ok_or(Wrong::Outside)?, 0)
    } else {
        power(exponent).map_or((0, mantissa), |power| (mantissa.div_euclid(power), mantissa.rem_euclid(power)))
    };
    let above = i64::try_from(above).map_err(|_| Wrong::Outside)?;
    let Some(factor) = unit.nanoseconds().filter(|_| fraction != 0) else { return whole(above, unit) };
    check_size(above.unsigned_abs(), unit)?;
    let below = power(exponent).map_or(0, |power| fraction * i128::from(factor) / power);
    let all = i128::from(above) * i128::from(factor) + below;
    i64::try_from(all).map_err(|_| Wrong::Outside)
}

/// A number as written: its digits, and the power of ten that they count.
fn parts(text: &str) -> Option<(i128, i32)> {
    const MOST: u32 = 27;
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?.clamp(-1_000, 1_000)),
        None => (text, 0),
    };
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (above, below) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || above.bytes().chain(below.bytes());
    if all().count() == 0 || !all().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (mut mantissa, mut kept, mut scale) = (0_i128, 0, 0_i32);
    for (nth, digit) in all().enumerate() {
        if kept < MOST {
            mantissa = mantissa * 10 + i128::from(digit - b'0');
            kept += u32::from(mantissa > 0);
            scale -= i32::from(nth >= above.len());
        } else {
            // Digits beyond the precision only count where they stand above the point.
            scale += i32::from(nth < above.len());
        }
    }
    Some((if negative { -mantissa } else { mantissa }, scale + exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact_to_the_nanosecond() {
        let seconds = |text| decimal(text, TimeUnit::Seconds).unwrap().unwrap();
        assert_eq!(seconds("1593878903.438"), 1_593_878_903_438_000_000);
        assert_eq!(seconds("1593878903.123456789"), 1_593_878_903_123_456_789);
        assert_eq!(seconds("1593878903.1234567899"), 1_593_878_903_123_456_789);
        assert_eq!(seconds("-0.5"), -500_000_000);
        assert_eq!(seconds("1.593878903438E9"), 1_593_878_903_438_000_000);
        assert_eq!(seconds(".25"), 250_000_000);
        assert_eq!(decimal("1593878903438.5", TimeUnit::Milliseconds), Some(Ok(1_593_878_903_438_500_000)));
        assert_eq!(decimal("20200930.0", TimeUnit::Dates), Some(Ok(1_601_424_000_000_000_000)));
    }

    #[test]
    fn what_64_bits_cannot_hold_is_outside() {
        assert_eq!(decimal("9223372036854775807", TimeUnit::Nanoseconds), Some(Ok(i64::MAX)));
        assert_eq!(decimal("9223372036854775808", TimeUnit::Nanoseconds), Some(Err(Wrong::Outside)));
        assert_eq!(decimal("1e300", TimeUnit::Seconds), Some(Err(Wrong::Outside)));
        assert_eq!(whole(10_000_000_000, TimeUnit::Seconds), Err(Wrong::Outside));
    }

    #[test]
    fn what_is_not_written_as_a_number_is_none() {
        for text in ["", "-", ".", "1.2.3", "1e", "NaN", "inf", "0x10", "1 2", "1,5"] {
            assert_eq!(decimal(text, TimeUnit::Seconds), None, "{text:?}");
        }
    }

    #[test]
    fn only_digits_of_dates_are_dates() {
        assert_eq!(date(20_200_930), Some(1_601_424_000_000_000_000));
        assert_eq!(date(202_009_302_047), Some(1_601_498_820_000_000_000));
        assert_eq!(date(20_200_930_204_733), Some(1_601_498_853_000_000_000));
        assert_eq!(date(20_200_930_204_733_123), Some(1_601_498_853_123_000_000));
        for no in [20_201_301, 20_200_230, 20_200_900, 18_000_101, 978_300_760, 1_601_498_853_000, 20_200_930_246_000] {
            assert_eq!(date(no), None, "{no}");
        }
    }
}
