//! To which part a row belongs.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::TabularSplit;
use super::vocabulary::spelling_hash;
use crate::interactions::Part;
use crate::seed;
use crate::source::Cell;
use crate::split::{SplitError, check_shares};

impl TabularSplit {
    /// The shares of validation and test.
    #[must_use]
    pub fn shares(&self) -> (f64, f64) {
        match *self {
            Self::Random { validation, test, .. }
            | Self::Temporal { validation, test }
            | Self::Users { validation, test, .. } => (validation, test),
            Self::All {} => (0.0, 0.0),
        }
    }

    /// Refuses shares that leave a part without rows, unless nothing is to be held out.
    pub(super) fn check_shares(&self) -> Result<(), SplitError> {
        let (validation, test) = self.shares();
        if *self == (Self::All {}) { Ok(()) } else { check_shares(self.kind(), validation, test) }
    }
}

/// Gives each row of a pass its part; every pass over the same rows gives the same parts.
pub(super) enum Cutter {
    Random { shares: Shares, stream: Box<ChaCha8Rng> },
    Temporal { choose_from: i64, judge_from: i64 },
    Users { shares: Shares, seed: u64, parts: Vec<Part> },
    All,
}

#[derive(Clone, Copy)]
pub(super) struct Shares {
    validation: f64,
    test: f64,
}

impl Shares {
    /// The part of a draw from 0 to 1.
    fn part(self, draw: f64) -> Part {
        if draw < self.test {
            Part::Test
        } else if draw < self.test + self.validation {
            Part::Validation
        } else {
            Part::Train
        }
    }
}

impl Cutter {
    /// The cutter of a checked split whose seed is set; `times` are those of all rows for `temporal`.
    pub(super) fn new(split: &TabularSplit, times: Option<Vec<i64>>) -> Self {
        let (validation, test) = split.shares();
        let shares = Shares { validation, test };
        match split {
            TabularSplit::Random { seed, .. } => {
                let stream = seed::stream(seed.unwrap_or_default(), "split examples", &[]);
                Self::Random { shares, stream: Box::new(stream) }
            }
            TabularSplit::Temporal { .. } => {
                let (choose_from, judge_from) = moments(times.unwrap_or_default(), shares);
                Self::Temporal { choose_from, judge_from }
            }
            TabularSplit::Users { seed, .. } => {
                Self::Users { shares, seed: seed.unwrap_or_default(), parts: Vec::new() }
            }
            TabularSplit::All {} => Self::All,
        }
    }

    /// The part of the next row; `user` is the user's number (in order of first appearance) and id.
    #[inline]
    pub(super) fn part(&mut self, time: Option<i64>, user: Option<(u32, Cell<'_>)>) -> Part {
        match self {
            Self::Random { shares, stream } => shares.part(stream.random()),
            Self::Temporal { choose_from, judge_from } => match time {
                Some(time) if time >= *judge_from => Part::Test,
                Some(time) if time >= *choose_from => Part::Validation,
                _ => Part::Train,
            },
            Self::Users { shares, seed, parts } => {
                let Some((number, id)) = user else { return Part::Train };
                if number as usize == parts.len() {
                    parts.push(shares.part(draw_of_user(*seed, id)));
                }
                // A user who was not met when rows were counted; that the source changed is found by their number.
                parts.get(number as usize).copied().unwrap_or(Part::Train)
            }
            Self::All => Part::Train,
        }
    }

    /// The part in whose time a row lies from which nothing is learned, so that nothing is known before its time; training where the
    /// split does not go by time, as for histories ([`crate::Starts`]).
    pub(super) fn part_of_seen(&mut self, time: Option<i64>) -> Part {
        match self {
            Self::Temporal { .. } => self.part(time, None),
            Self::Random { .. } | Self::Users { .. } | Self::All => Part::Train,
        }
    }
}

/// The draw of a user, from 0 to 1.
fn draw_of_user(seed: u64, id: Cell<'_>) -> f64 {
    seed::stream(seed, "split examples users", &[spelling_hash(id)]).random()
}

/// The moments from which rows validate and test; rows of one moment are never torn apart.
fn moments(mut times: Vec<i64>, shares: Shares) -> (i64, i64) {
    let n = times.len();
    if n == 0 {
        return (i64::MAX, i64::MAX);
    }
    let count = |share: f64| ((n as f64 * share + 0.5).floor() as usize).max(1);
    let judged = count(shares.test).min(n);
    let held_out = (judged + count(shares.validation)).min(n);
    let judge_from = *times.select_nth_unstable(n - judged).1;
    let choose_from = *times.select_nth_unstable(n - held_out).1;
    (choose_from, judge_from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_trained_on_happened_before_everything_tested_on() {
        let times: Vec<i64> = (0..100).rev().map(|t| t / 3).collect();
        let shares = Shares { validation: 0.1, test: 0.2 };
        let (choose_from, judge_from) = moments(times, shares);
        assert_eq!((choose_from, judge_from), (23, 26));
    }

    #[test]
    fn the_shares_are_met_up_to_chance() {
        let split = TabularSplit::Random { validation: 0.1, test: 0.2, seed: Some(3) };
        let mut cutter = Cutter::new(&split, None);
        let mut counts = [0; 3];
        (0..100_000).for_each(|_| counts[cutter.part(None, None) as usize] += 1);
        for (found, share) in counts.into_iter().zip([0.7, 0.1, 0.2]) {
            assert!((f64::from(found) / 1e5 - share).abs() < 0.005, "{found} for {share}");
        }
    }

    #[test]
    fn rows_that_are_only_seen_lie_in_the_part_of_their_time_and_change_no_other_part() {
        for split in [
            TabularSplit::Random { validation: 0.1, test: 0.2, seed: Some(3) },
            TabularSplit::Users { validation: 0.2, test: 0.3, seed: Some(3) },
        ] {
            let (mut cutter, mut alone) = (Cutter::new(&split, None), Cutter::new(&split, None));
            for user in 0..50 {
                assert_eq!(cutter.part_of_seen(None), Part::Train);
                let of = Some((user, Cell::Int(i64::from(user))));
                assert_eq!(cutter.part(None, of), alone.part(None, of));
            }
        }
        let times: Vec<i64> = (0..100).collect();
        let mut cutter = Cutter::new(&TabularSplit::Temporal { validation: 0.1, test: 0.1 }, Some(times));
        let parts = [0, 80, 99].map(|time| cutter.part_of_seen(Some(time)));
        assert_eq!(parts, [Part::Train, Part::Validation, Part::Test]);
    }

    #[test]
    fn a_user_stays_in_his_part_whoever_else_is_there() {
        let split = TabularSplit::Users { validation: 0.2, test: 0.3, seed: Some(3) };
        let mut all = Cutter::new(&split, None);
        let parts: Vec<Part> = (0..50).map(|u| all.part(None, Some((u, Cell::Int(i64::from(u)))))).collect();
        assert!([Part::Train, Part::Validation, Part::Test].iter().all(|part| parts.contains(part)));
        let mut alone = Cutter::new(&split, None);
        assert_eq!(alone.part(None, Some((0, Cell::Text("31")))), parts[31]);
    }
}
