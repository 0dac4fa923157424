//! Counts in sentences.

/// A count with its noun, which takes an s but for one: `1 row`, `2 rows`.
#[must_use]
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// The word that agrees with a count: `agreeing(n, "is", "are")`.
#[must_use]
pub fn agreeing<'a>(count: impl TryInto<u64>, one: &'a str, more: &'a str) -> &'a str {
    if count.try_into().is_ok_and(|count| count == 1) { one } else { more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_none_is_not() {
        assert_eq!([0_u64, 1, 2].map(|n| counted(n, "row")), ["0 rows", "1 row", "2 rows"]);
        assert_eq!([0_usize, 1, 2].map(|n| agreeing(n, "is", "are")), ["are", "is", "are"]);
    }
}
