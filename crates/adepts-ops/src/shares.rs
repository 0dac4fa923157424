//! How evenly something is shared out.

/// −Σ p ln p / ln K of K shares, with 0 ln 0 = 0: 1 where all are equal, 0 where one has everything. At most 1, though rounded
/// shares may add up to more; 1 for a single share.
#[must_use]
pub fn relative_entropy(shares: &[f32]) -> f64 {
    if shares.len() < 2 {
        return 1.0;
    }
    let term = |share: f64| if share > 0.0 { -share * share.ln() } else { 0.0 };
    let nats: f64 = shares.iter().map(|share| term(f64::from(*share))).sum();
    // The sum of nothing is −0.
    (nats / (shares.len() as f64).ln()).min(1.0) + 0.0
}

#[cfg(test)]
mod tests {
    use super::relative_entropy;

    #[test]
    fn it_is_one_for_equal_shares_and_none_for_one_that_has_all() {
        assert_eq!(relative_entropy(&[0.0, 1.0, 0.0]).to_bits(), 0);
        assert!((relative_entropy(&[0.5, 0.5, 0.0, 0.0]) - 0.5).abs() < 1e-12);
        assert_eq!(relative_entropy(&[1.0]), 1.0);
        // Twenty times the 32-bit number next to 1/20 is more than 1.
        assert_eq!(relative_entropy(&[0.05; 20]), 1.0);
    }
}
