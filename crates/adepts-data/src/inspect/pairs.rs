//! What is counted of the pairs of user and item.

use std::hash::BuildHasher;
use std::io::Write as _;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::nobody::{self, is_large, is_nobody};
use crate::source::{Cell, Number};

/// How often users stand, and how many rows repeat a pair.
#[derive(Default)]
pub(super) struct Pairs {
    seen: HashSet<u64, FixedState>,
    users: HashMap<u64, u32, FixedState>,
    rows: u64,
    /// A user who had a fifth of the rows when they were met: the latest one, by hash and id.
    often: Option<(u64, String)>,
    /// Users whose ids stand for a missing one, by hash and id.
    nobody: Vec<(u64, String)>,
    pub(super) repeated: u64,
}

impl Pairs {
    pub(super) fn take(&mut self, user: Cell<'_>, item: Cell<'_>) {
        if user == Cell::Missing || item == Cell::Missing {
            return;
        }
        let (id, user, item) = (user, hash(user), hash(item));
        self.rows += 1;
        let rows = self.users.entry(user).or_insert(0);
        *rows += 1;
        let (first, often) = (*rows == 1, is_large(u64::from(*rows), self.rows));
        if first && is_nobody(&id.spelling()) {
            self.nobody.push((user, id.spelling()));
        }
        if often && self.often.as_ref().is_none_or(|often| often.0 != user) {
            let best = self.often.as_ref().and_then(|often| self.users.get(&often.0));
            if best.is_none_or(|best| *best < self.users[&user]) {
                self.often = Some((user, id.spelling()));
            }
        }
        self.repeated += u64::from(!self.seen.insert(FixedState::default().hash_one((user, item))));
    }

    /// Warnings of users who may be nobody, or many.
    pub(super) fn of_nobody(&self) -> Vec<String> {
        let known = |often: &&(u64, String)| self.nobody.iter().all(|(user, _)| *user != often.0);
        let suspects = self.nobody.iter().chain(self.often.iter().filter(known));
        let rows = |user| self.users.get(user).copied().unwrap_or_default().into();
        suspects.filter_map(|(user, id)| nobody::warning(id, rows(user), self.rows, self.users.len() as u64)).collect()
    }

    pub(super) fn users_with_one_row(&self) -> u64 {
        self.users.values().filter(|&&n| n == 1).count() as u64
    }
}

/// 64 bits for a value; that two of millions fall together is less likely than one in a million.
pub(super) fn hash(cell: Cell<'_>) -> u64 {
    let hasher = FixedState::default();
    // A number is one value with its spelling.
    let spelled = |value: i64| {
        let mut digits = [0_u8; 20];
        let mut rest = &mut digits[..];
        // No number of 64 bits has more than 20 characters.
        let _infallible = write!(rest, "{value}");
        let used = 20 - rest.len();
        hasher.hash_one(std::str::from_utf8(&digits[..used]).unwrap_or_default())
    };
    match cell {
        Cell::Missing => 0,
        Cell::Raw(text) | Cell::Text(text) => hasher.hash_one(text),
        Cell::Int(value) => spelled(value),
        Cell::Float(_) | Cell::Number(_) => match cell.whole() {
            Some(Number::Int(value)) => spelled(value),
            Some(Number::Digits(digits)) => hasher.hash_one(digits),
            None => hasher.hash_one(cell.spelling()),
        },
        Cell::Time(stamp) => hasher.hash_one(stamp),
        Cell::Bool(value) => hasher.hash_one(value),
        Cell::List(_) => hasher.hash_one(cell.spelling()),
    }
}
