//! The iterated core of a log: users and items that have enough rows.

use crate::config::Filter;
use crate::filter::{Pairs, counts};
use crate::words::counted;

/// The fewest rows of users and of items that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Core {
    pub(crate) users: usize,
    pub(crate) items: usize,
}

impl Core {
    /// What a filter asks for; `None` if it drops nothing.
    pub(crate) fn of(filter: &Filter) -> Option<Self> {
        let users = filter.core.into_iter().chain(filter.user_core).max().unwrap_or(0);
        let items = filter.core.into_iter().chain(filter.item_core).max().unwrap_or(0);
        (users > 1 || items > 1).then_some(Self { users, items })
    }

    /// As a step.
    pub(crate) fn step(self) -> String {
        match (self.users, self.items) {
            (users, items) if users == items => format!("core {users}"),
            (users, 0) => format!("user core {users}"),
            (0, items) => format!("item core {items}"),
            (users, items) => format!("user core {users}, item core {items}"),
        }
    }

    /// This core with at most `most` on either side.
    fn at_most(self, most: usize) -> Self {
        Self { users: self.users.min(most), items: self.items.min(most) }
    }

    /// The settings that ask for it.
    fn typed(self) -> String {
        match (self.users, self.items) {
            (users, items) if users == items => format!("`--core {users}` (data.filter.core)"),
            (users, 0) => format!("`user_core = {users}` (data.filter.user_core)"),
            (0, items) => format!("`item_core = {items}` (data.filter.item_core)"),
            (users, items) => {
                format!(
                    "`user_core = {users}` and `item_core = {items}` (data.filter.user_core, data.filter.item_core)"
                )
            }
        }
    }
}

impl Pairs {
    /// Drops users and items with fewer rows than `core` says until all that are left have as many, and gives the number of
    /// rows that are left. Where that is 0 all rows stay, in another order.
    pub(crate) fn core(&mut self, users: usize, items: usize, core: Core) -> usize {
        let left = self.core_first(users, items, core);
        if left > 0 {
            self.user.truncate(left);
            self.item.truncate(left);
            self.time.iter_mut().for_each(|time| time.truncate(left));
            self.part.iter_mut().for_each(|part| part.truncate(left));
        }
        left
    }

    /// Puts the rows of the core first, in their order, and gives their number.
    fn core_first(&mut self, users: usize, items: usize, core: Core) -> usize {
        let mut left = self.len();
        loop {
            let user_counts = counts(&self.user[..left], users);
            let item_counts = counts(&self.item[..left], items);
            let mut kept = 0;
            for row in 0..left {
                if user_counts[self.user[row] as usize] as usize >= core.users
                    && item_counts[self.item[row] as usize] as usize >= core.items
                {
                    self.user.swap(row, kept);
                    self.item.swap(row, kept);
                    self.time.iter_mut().for_each(|time| time.swap(row, kept));
                    self.part.iter_mut().for_each(|part| part.swap(row, kept));
                    kept += 1;
                }
            }
            if kept == left {
                return left;
            }
            left = kept;
        }
    }

    /// What to ask for in place of a core that leaves nothing.
    pub(crate) fn instead_of(&mut self, users: usize, items: usize, core: Core) -> String {
        // With 1 all rows are left, and with as many as were asked for none.
        let (mut works, mut fails) = (1, core.users.max(core.items));
        while fails - works > 1 {
            let most = works + (fails - works) / 2;
            if self.core_first(users, items, core.at_most(most)) > 0 {
                works = most;
            } else {
                fails = most;
            }
        }
        if works == 1 {
            return "any above 1 leaves nothing; leave the core out".to_owned();
        }
        let core = core.at_most(works);
        let left = self.core_first(users, items, core);
        let present = |of: &[u32]| counts(of, users).iter().filter(|rows| **rows > 0).count();
        let [of_all, of_left] = [present(&self.user), present(&self.user[..left])];
        format!(
            "the largest that leaves something is {}, with {left} of {} and {of_left} of {}",
            core.typed(),
            counted(self.len(), "interaction"),
            counted(of_all, "user")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(rows: &[(u32, u32)]) -> Pairs {
        let (user, item) = rows.iter().copied().unzip();
        Pairs { user, item, time: Some((0..rows.len() as i64).collect()), part: None }
    }

    fn both(core: usize) -> Core {
        Core { users: core, items: core }
    }

    #[test]
    fn the_core_is_iterated_until_nothing_changes() {
        // Item 2 has one user; without it user 2 has one item; without him item 1 still has two users.
        let mut log = pairs(&[(2, 1), (0, 0), (0, 1), (2, 2), (1, 0), (1, 1)]);
        assert_eq!(log.core(3, 3, both(2)), 4);
        assert_eq!((log.user, log.item), (vec![0, 0, 1, 1], vec![0, 1, 0, 1]));
        assert_eq!(log.time, Some(vec![1, 2, 4, 5]));
    }

    #[test]
    fn the_largest_core_is_proposed_where_one_leaves_nothing() {
        // Four users with the same four items, and one with an item of his own.
        let mut rows: Vec<(u32, u32)> = (0..4).flat_map(|user| (0..4).map(move |item| (user, item))).collect();
        rows.push((4, 4));
        let message = |core: Core| {
            let mut log = pairs(&rows);
            assert_eq!((log.core(5, 5, core), log.len()), (0, rows.len()));
            log.instead_of(5, 5, core)
        };
        assert_eq!(
            message(both(50)),
            "the largest that leaves something is `--core 4` (data.filter.core), with 16 of 17 interactions and 4 of 5 \
             users"
        );
        assert!(message(Core { users: 9, items: 0 }).contains("`user_core = 4` (data.filter.user_core)"));
        assert!(message(Core { users: 0, items: 5 }).contains("`item_core = 4` (data.filter.item_core)"));
        assert!(message(Core { users: 3, items: 7 }).contains("`user_core = 3` and `item_core = 4`"));
        let mut alone = pairs(&[(0, 0), (1, 1)]);
        assert_eq!(alone.instead_of(2, 2, both(2)), "any above 1 leaves nothing; leave the core out");
    }
}
