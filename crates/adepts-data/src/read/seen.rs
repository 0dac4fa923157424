//! Pairs of dropped rows that say that a user has seen an item.

use crate::id::{Id, Vocabulary};
use crate::interactions::Interactions;
use crate::intern::Interner;
use crate::rows::Rows;
use crate::source::Cell;

/// Such pairs, with ids of their own, so that a dropped row never changes what the ids of the kept rows are taken for.
#[derive(Default)]
pub(super) struct Seen {
    users: Interner,
    items: Interner,
    pairs: Vec<(u32, u32)>,
}

impl Seen {
    /// Notes a pair. An id that could not be one of a kept row is passed over: the row was dropped anyway.
    pub(super) fn note(&mut self, user: Cell<'_>, item: Cell<'_>) {
        if let (Ok(user), Ok(item)) = (self.users.intern(user), self.items.intern(item)) {
            self.pairs.push((user, item));
        }
    }

    /// For each user of the log the items of its catalogue that he has in these pairs alone.
    pub(super) fn rows(self, log: &Interactions) -> Rows {
        let Self { users, items, mut pairs } = self;
        let (users, items) = (places(&users, &log.users), places(&items, &log.items));
        pairs.retain_mut(|(user, item)| match (users[*user as usize], items[*item as usize]) {
            (Some(known_user), Some(known_item)) => {
                (*user, *item) = (known_user, known_item);
                true
            }
            _ => false,
        });
        pairs.sort_unstable();
        pairs.dedup();
        // Both are ordered by user, then item.
        let mut kept = log.user.iter().copied().zip(log.item.iter().copied()).peekable();
        let mut rows = Rows::empty(0);
        let mut pairs = pairs.into_iter().peekable();
        let mut row = Vec::new();
        for user in 0..log.users.len() as u32 {
            row.clear();
            while let Some(pair) = pairs.next_if(|pair| pair.0 == user) {
                while kept.next_if(|kept| *kept < pair).is_some() {}
                if kept.peek() != Some(&pair) {
                    row.push(pair.1);
                }
            }
            rows.push(&row);
        }
        rows
    }
}

/// The place of each id in the vocabulary of the kept rows.
fn places(ids: &Interner, kept: &Vocabulary) -> Vec<Option<u32>> {
    (0..ids.len() as u32).map(|number| kept.index(&Id::Text(ids.spelling(number).into()))).collect()
}
