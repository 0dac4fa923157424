//! Over each user's interactions, at random.

use rand::seq::SliceRandom;

use super::{ByUser, FEWEST_TO_JUDGE, SplitError, at_least_one, check_shares, place_of};
use crate::interactions::{Interactions, Part};
use crate::seed;

/// Of each user with at least three interactions, `validation` and `test` of them (rounded, at least one each, and
/// at least one is left to train on); of the others none.
pub(super) fn cut(
    log: &Interactions,
    rows: &ByUser,
    validation: f64,
    test: f64,
    seed: u64,
) -> Result<Vec<Part>, SplitError> {
    check_shares("random", validation, test)?;
    let mut parts = vec![Part::Train; rows.len()];
    for user in 0..rows.users() {
        let mut places: Vec<usize> = rows.places(user).collect();
        if places.len() < FEWEST_TO_JUDGE {
            continue;
        }
        let (chosen, judged) = counts(places.len(), validation, test);
        let id = log.users.id(user as u32);
        places.shuffle(&mut seed::stream(seed, "split random", &[place_of(&id)]));
        for &place in &places[..judged] {
            parts[place] = Part::Test;
        }
        for &place in &places[judged..judged + chosen] {
            parts[place] = Part::Validation;
        }
    }
    Ok(parts)
}

/// How many of `n` interactions, at least three, are for validation and for test.
fn counts(n: usize, validation: f64, test: f64) -> (usize, usize) {
    let (mut chosen, mut judged) = (at_least_one(n, validation), at_least_one(n, test));
    while chosen + judged >= n {
        if judged >= chosen {
            judged -= 1;
        } else {
            chosen -= 1;
        }
    }
    (chosen, judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_and_every_part_keeps_one() {
        assert_eq!(counts(3, 0.1, 0.2), (1, 1));
        assert_eq!(counts(20, 0.1, 0.2), (2, 4));
        assert_eq!(counts(3, 0.01, 0.98), (1, 1));
        assert_eq!(counts(10, 0.49, 0.49), (5, 4));
    }
}
