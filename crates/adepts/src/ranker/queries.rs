//! What retrieval is asked: the held-out items of a user in a domain, to be found among all items.

use std::collections::BTreeMap;

use adepts_data::examples::{ExampleSet, Examples, NO_USER, Side};
use adepts_data::{Part, Rows};
use serde::{Deserialize, Serialize};

use super::evaluate::BLOCK;
use crate::error::Error;

/// Which items that a user is known to have are kept out of his lists. Without a column of users nobody is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// Those of the training part, and when test items are to be found, those of the validation part.
    #[default]
    Known,
    /// Those of the training part.
    Training,
    /// None.
    None,
}

impl Mask {
    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Training => "training",
            Self::None => "none",
        }
    }
}

/// The queries of a part, numbered by their first rows.
///
/// Rows of one user in one domain that do not differ in what describes the user are one query, whose items are all to be found; a
/// row whose user is not known is a query of its own.
#[derive(Clone, Debug)]
pub struct Queries {
    /// Rows of the part that stand for the queries, ascending.
    pub rows: Vec<u32>,
    /// The domain of each query.
    pub domain: Vec<u32>,
    /// The user of each, [`NO_USER`] where none is known; empty without a column of users.
    pub user: Vec<u32>,
    /// What each should find: its items but for those that are masked.
    pub relevant: Rows,
    /// The user's training items, where these are masked.
    pub train: Rows,
    /// The user's validation items, where these are masked.
    pub validation: Rows,
}

/// Queries as their rows are met.
#[derive(Default)]
struct Collecting {
    known: BTreeMap<(u32, u32, [u8; 32]), u32>,
    rows: Vec<u32>,
    domain: Vec<u32>,
    user: Vec<u32>,
    items: Vec<Vec<u32>>,
}

impl Collecting {
    /// Notes a block of rows, of which `side` are the user's columns and `first` is the place of its first row in the part.
    fn note(&mut self, block: &Examples, side: &Examples, first: usize) {
        for row in 0..block.rows() {
            let next = self.rows.len() as u32;
            let query = match block.user.get(row).filter(|user| **user != NO_USER) {
                None => next,
                Some(user) => {
                    let spelled = blake3::hash(&side.spelled(row));
                    *self.known.entry((*user, block.domain[row], *spelled.as_bytes())).or_insert(next)
                }
            };
            if query == next {
                self.rows.push((first + row) as u32);
                self.domain.push(block.domain[row]);
                self.user.extend(block.user.get(row));
                self.items.push(Vec::new());
            }
            self.items[query as usize].push(block.item[row]);
        }
    }
}

impl Queries {
    /// The queries of a part.
    pub fn of(data: &ExampleSet, part: Part, mask: Mask) -> Result<Self, Error> {
        let mut met = Collecting::default();
        let mut first = 0;
        for block in data.blocks(part, BLOCK)? {
            let block = block?;
            met.note(&block, &block.side(data.schema(), Side::User), first);
            first += block.rows();
        }
        let Collecting { rows, domain, user, mut items, .. } = met;
        let queries = rows.len();
        let masked = |of: Part, wanted: bool| -> Result<Rows, Error> {
            let mut lists = vec![Vec::new(); queries];
            if wanted && of != part && !user.is_empty() {
                let by_user = by_user(&user, data.schema().users);
                for block in data.blocks(of, BLOCK)? {
                    let block = block?;
                    let known = block.user.iter().zip(&block.item).filter(|(user, _)| **user != NO_USER);
                    for (asker, item) in known {
                        by_user.row(*asker as usize).iter().for_each(|&query| lists[query as usize].push(*item));
                    }
                }
            }
            Ok(Rows::from_lists(lists))
        };
        let train = masked(Part::Train, mask != Mask::None)?;
        let validation = masked(Part::Validation, mask == Mask::Known && part == Part::Test)?;
        for (query, items) in items.iter_mut().enumerate() {
            let known = |item: &u32| [&train, &validation].iter().any(|of| of.row(query).binary_search(item).is_ok());
            items.retain(|item| !known(item));
        }
        Ok(Self { rows, domain, user, relevant: Rows::from_lists(items), train, validation })
    }

    /// Number of queries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of users who ask; 0 if users are not known.
    #[must_use]
    pub fn users(&self) -> usize {
        let mut users = self.user.clone();
        users.retain(|user| *user != NO_USER);
        users.sort_unstable();
        users.dedup();
        users.len()
    }

    /// The queries that have something to find, domain by domain.
    #[must_use]
    pub fn judged(&self) -> Vec<u32> {
        let mut judged: Vec<u32> =
            (0..self.len() as u32).filter(|query| !self.relevant.row(*query as usize).is_empty()).collect();
        judged.sort_by_key(|query| self.domain[*query as usize]);
        judged
    }
}

/// The queries of each of so many users.
fn by_user(user: &[u32], users: usize) -> Rows {
    let mut lists = vec![Vec::new(); users];
    let known = user.iter().enumerate().filter(|(_, user)| **user != NO_USER);
    known.for_each(|(query, user)| lists[*user as usize].push(query as u32));
    Rows::from_lists(lists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adepts_data::examples::Codes;

    fn block(user: &[u32], domain: &[u32], hour: &[u32], item: &[u32]) -> Examples {
        Examples {
            fields: vec![Codes::One(hour.to_vec())],
            domain: domain.to_vec(),
            user: user.to_vec(),
            item: item.to_vec(),
            ..Examples::default()
        }
    }

    #[test]
    fn rows_of_a_user_in_a_domain_are_one_query_unless_what_describes_him_differs() {
        let mut met = Collecting::default();
        let first = block(&[7, 8, 7, 7], &[0, 0, 0, 1], &[3, 3, 3, 3], &[10, 11, 12, 13]);
        met.note(&first, &first, 0);
        let second = block(&[7, 7], &[0, 0], &[3, 4], &[14, 15]);
        met.note(&second, &second, 4);
        assert_eq!(met.items, [vec![10, 12, 14], vec![11], vec![13], vec![15]]);
        assert_eq!((met.rows, met.user, met.domain), (vec![0, 1, 3, 5], vec![7, 8, 7, 7], vec![0, 0, 1, 0]));
    }

    #[test]
    fn without_users_each_row_is_a_query() {
        let mut met = Collecting::default();
        let rows = block(&[], &[0, 0], &[3, 3], &[10, 11]);
        met.note(&rows, &rows, 0);
        assert_eq!(met.items, [vec![10], vec![11]]);
        let mut met = Collecting::default();
        let rows = block(&[NO_USER, 7, NO_USER, 7], &[0; 4], &[3; 4], &[10, 11, 12, 13]);
        met.note(&rows, &rows, 0);
        assert_eq!(met.items, [vec![10], vec![11, 13], vec![12]]);
        let of_users = by_user(&met.user, 8);
        assert_eq!((of_users.row(7), of_users.len()), (&[1][..], 8));
    }
}
