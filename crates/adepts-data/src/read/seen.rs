//! Pairs of dropped rows that say that a user has seen an item.

use crate::id::{Id, Vocabulary};
use crate::interactions::{Interactions, Part};
use crate::intern::Interner;
use crate::rows::Rows;
use crate::seen::SeenLog;
use crate::source::Cell;

/// Such pairs, with ids of their own, so that a dropped row never changes what the ids of the kept rows are taken for. Of each
/// pair the earliest row counts; repeated ones are dropped now and then, so that memory follows the pairs and not the rows.
pub(super) struct Seen {
    users: Interner,
    items: Interner,
    pairs: Vec<Pair>,
    /// So many pairs are looked through for repeated ones.
    full: usize,
    /// Whether the log has times and parts.
    times: bool,
    parts: bool,
}

/// A user, an item, and when; the earliest of a repeated pair is the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    user: u32,
    item: u32,
    time: i64,
    part: u8,
}

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// Pairs before they are first looked through.
const FIRST: usize = 1 << 20;

impl Seen {
    pub(super) fn new(times: bool, parts: bool) -> Self {
        let (users, items) = (Interner::new(), Interner::new());
        Self { users, items, pairs: Vec::new(), full: FIRST, times, parts }
    }

    /// Notes a pair. An id that could not be one of a kept row is passed over: the row was dropped anyway.
    pub(super) fn note(&mut self, user: Cell<'_>, item: Cell<'_>, time: Option<i64>, part: Option<Part>) {
        if let (Ok(user), Ok(item)) = (self.users.intern(user), self.items.intern(item)) {
            let part = part.map_or(0, |part| part as u8);
            self.pairs.push(Pair { user, item, time: time.unwrap_or_default(), part });
            if self.pairs.len() == self.full {
                earliest(&mut self.pairs);
                self.full = FIRST.max(2 * self.pairs.len());
            }
        }
    }

    /// For each user of the log the items of its catalogue that he has in these pairs alone.
    pub(super) fn log(self, log: &Interactions) -> SeenLog {
        let Self { users, items, mut pairs, times, parts, .. } = self;
        let (users, items) = (places(&users, &log.users), places(&items, &log.items));
        pairs.retain_mut(|pair| match (users[pair.user as usize], items[pair.item as usize]) {
            (Some(user), Some(item)) => {
                (pair.user, pair.item) = (user, item);
                true
            }
            _ => false,
        });
        earliest(&mut pairs);
        // Both are ordered by user, then item.
        let mut kept = log.user.iter().copied().zip(log.item.iter().copied()).peekable();
        pairs.retain(|pair| {
            let pair = (pair.user, pair.item);
            while kept.next_if(|kept| *kept < pair).is_some() {}
            kept.peek() != Some(&pair)
        });
        let mut rows = Rows::empty(0);
        let mut next = pairs.iter().peekable();
        let mut row = Vec::new();
        for user in 0..log.users.len() as u32 {
            row.clear();
            row.extend(std::iter::from_fn(|| Some(next.next_if(|pair| pair.user == user)?.item)));
            rows.push(&row);
        }
        let time = times.then(|| pairs.iter().map(|pair| pair.time).collect());
        let part = parts.then(|| pairs.iter().map(|pair| PARTS[usize::from(pair.part)]).collect());
        SeenLog { rows, time, part }
    }
}

/// Orders pairs by user and item, and leaves the earliest of each.
fn earliest(pairs: &mut Vec<Pair>) {
    pairs.sort_unstable();
    pairs.dedup_by_key(|pair| (pair.user, pair.item));
}

/// The place of each id in the vocabulary of the kept rows.
fn places(ids: &Interner, kept: &Vocabulary) -> Vec<Option<u32>> {
    (0..ids.len() as u32).map(|number| kept.index(&Id::Text(ids.spelling(number).into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_row_of_a_repeated_pair_counts() {
        let mut seen = Seen { full: 4, ..Seen::new(true, false) };
        for row in 0..3000 {
            let (user, item) = (Cell::Int(row % 2), Cell::Int(row % 3));
            seen.note(user, item, Some(5000 - row), None);
        }
        // It is looked through at 4, and from then on at a million.
        assert_eq!(seen.full, FIRST);
        earliest(&mut seen.pairs);
        let found: Vec<i64> = seen.pairs.iter().map(|pair| pair.time).collect();
        assert_eq!((found.len(), found.iter().min(), found.iter().max()), (6, Some(&2001), Some(&2006)));
    }
}
