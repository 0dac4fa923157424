//! By two moments in the whole log.

use super::{ByUser, SplitError, at_least_one, check_shares};
use crate::interactions::{Interactions, Part};

/// All interactions before the first moment train, those before the second validate, and the rest test, so that
/// everything trained on happened before everything tested on, whoever did it. The moments are where the shares fall;
/// interactions at the same moment are never torn apart, so the shares are met as nearly as the times allow.
pub(super) fn cut(_log: &Interactions, rows: &ByUser, validation: f64, test: f64) -> Result<Vec<Part>, SplitError> {
    check_shares("temporal", validation, test)?;
    let times = rows.times("temporal")?;
    let n = times.len();
    if n == 0 {
        return Ok(Vec::new());
    }
    let mut sorted = times.clone();
    sorted.sort_unstable();
    let judged = at_least_one(n, test).min(n);
    let held_out = (judged + at_least_one(n, validation)).min(n);
    let (choose_from, judge_from) = (sorted[n - held_out], sorted[n - judged]);
    Ok(times
        .into_iter()
        .map(|time| match time {
            _ if time >= judge_from => Part::Test,
            _ if time >= choose_from => Part::Validation,
            _ => Part::Train,
        })
        .collect())
}
