//! The known name that was probably meant.

/// The candidate closest to `name`, if any is close enough to be a slip of the fingers; the first of equals.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerated = (name.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
        if distance <= tolerated && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The middle of an error message: ` (did you mean …?)`, or nothing.
pub(crate) fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        assert_eq!(nearest("ndgc", ["recall", "ndcg"]), Some("ndcg"));
        assert_eq!(nearest("NDCG", ["recall", "ndcg"]), Some("ndcg"));
        assert_eq!(nearest("serendipity", ["recall", "ndcg"]), None);
    }
}
