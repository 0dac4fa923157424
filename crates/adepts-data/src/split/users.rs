//! Whole users are held out: of their items a share is the history and the rest is to be found. Of the others a share may
//! be held out as well, so that it is seen what a model loses on users it has not learned from.

use rand::seq::SliceRandom;

use super::{ByUser, FEWEST_TO_JUDGE, SplitError, at_least_one, check_share, check_shares, place_of};
use crate::interactions::{Interactions, Part};
use crate::seed;

/// The shares of the split.
pub(super) struct Shares {
    pub(super) validation: f64,
    pub(super) test: f64,
    pub(super) input: f64,
    pub(super) known: f64,
}

/// Holds out users among those with at least three interactions, clears their `learns`, and cuts their items.
///
/// The users come in an order that is drawn from seed and id; the first `test` of them judge and the next
/// `validation` choose, so when a user joins, only the users at the two borders can change their part.
pub(super) fn cut(
    log: &Interactions,
    rows: &ByUser,
    shares: &Shares,
    seed: u64,
    learns: &mut [bool],
) -> Result<Vec<Part>, SplitError> {
    check_shares("users", shares.validation, shares.test)?;
    check_share("users", "input", shares.input)?;
    if shares.known != 0.0 {
        check_share("users", "known", shares.known)?;
    }
    let mut able: Vec<([u8; 32], usize)> = (0..rows.users())
        .filter(|&user| rows.places(user).len() >= FEWEST_TO_JUDGE)
        .map(|user| (seed::key(seed, "split users", &[place_of(&log.users.id(user as u32))]), user))
        .collect();
    able.sort_unstable();
    let judged = at_least_one(able.len(), shares.test);
    let held_out = judged + at_least_one(able.len(), shares.validation);
    if held_out >= rows.users() || held_out > able.len() {
        let (able, users) = (able.len(), rows.users());
        return Err(SplitError::TooFewUsers { able, held_out, users, instead: String::new() });
    }
    let mut parts = vec![Part::Train; rows.len()];
    for (nth, (key, user)) in able.into_iter().enumerate() {
        let mut places: Vec<usize> = rows.places(user).collect();
        let all = places.len();
        let (input, part) = if nth < held_out {
            learns[user] = false;
            let input = at_least_one(all, shares.input).min(all - 1);
            (input, if nth < judged { Part::Test } else { Part::Validation })
        } else if shares.known > 0.0 {
            (all - at_least_one(all, shares.known).min(all - 1), Part::Test)
        } else {
            break;
        };
        places.shuffle(&mut stream_of(key));
        for &place in &places[input..] {
            parts[place] = part;
        }
    }
    Ok(parts)
}

fn stream_of(key: [u8; 32]) -> rand_chacha::ChaCha8Rng {
    rand_chacha::rand_core::SeedableRng::from_seed(key)
}
