//! Pairs of dropped rows that say that a user has seen an item.

use crate::id::{Id, Vocabulary};
use crate::interactions::{Interactions, Part};
use crate::intern::Interner;
use crate::rows::Rows;
use crate::seen::SeenLog;
use crate::source::Cell;

/// Such pairs, with ids of their own, so that a dropped row never changes what the ids of the kept rows are taken for.
pub(super) struct Seen {
    users: Interner,
    items: Interner,
    pairs: Vec<(u32, u32)>,
    /// Of each pair, where the log has it.
    time: Option<Vec<i64>>,
    part: Option<Vec<Part>>,
}

impl Seen {
    pub(super) fn new(times: bool, parts: bool) -> Self {
        let (users, items, pairs) = (Interner::new(), Interner::new(), Vec::new());
        Self { users, items, pairs, time: times.then(Vec::new), part: parts.then(Vec::new) }
    }

    /// Notes a pair. An id that could not be one of a kept row is passed over: the row was dropped anyway.
    pub(super) fn note(&mut self, user: Cell<'_>, item: Cell<'_>, time: Option<i64>, part: Option<Part>) {
        if let (Ok(user), Ok(item)) = (self.users.intern(user), self.items.intern(item)) {
            self.pairs.push((user, item));
            if let (Some(times), Some(time)) = (&mut self.time, time) {
                times.push(time);
            }
            if let (Some(parts), Some(part)) = (&mut self.part, part) {
                parts.push(part);
            }
        }
    }

    /// For each user of the log the items of its catalogue that he has in these pairs alone.
    pub(super) fn log(self, log: &Interactions) -> SeenLog {
        let Self { users, items, pairs, time, part } = self;
        let (users, items) = (places(&users, &log.users), places(&items, &log.items));
        let (time_of, part_of) =
            (|row: usize| time.as_ref().map(|t| t[row]), |row: usize| part.as_ref().map(|p| p[row]));
        let known = |(row, (user, item)): (usize, (u32, u32))| {
            Some((users[user as usize]?, items[item as usize]?, time_of(row), part_of(row)))
        };
        let mut pairs: Vec<_> = pairs.into_iter().enumerate().filter_map(known).collect();
        // The earliest of a repeated pair is the first.
        pairs.sort_unstable_by_key(|(user, item, time, part)| (*user, *item, *time, part.map(|part| part as u8)));
        pairs.dedup_by_key(|(user, item, ..)| (*user, *item));
        // Both are ordered by user, then item.
        let mut kept = log.user.iter().copied().zip(log.item.iter().copied()).peekable();
        pairs.retain(|(user, item, ..)| {
            while kept.next_if(|kept| *kept < (*user, *item)).is_some() {}
            kept.peek() != Some(&(*user, *item))
        });
        let mut rows = Rows::empty(0);
        let mut next = pairs.iter().peekable();
        let mut row = Vec::new();
        for user in 0..log.users.len() as u32 {
            row.clear();
            row.extend(std::iter::from_fn(|| Some(next.next_if(|pair| pair.0 == user)?.1)));
            rows.push(&row);
        }
        let time = time.is_some().then(|| pairs.iter().filter_map(|pair| pair.2).collect());
        let part = part.is_some().then(|| pairs.iter().filter_map(|pair| pair.3).collect());
        SeenLog { rows, time, part }
    }
}

/// The place of each id in the vocabulary of the kept rows.
fn places(ids: &Interner, kept: &Vocabulary) -> Vec<Option<u32>> {
    (0..ids.len() as u32).map(|number| kept.index(&Id::Text(ids.spelling(number).into()))).collect()
}
