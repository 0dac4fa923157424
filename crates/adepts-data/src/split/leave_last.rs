//! The last items of each user by time.

use rand::seq::SliceRandom;

use super::{ByUser, FEWEST_TO_JUDGE, SplitError, place_of};
use crate::interactions::{Interactions, Part};
use crate::seed;

/// Of each user the last `test` interactions for test and the `validation` before them for validation. Users for
/// whom that would leave nothing to train on, and those with fewer than three interactions, only train.
///
/// Interactions of one user at the same nanosecond have no order of their own; they are put into one that is drawn from
/// the user's id alone, because the order of the item's ids would prefer new items.
pub(super) fn cut(log: &Interactions, rows: &ByUser, validation: usize, test: usize) -> Result<Vec<Part>, SplitError> {
    for (part, count) in [("validation", validation), ("test", test)] {
        if count == 0 {
            return Err(SplitError::Count { kind: "leave-last", part, count });
        }
    }
    let times = rows.times("leave-last")?;
    let held_out = validation.saturating_add(test);
    let mut parts = vec![Part::Train; rows.len()];
    for user in 0..rows.users() {
        let mut places: Vec<usize> = rows.places(user).collect();
        if places.len() < FEWEST_TO_JUDGE || places.len() <= held_out {
            continue;
        }
        let id = log.users.id(user as u32);
        places.shuffle(&mut seed::stream(0, "split leave-last ties", &[place_of(&id)]));
        places.sort_by_key(|&place| times[place]);
        let last = places.split_off(places.len() - held_out);
        for (nth, place) in last.into_iter().enumerate() {
            parts[place] = if nth < validation { Part::Validation } else { Part::Test };
        }
    }
    Ok(parts)
}
