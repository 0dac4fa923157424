//! What users have only seen: pairs that a filter dropped and that are not to be recommended.

use crate::interactions::Part;
use crate::rows::Rows;
use crate::split::Starts;

/// Seen pairs of a log, before it is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLog {
    /// For each user the items.
    pub rows: Rows,
    /// Nanoseconds since 1970 of each pair, at its earliest, if the log has times.
    pub time: Option<Vec<i64>>,
    /// The part of each pair, its earliest, if the split is in the log.
    pub part: Option<Vec<Part>>,
}

/// Seen pairs of a data set, by the part of the split in whose time they lie. What lies in the time of a part is not known
/// to whoever predicts that part.
///
/// Splits that do not go by time have all pairs in the first part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Before the validation part begins.
    pub train: Rows,
    /// From then on, before the test part begins.
    pub validation: Rows,
    /// From then on.
    pub test: Rows,
}

impl SeenLog {
    /// No pairs.
    #[must_use]
    pub fn empty(users: usize) -> Self {
        Self { rows: Rows::empty(users), time: None, part: None }
    }

    /// The pairs by part: the one that the log gives them, or that of their time.
    #[must_use]
    pub fn by_part(&self, starts: &Starts) -> Seen {
        let mut seen = Seen { train: Rows::empty(0), validation: Rows::empty(0), test: Rows::empty(0) };
        let mut at = 0;
        for (user, items) in self.rows.iter().enumerate() {
            let mut row = [const { Vec::new() }; 3];
            for item in items {
                let part = match (&self.part, &self.time) {
                    (Some(parts), _) => parts[at],
                    (None, Some(times)) => starts.part(user, times[at]),
                    (None, None) => Part::Train,
                };
                row[part as usize].push(*item);
                at += 1;
            }
            let [train, validation, test] = row;
            seen.train.push(&train);
            seen.validation.push(&validation);
            seen.test.push(&test);
        }
        seen
    }
}

impl Seen {
    /// No pairs.
    #[must_use]
    pub fn empty(users: usize) -> Self {
        let none = Rows::empty(users);
        Self { train: none.clone(), validation: none.clone(), test: none }
    }

    /// The three parts, the earliest first.
    #[must_use]
    pub fn parts(&self) -> [&Rows; 3] {
        [&self.train, &self.validation, &self.test]
    }

    /// The number of all pairs.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.parts().iter().map(|rows| rows.pairs()).sum()
    }

    /// All items of a user, in no particular order.
    #[must_use]
    pub fn row(&self, user: usize) -> Vec<u32> {
        self.parts().map(|rows| rows.row(user)).concat()
    }
}
