//! Numbers and names as people read them.

use adepts_eval::about::{Unit, about, all};

/// What stands for a number that is not known.
pub(crate) const UNKNOWN: &str = "–";

/// A number with so many decimals, or a dash.
pub(crate) fn decimals(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    let text = format!("{value:.places$}");
    // "-0.000" says nothing that "0.000" does not.
    if text.starts_with('-') && text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.')) { text[1..].into() } else { text }
}

/// A score in a sentence: three decimals.
pub(crate) fn score(value: f64) -> String {
    decimals(value, 3)
}

/// A score in a table: four decimals.
pub(crate) fn exact(value: f64) -> String {
    decimals(value, 4)
}

/// A difference: always with its sign.
pub(crate) fn signed(value: f64) -> String {
    match format!("{value:+.4}") {
        _ if !value.is_finite() => UNKNOWN.into(),
        text if text == "+0.0000" || text == "-0.0000" => "0.0000".into(),
        text => text.replace('-', "−"),
    }
}

/// A p-value.
pub(crate) fn probability(p: f64) -> String {
    match p {
        p if !p.is_finite() => format!("p {UNKNOWN}"),
        p if p < 0.001 => "p < 0.001".into(),
        p => format!("p = {p:.3}"),
    }
}

/// A whole number with separated thousands.
pub(crate) fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun, which takes an s but for one.
pub(crate) fn counted(value: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A quantity of unknown size: whole with separated thousands when large, else with as many decimals as matter.
pub(crate) fn quantity(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => UNKNOWN.into(),
        a if a >= 1000.0 => format!("{}{}", if value < 0.0 { "-" } else { "" }, count(a.round() as usize)),
        a if a >= 100.0 || value.fract() == 0.0 => decimals(value, 0),
        a if a >= 10.0 => decimals(value, 1),
        a if a >= 0.01 => decimals(value, 3),
        _ => format!("{value:.1e}"),
    }
}

/// A share as a percentage; small ones keep their decimals.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    let places = match value.abs() {
        a if a >= 10.0 || a == 0.0 => 0,
        a if a >= 1.0 => 1,
        _ => 2,
    };
    format!("{} %", decimals(value, places))
}

/// A duration in the unit that suits it.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        v if !v.is_finite() => UNKNOWN.into(),
        v if v < 10.0 => format!("{v:.1} s"),
        v if v < 120.0 => format!("{v:.0} s"),
        v if v < 7200.0 => format!("{:.0} min", v / 60.0),
        v => format!("{:.1} h", v / 3600.0),
    }
}

/// `a, b and c`.
pub(crate) fn listed<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().into(),
        [head @ .., last] => {
            let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", head.join(", "), last.as_ref())
        }
    }
}

/// A metric's name as it is written in the field: `ndcg@20` is NDCG@20.
pub(crate) fn metric_label(name: &str) -> String {
    let (stem, cut) = name.split_once('@').map_or((name, None), |(stem, k)| (stem, Some(k)));
    let stem = all().find(|metric| metric.name == stem).map_or_else(|| words(stem), |metric| metric.label.to_owned());
    cut.map_or(stem.clone(), |k| format!("{stem}@{k}"))
}

/// A name from a file or a setting as words: `of_all` is “Of all”.
fn words(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    first + &letters.as_str().replace('_', " ")
}

/// A metric's label within a line: without a capital, unless the label is an abbreviation.
pub(crate) fn metric_within(name: &str) -> String {
    let label = metric_label(name);
    let abbreviation = label.chars().nth(1).is_some_and(char::is_uppercase);
    let mut letters = label.chars();
    match letters.next() {
        Some(first) if !abbreviation => first.to_lowercase().collect::<String>() + letters.as_str(),
        _ => label,
    }
}

/// A value in the unit of its metric; `number` writes decimal numbers.
pub(crate) fn measured(name: &str, value: f64, number: fn(f64) -> String) -> String {
    match about(name).map(|about| about.unit) {
        Some(Unit::Share) => percent(value),
        Some(Unit::Ratio) if value.is_finite() => format!("{} : 1", decimals(value, 3)),
        Some(Unit::Score | Unit::Ratio) | None => number(value),
    }
}

/// A group's name without the prefix that makes it unique in a report.
pub(crate) fn group_label(by: &str, name: &str) -> String {
    match name.split_once(':') {
        Some((_, rest)) if by != "mainstream" && !rest.is_empty() => rest.into(),
        _ => name.into(),
    }
}

/// What a grouping is by, to follow the word "by".
pub(crate) fn grouping_label(by: &str) -> String {
    match by {
        "mainstream" => "mainstream score".into(),
        "activity" => "activity (length of the history)".into(),
        "mainstream_within_activity" => "mainstream score among users of equal activity".into(),
        "newness" => "known and new users, by mainstream score".into(),
        other => other.replace('_', " "),
    }
}

/// At most so many characters, an ellipsis in place of the rest.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(998_539), "998,539");
        assert_eq!(count(12), "12");
        assert_eq!(percent(0.0507), "5.1 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.42), "42 %");
        assert_eq!(seconds(1980.0), "33 min");
        assert_eq!(decimals(-0.0001, 3), "0.000");
        assert_eq!(quantity(1234.6), "1,235");
        assert_eq!(quantity(56.25), "56.2");
        assert_eq!([-0.0123, 0.5, 10.0, -0.00001].map(signed), ["−0.0123", "+0.5000", "+10.0000", "0.0000"]);
        assert_eq!((probability(1e-9), probability(0.04)), ("p < 0.001".into(), "p = 0.040".into()));
    }

    #[test]
    fn numbers_that_are_not_finite_are_a_dash() {
        for text in [score(f64::NAN), exact(f64::INFINITY), percent(f64::NAN), seconds(f64::NAN), quantity(f64::NAN)] {
            assert_eq!(text, UNKNOWN);
        }
    }

    #[test]
    fn names_read_as_in_the_field() {
        assert_eq!(metric_label("ndcg@20"), "NDCG@20");
        assert_eq!(metric_label("hit@10"), "Hit rate@10");
        assert_eq!(group_label("activity", "activity:low"), "low");
        assert_eq!(group_label("mainstream", "1/4"), "1/4");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(shortened("communities", 6), "commu…");
    }
}
