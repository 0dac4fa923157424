//! What retrieval is asked: the held-out items of a user in a domain, to be found among all items.

use std::collections::BTreeMap;

use adepts_core::Memory;
use adepts_data::tabular::{NO_USER, Side, TabularBatch, TabularDataset};
use adepts_data::{Part, Rows};
use rayon::slice::ParallelSliceMut as _;

use super::config::Mask;
use super::scored::BLOCK;
use crate::error::Error;

/// The queries of a part, numbered by their first rows.
///
/// Rows of one user in one domain that do not differ in what describes the user are one query, whose items are all to be found; a
/// row whose user is not known is a query of its own. What a user has is held once, however many queries he asks.
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
    /// For each query the row of `train` and `validation` that is its user's; the last one is empty, for users who are not known.
    pub asker: Vec<u32>,
    /// The training items of each user who asks, where these are masked.
    pub train: Rows,
    /// The validation items of each, where these are masked.
    pub validation: Rows,
    /// What each has only seen ([`TabularDataset::seen`]) in rows that belong to the training part, where that is masked. It is never among
    /// what is to be found.
    pub seen_train: Rows,
    /// The same of the validation part. What belongs to the test part is never masked: it happened while test items were to be found.
    pub seen_validation: Rows,
}

/// Queries as their rows are met.
#[derive(Default)]
struct Collecting {
    known: BTreeMap<(u32, u32, [u8; 32]), u32>,
    rows: Vec<u32>,
    domain: Vec<u32>,
    user: Vec<u32>,
    /// The query (above) and the item of each row.
    pairs: Vec<u64>,
}

impl Collecting {
    /// Notes a block of rows, of which `side` are the user's columns and `first` is the place of its first row in the part.
    fn note(&mut self, block: &TabularBatch, side: &TabularBatch, first: usize) {
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
            }
            self.pairs.push(pair(query, block.item[row]));
        }
    }
}

/// The users who ask, numbered by their indices.
struct Askers {
    /// The number of each user of the data, [`NO_USER`] of those who do not ask.
    number: Vec<u32>,
    count: usize,
}

impl Askers {
    /// The users of queries, where the data has so many.
    fn of(user: &[u32], users: usize) -> Self {
        let mut number = vec![NO_USER; users];
        user.iter().filter(|user| **user != NO_USER).for_each(|user| number[*user as usize] = 0);
        let mut count = 0;
        for number in number.iter_mut().filter(|number| **number != NO_USER) {
            *number = count;
            count += 1;
        }
        Self { number, count: count as usize }
    }

    /// For each of these queries its user's number, and that of nobody where none is known.
    fn numbers(&self, user: &[u32], queries: usize) -> Vec<u32> {
        let known = |query: usize| user.get(query).filter(|user| **user != NO_USER);
        let number = |query: usize| known(query).map_or(self.count as u32, |user| self.number[*user as usize]);
        (0..queries).map(number).collect()
    }

    /// What they have only seen in rows of a part, and an empty row for nobody.
    fn seen(&self, data: &TabularDataset, part: Part) -> Result<Rows, Error> {
        let mut pairs = Vec::new();
        data.seen(&[part], |user, item| {
            let asker = self.number[user as usize];
            pairs.extend((asker != NO_USER).then(|| pair(asker, item)));
        })?;
        Ok(rows(pairs, self.count + 1, |_, _| true))
    }

    /// The items that they have in a part, and an empty row for nobody.
    fn items(&self, data: &TabularDataset, part: Part) -> Result<Rows, Error> {
        let mut pairs = Vec::with_capacity(data.rows(part));
        for block in data.blocks(part, BLOCK)? {
            let block = block?;
            let known = block.user.iter().zip(&block.item).filter(|(user, _)| **user != NO_USER);
            let asking = known.map(|(user, item)| (self.number[*user as usize], *item));
            pairs.extend(asking.filter(|(asker, _)| *asker != NO_USER).map(|(asker, item)| pair(asker, item)));
        }
        Ok(rows(pairs, self.count + 1, |_, _| true))
    }
}

/// A row (above) and an item as a number, so that many can be sorted where they are.
fn pair(row: u32, item: u32) -> u64 {
    u64::from(row) << 32 | u64::from(item)
}

/// So many rows of these pairs, but for the items that are not to be kept.
fn rows(mut pairs: Vec<u64>, count: usize, keep: impl Fn(usize, u32) -> bool) -> Rows {
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs.retain(|pair| keep((pair >> 32) as usize, *pair as u32));
    let mut starts = Vec::with_capacity(count + 1);
    starts.push(0);
    let mut end = 0;
    for row in 0..count {
        end += pairs[end..].iter().take_while(|pair| (**pair >> 32) as usize == row).count();
        starts.push(end);
    }
    Rows::from_parts(starts, pairs.into_iter().map(|pair| pair as u32).collect())
}

impl Queries {
    /// The queries of a part.
    pub fn of(data: &TabularDataset, part: Part, mask: Mask) -> Result<Self, Error> {
        let mut met = Collecting { pairs: Vec::with_capacity(data.rows(part)), ..Collecting::default() };
        let mut first = 0;
        for block in data.blocks(part, BLOCK)? {
            let block = block?;
            met.note(&block, &block.side(data.schema(), Side::User), first);
            first += block.rows();
        }
        let Collecting { known, rows: places, domain, user, pairs } = met;
        drop(known);
        let askers = Askers::of(&user, data.schema().users);
        let asker = askers.numbers(&user, places.len());
        let masked = |of: Part, wanted: bool| {
            if !wanted || of == part {
                let nothing = Rows::empty(askers.count + 1);
                return Ok::<_, Error>((nothing.clone(), nothing));
            }
            Ok((askers.items(data, of)?, askers.seen(data, of)?))
        };
        let (train, seen_train) = masked(Part::Train, mask != Mask::None)?;
        let (validation, seen_validation) = masked(Part::Validation, mask == Mask::Known && part == Part::Test)?;
        let open = |query: usize, item: u32| {
            let known = |of: &Rows| of.row(asker[query] as usize).binary_search(&item).is_ok();
            !known(&train) && !known(&validation)
        };
        let relevant = rows(pairs, places.len(), open);
        Ok(Self { rows: places, domain, user, relevant, asker, train, validation, seen_train, seen_validation })
    }

    /// What collecting the queries of a part takes at most: as if each row of the larger part that is held out were one.
    pub(super) fn memory(needed: Memory, data: &TabularDataset, mask: Mask) -> Memory {
        let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(|part| data.rows(part) as u64);
        let users = data.schema().users as u64;
        // With users a query is also an entry of a tree, whose nodes are half full.
        let each = if users > 0 { 150 } else { 60 };
        let needed = needed.bytes("what is to be found", each * validation.max(test));
        let seen = data.manifest().seen.as_ref().map(|note| note.pairs).unwrap_or_default();
        let masked = match mask {
            Mask::None => 0,
            _ if users == 0 => 0,
            Mask::Training => train + seen.train,
            Mask::Known => train + validation + seen.train + seen.validation,
        };
        // Pairs of user and item, and the lists that are made of them.
        needed.bytes("what users have already", 12 * masked + 36 * users)
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

    /// How many pairs the users of these queries have only seen before what is to be found.
    #[must_use]
    pub fn seen(&self, queries: &[u32]) -> usize {
        let mut askers: Vec<u32> = queries.iter().map(|query| self.asker[*query as usize]).collect();
        askers.sort_unstable();
        askers.dedup();
        let of = |rows: &Rows| askers.iter().map(|asker| rows.row(*asker as usize).len()).sum::<usize>();
        of(&self.seen_train) + of(&self.seen_validation)
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

#[cfg(test)]
mod tests {
    use super::*;
    use adepts_data::tabular::Codes;

    fn block(user: &[u32], domain: &[u32], hour: &[u32], item: &[u32]) -> TabularBatch {
        TabularBatch {
            fields: vec![Codes::One(hour.to_vec())],
            domain: domain.to_vec(),
            user: user.to_vec(),
            item: item.to_vec(),
            ..TabularBatch::default()
        }
    }

    fn lists(met: &Collecting) -> Vec<Vec<u32>> {
        rows(met.pairs.clone(), met.rows.len(), |_, _| true).iter().map(<[u32]>::to_vec).collect()
    }

    #[test]
    fn rows_of_a_user_in_a_domain_are_one_query_unless_what_describes_him_differs() {
        let mut met = Collecting::default();
        let first = block(&[7, 8, 7, 7], &[0, 0, 0, 1], &[3, 3, 3, 3], &[10, 11, 12, 13]);
        met.note(&first, &first, 0);
        let second = block(&[7, 7], &[0, 0], &[3, 4], &[14, 15]);
        met.note(&second, &second, 4);
        assert_eq!(lists(&met), [vec![10, 12, 14], vec![11], vec![13], vec![15]]);
        assert_eq!((met.rows, met.user, met.domain), (vec![0, 1, 3, 5], vec![7, 8, 7, 7], vec![0, 0, 1, 0]));
    }

    #[test]
    fn without_users_each_row_is_a_query() {
        let mut met = Collecting::default();
        let rows = block(&[], &[0, 0], &[3, 3], &[10, 11]);
        met.note(&rows, &rows, 0);
        assert_eq!(lists(&met), [vec![10], vec![11]]);
        let mut met = Collecting::default();
        let rows = block(&[NO_USER, 7, NO_USER, 7], &[0; 4], &[3; 4], &[10, 11, 12, 13]);
        met.note(&rows, &rows, 0);
        assert_eq!(lists(&met), [vec![10], vec![11, 13], vec![12]]);
    }

    #[test]
    fn those_who_ask_are_numbered_by_their_indices_and_those_who_are_not_known_come_last() {
        let user = [7, NO_USER, 2, 7];
        let askers = Askers::of(&user, 9);
        assert_eq!((askers.count, askers.numbers(&user, 4)), (2, vec![1, 2, 0, 1]));
        let nobody = Askers::of(&[], 0);
        assert_eq!((nobody.count, nobody.numbers(&[], 3)), (0, vec![0; 3]));
    }

    #[test]
    fn rows_of_pairs_are_ascending_and_without_duplicates_and_rows_without_pairs_are_empty() {
        let pairs = [(3, 9), (1, 5), (3, 2), (1, 5), (3, u32::MAX), (1, 4)].map(|(row, item)| pair(row, item));
        let found = rows(pairs.to_vec(), 5, |row, item| (row, item) != (1, 4));
        assert_eq!(found, Rows::from_lists([vec![], vec![5], vec![], vec![2, 9, u32::MAX], vec![]]));
        assert_eq!(rows(Vec::new(), 2, |_, _| true), Rows::empty(2));
    }
}
