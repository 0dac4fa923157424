//! A set of items per user: compressed sparse rows.

/// One ascending, duplicate-free list of item indices per user.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Rows {
    /// `starts[u]..starts[u + 1]` are the positions of user `u` in `items`; `users + 1` entries.
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Rows {
    /// Rows from lists; each is sorted and freed of duplicates.
    #[must_use]
    pub fn from_lists<L: Into<Vec<u32>>>(lists: impl IntoIterator<Item = L>) -> Self {
        let mut rows = Self { starts: vec![0], items: Vec::new() };
        for list in lists {
            let mut list = list.into();
            list.sort_unstable();
            list.dedup();
            rows.push(&list);
        }
        rows
    }

    /// Rows from their raw parts.
    ///
    /// # Panics
    /// If `starts` does not rise from 0 to `items.len()`, or a row is not strictly ascending.
    #[must_use]
    pub fn from_parts(starts: Vec<usize>, items: Vec<u32>) -> Self {
        assert!(
            starts.first() == Some(&0) && starts.last() == Some(&items.len()),
            "rows: starts must rise from 0 to {}",
            items.len()
        );
        assert!(starts.is_sorted(), "rows: starts must not fall");
        let rows = Self { starts, items };
        assert!(
            rows.iter().all(|row| row.is_sorted_by(|a, b| a < b)),
            "rows: items of a row must be strictly ascending"
        );
        rows
    }

    /// `users` rows without items.
    #[must_use]
    pub fn empty(users: usize) -> Self {
        Self { starts: vec![0; users + 1], items: Vec::new() }
    }

    /// Appends a row, strictly ascending.
    ///
    /// # Panics
    /// If the row is not strictly ascending.
    pub fn push(&mut self, row: &[u32]) {
        assert!(row.is_sorted_by(|a, b| a < b), "rows: items of a row must be strictly ascending");
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.items.extend_from_slice(row);
        self.starts.push(self.items.len());
    }

    /// Number of users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// True if there is no user.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items of a user, ascending.
    ///
    /// # Panics
    /// If `user` is not below [`Rows::len`].
    #[must_use]
    pub fn row(&self, user: usize) -> &[u32] {
        &self.items[self.starts[user]..self.starts[user + 1]]
    }

    /// All rows in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> + '_ {
        (0..self.len()).map(|user| self.row(user))
    }

    /// Number of user-item pairs.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.items.len()
    }

    /// The concatenated rows.
    #[must_use]
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// Where each row starts, and the end of the last.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// How many users have each item: `[items]`.
    #[must_use]
    pub fn item_counts(&self, items: usize) -> Vec<u32> {
        let mut counts = vec![0; items];
        for &item in &self.items {
            counts[item as usize] += 1;
        }
        counts
    }
}
