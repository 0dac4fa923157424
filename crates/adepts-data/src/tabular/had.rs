//! Which items users have in prepared tabular data, for users that a field of the model names.

use super::batch::{Codes, NO_USER, TabularBatch};
use super::manifest::{Coding, PARTS};
use super::set::TabularDataset;
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::interactions::Part;
use crate::rows::Rows;

/// Rows that are read at once.
const BLOCK: usize = 1 << 14;

/// What each user has, by the code of the field that is the column of users.
#[derive(Clone, Debug, PartialEq)]
pub struct Had {
    /// The place of that field among those of the user's side.
    field: usize,
    /// Items of training rows, by code.
    learned: Rows,
    /// Items of all rows, by code, those of rows from which nothing is learned among them.
    seen: Rows,
}

impl TabularDataset {
    /// The ids of the users that the field of users names in training rows; `None` where no field names users by their ids.
    ///
    /// # Errors
    /// If the file of the vocabulary cannot be read or does not hold what it must.
    pub fn user_ids(&self) -> Result<Option<Vocabulary>, DataError> {
        let data = &self.manifest().data;
        let own = data.user.as_ref().and_then(|user| data.fields.iter().position(|field| field.column == *user));
        Ok(own.map(|own| self.vocabulary(own)).transpose()?.flatten().map(|(ids, _)| ids))
    }

    /// What users have in the three parts, and what else they have seen ([`TabularDataset::seen`]). `None` where new rows could not say
    /// whose they are: the rows were not prepared for retrieval, there is no column of users, or it is no field with a vocabulary.
    ///
    /// # Errors
    /// If a file cannot be read or does not hold what it must.
    pub fn had(&self) -> Result<Option<Had>, DataError> {
        let manifest = self.manifest();
        let Some(user) = manifest.data.user.as_ref().filter(|_| self.schema().items.is_some()) else {
            return Ok(None);
        };
        let place = |fields: &[super::FieldConfig]| fields.iter().position(|field| field.column == *user);
        let (Some(own), Some(field)) = (place(&manifest.data.fields), place(&manifest.without_item().data.fields))
        else {
            return Ok(None);
        };
        let column = &manifest.fields[own];
        if column.many || !matches!(column.coding, Coding::Vocabulary { .. }) {
            return Ok(None);
        }
        let mut pairs = Vec::new();
        // The code of each user by number; 0 of those who have none.
        let mut codes_of = vec![0; self.schema().users];
        let mut note = |pairs: &mut Vec<(u32, u32)>, part: Part| -> Result<(), DataError> {
            for block in self.blocks(part, BLOCK)? {
                let block = block?;
                let Codes::One(codes) = &block.fields[own] else { continue };
                let known = codes.iter().zip(&block.item).filter(|(code, _)| **code > 0);
                pairs.extend(known.map(|(code, item)| (*code, *item)));
                let users = block.user.iter().zip(codes).filter(|(user, _)| **user != NO_USER);
                users.for_each(|(user, code)| codes_of[*user as usize] = *code);
            }
            Ok(())
        };
        note(&mut pairs, Part::Train)?;
        let learned = rows(&mut pairs, column.size);
        note(&mut pairs, Part::Validation)?;
        note(&mut pairs, Part::Test)?;
        self.seen(&PARTS, |user, item| match codes_of[user as usize] {
            0 => {}
            code => pairs.push((code, item)),
        })?;
        Ok(Some(Had { field, learned, seen: rows(&mut pairs, column.size) }))
    }
}

/// So many rows of these pairs.
fn rows(pairs: &mut Vec<(u32, u32)>, count: usize) -> Rows {
    pairs.sort_unstable();
    pairs.dedup();
    let mut rows = Rows::empty(0);
    let (mut rest, mut row) = (pairs.as_slice(), Vec::new());
    for code in 0..count as u32 {
        let (of_code, later) = rest.split_at(rest.partition_point(|pair| pair.0 <= code));
        row.clear();
        row.extend(of_code.iter().map(|pair| pair.1));
        rows.push(&row);
        rest = later;
    }
    rows
}

impl Had {
    /// The place of the field that names the user among those of the user's side.
    #[must_use]
    pub fn field(&self) -> usize {
        self.field
    }

    /// The items that the user of a row of the user's side has, ascending: those of all rows of the log, or of training rows alone.
    /// Nobody is known by a value that the vocabulary does not have.
    ///
    /// # Panics
    /// If the row is not one of `users`, or these are of another schema.
    #[must_use]
    pub fn of(&self, users: &TabularBatch, row: usize, learned_alone: bool) -> &[u32] {
        let Codes::One(codes) = &users.fields[self.field] else { return &[] };
        let code = codes[row] as usize;
        match code {
            0 => &[],
            _ if learned_alone => self.learned.row(code),
            _ => self.seen.row(code),
        }
    }
}
