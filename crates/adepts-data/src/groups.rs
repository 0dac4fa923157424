//! Groups of the users' own while rows stream by: one value per user and column.

use std::path::PathBuf;

use crate::error::DataError;
use crate::id::canonical_int;
use crate::interactions::UserColumn;
use crate::intern::Texts;
use crate::place::Place;
use crate::source::{At, Cell};

const NONE: u32 = u32::MAX;

/// A column of groups as it is gathered; users are numbered in order of first appearance.
pub(crate) struct GroupColumn {
    name: String,
    values: Texts,
    of_user: Vec<u32>,
    /// Where each user's value was first met: an index into `files`, and the line or row.
    met: Vec<(u32, u64)>,
    /// The files that values were met in, each where it begins anew, and what their numbers count.
    files: Vec<(PathBuf, &'static str)>,
}

impl GroupColumn {
    pub(crate) fn new(name: String) -> Self {
        Self { name, values: Texts::default(), of_user: Vec::new(), met: Vec::new(), files: Vec::new() }
    }

    /// Notes a user's value; a missing one says nothing.
    pub(crate) fn note(
        &mut self,
        user: u32,
        cell: Cell<'_>,
        at: At<'_>,
        spelling: impl FnOnce() -> String,
    ) -> Result<(), DataError> {
        let user = user as usize;
        if self.of_user.len() <= user {
            self.of_user.resize(user + 1, NONE);
            self.met.resize(user + 1, (0, 0));
        }
        let owned;
        let value = match cell {
            Cell::Missing | Cell::Raw("") | Cell::Text("") => return Ok(()),
            Cell::Raw(text) | Cell::Text(text) => text,
            other => {
                owned = other.spelling();
                &owned
            }
        };
        let had = self.of_user[user];
        if had != NONE && self.values.get(had) == value {
            return Ok(());
        }
        if had != NONE {
            let (file, number) = self.met[user];
            let (path, unit) = self.files[file as usize].clone();
            return Err(DataError::GroupNotConstant {
                places: Box::new([Place { path, unit, number }, at.place()]),
                column: self.name.clone(),
                user: spelling(),
                first: self.values.get(had).to_owned(),
                second: value.to_owned(),
            });
        }
        let too_many = || DataError::TooManyGroups { column: self.name.clone(), limit: usize::from(u16::MAX) };
        let index = self.values.intern(value).filter(|&i| i < u32::from(u16::MAX)).ok_or_else(too_many)?;
        self.of_user[user] = index;
        if self.files.last().is_none_or(|(path, _)| path != at.path) {
            self.files.push((at.path.to_path_buf(), at.unit));
        }
        self.met[user] = (self.files.len() as u32 - 1, at.number);
        Ok(())
    }

    /// The column for the users that are left: for each his number at the time of gathering.
    pub(crate) fn finish(self, users: &[u32]) -> UserColumn {
        let Self { name, values, of_user, .. } = self;
        let value = |&user: &u32| of_user.get(user as usize).copied().filter(|&v| v != NONE);
        let mut used: Vec<u32> = users.iter().filter_map(value).collect();
        used.sort_unstable();
        used.dedup();
        // Numbers ascend as numbers if all are, so that `9` stands before `10`.
        if used.iter().all(|&v| canonical_int(values.get(v)).is_some()) {
            used.sort_by_key(|&v| canonical_int(values.get(v)));
        } else {
            used.sort_by_key(|&v| values.get(v));
        }
        let mut place = vec![0; values.len()];
        for (i, &v) in used.iter().enumerate() {
            place[v as usize] = i as u16;
        }
        UserColumn {
            name,
            of_user: users.iter().map(|u| value(u).map(|v| place[v as usize])).collect(),
            values: used.iter().map(|&v| values.get(v).to_owned()).collect(),
        }
    }
}
