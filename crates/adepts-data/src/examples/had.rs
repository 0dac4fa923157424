//! Which items users have in prepared examples, for users that a field of the model names.

use super::batch::{Codes, Examples};
use super::manifest::Coding;
use super::set::ExampleSet;
use crate::error::DataError;
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
    /// Items of all rows, by code.
    seen: Rows,
}

impl ExampleSet {
    /// What users have in the three parts. `None` where new rows could not say whose they are: the examples were not prepared for
    /// retrieval, there is no column of users, or it is no field with a vocabulary.
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
        let mut of_parts = |parts: &[Part]| -> Result<Rows, DataError> {
            for part in parts {
                for block in self.blocks(*part, BLOCK)? {
                    let block = block?;
                    if let Codes::One(codes) = &block.fields[own] {
                        let known = codes.iter().zip(&block.item).filter(|(code, _)| **code > 0);
                        pairs.extend(known.map(|(code, item)| (*code, *item)));
                    }
                }
            }
            pairs.sort_unstable();
            pairs.dedup();
            Ok(rows(&pairs, column.size))
        };
        let learned = of_parts(&[Part::Train])?;
        let seen = of_parts(&[Part::Validation, Part::Test])?;
        Ok(Some(Had { field, learned, seen }))
    }
}

/// So many rows of these pairs, which are in order.
fn rows(pairs: &[(u32, u32)], count: usize) -> Rows {
    let mut rows = Rows::empty(0);
    let (mut rest, mut row) = (pairs, Vec::new());
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
    /// The items that the user of a row of the user's side has, ascending: those of all rows, or of training rows alone.
    /// Nobody is known by a value that the vocabulary does not have.
    ///
    /// # Panics
    /// If the row is not one of `users`, or these are of another schema.
    #[must_use]
    pub fn of(&self, users: &Examples, row: usize, learned_alone: bool) -> &[u32] {
        let Codes::One(codes) = &users.fields[self.field] else { return &[] };
        let code = codes[row] as usize;
        match code {
            0 => &[],
            _ if learned_alone => self.learned.row(code),
            _ => self.seen.row(code),
        }
    }
}
