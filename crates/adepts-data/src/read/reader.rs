//! What is kept of each row while a log streams by.

use std::ops::ControlFlow;

use super::Wanted;
use super::seen::Seen;
use crate::config::BadRows;
use crate::error::DataError;
use crate::filter::{Fate, Pairs, Sieve};
use crate::groups::GroupColumn;
use crate::interactions::Part;
use crate::intern::{Interner, Refused};
use crate::place::shortened;
use crate::source::{At, Cell, Flow, Sink};

/// How many of the skipped rows are listed.
const EXAMPLES: usize = 5;

/// Gathers the rows that stay.
pub(super) struct Reader<'a> {
    wanted: &'a Wanted,
    bad_rows: BadRows,
    pub(super) sieve: Sieve,
    pub(super) users: Interner,
    pub(super) items: Interner,
    pub(super) pairs: Pairs,
    /// Pairs that are only seen, where a filter can leave some.
    pub(super) seen: Option<Seen>,
    pub(super) groups: Vec<GroupColumn>,
    /// Rows that could be read.
    pub(super) rows: u64,
    pub(super) skipped_rows: u64,
    pub(super) skipped_examples: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(wanted: &'a Wanted, sieve: Sieve, bad_rows: BadRows) -> Self {
        Self {
            wanted,
            bad_rows,
            seen: sieve.sees().then(|| Seen::new(wanted.time.is_some(), wanted.part.is_some())),
            sieve,
            users: Interner::new(),
            items: Interner::new(),
            pairs: Pairs {
                user: Vec::new(),
                item: Vec::new(),
                time: wanted.time.map(|_| Vec::new()),
                part: wanted.part.map(|_| Vec::new()),
            },
            groups: wanted.groups.iter().map(|&slot| GroupColumn::new(wanted.names[slot].clone())).collect(),
            rows: 0,
            skipped_rows: 0,
            skipped_examples: Vec::new(),
        }
    }

    /// The value of a column as `parse` understands it; `None` if the column is not wanted.
    #[inline]
    fn value<'c, T>(
        &self,
        at: At<'_>,
        cells: &[Cell<'c>],
        slot: Option<usize>,
        expected: &'static str,
        parse: impl FnOnce(&Cell<'c>) -> Option<T>,
    ) -> Result<Option<T>, DataError> {
        let Some(slot) = slot else { return Ok(None) };
        parse(&cells[slot]).map(Some).ok_or_else(|| self.refused(at, slot, cells[slot], expected))
    }

    #[cold]
    fn refused(&self, at: At<'_>, slot: usize, cell: Cell<'_>, expected: &'static str) -> DataError {
        let (place, column) = (at.place(), self.wanted.names[slot].clone());
        if cell.is_missing() {
            return DataError::MissingValue { place, column, expected };
        }
        DataError::BadValue { place, column, value: shortened(&cell.spelling()), expected }
    }

    #[cold]
    fn no_id(&self, at: At<'_>, slot: usize, cell: Cell<'_>, refused: &Refused) -> DataError {
        match refused {
            Refused::Full => {
                DataError::TooMany { what: if slot == 0 { "users" } else { "items" }, limit: u64::from(u32::MAX) }
            }
            refused => self.refused(at, slot, cell, refused.expected()),
        }
    }

    /// Takes a row, or says what is wrong with it.
    #[inline]
    fn take(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Result<(), DataError> {
        let wanted = self.wanted;
        for (slot, &cell) in cells[..2].iter().enumerate() {
            if matches!(cell, Cell::Missing | Cell::Text("")) {
                return Err(self.no_id(at, slot, cell, &Refused::Missing));
            }
        }
        let rating = self.value(at, cells, wanted.rating, "a number", Cell::number)?;
        let time = match wanted.time {
            None => None,
            Some(slot) => {
                let read = wanted.clock.read(&cells[slot]);
                Some(read.map_err(|wrong| self.refused(at, slot, cells[slot], wrong.expected()))?)
            }
        };
        let part = self.value(at, cells, wanted.part, "`train`, `validation` or `test`", part)?;
        let fate = match wanted.event.map(|slot| cells[slot]) {
            None => self.sieve.fate(rating, None, time),
            Some(Cell::Raw(event) | Cell::Text(event)) => self.sieve.fate(rating, Some(event), time),
            Some(Cell::Missing) => self.sieve.fate(rating, Some(""), time),
            Some(other) => self.sieve.fate(rating, Some(&other.spelling()), time),
        };
        if let (Fate::Seen, Some(seen)) = (fate, &mut self.seen) {
            seen.note(cells[0], cells[1], time, part);
        }
        if fate == Fate::Kept {
            let user = self.users.intern(cells[0]).map_err(|e| self.no_id(at, 0, cells[0], &e))?;
            let item = self.items.intern(cells[1]).map_err(|e| self.no_id(at, 1, cells[1], &e))?;
            for (group, &slot) in self.groups.iter_mut().zip(&wanted.groups) {
                group.note(user, cells[slot], at, || self.users.spelling(user))?;
            }
            if self.pairs.len() == u32::MAX as usize {
                return Err(DataError::TooMany { what: "rows", limit: u64::from(u32::MAX) });
            }
            self.pairs.user.push(user);
            self.pairs.item.push(item);
            if let (Some(times), Some(time)) = (&mut self.pairs.time, time) {
                times.push(time);
            }
            if let (Some(parts), Some(part)) = (&mut self.pairs.part, part) {
                parts.push(part);
            }
        }
        self.rows += 1;
        Ok(())
    }
}

impl Sink for Reader<'_> {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        match self.take(at, cells) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // A row can be passed over; a user of two groups cannot.
            Err(e @ (DataError::MissingValue { .. } | DataError::BadValue { .. })) => self.malformed(e),
            Err(e) => Err(e),
        }
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        if self.bad_rows == BadRows::Fail {
            return Err(error);
        }
        self.skipped_rows += 1;
        if self.skipped_examples.len() < EXAMPLES {
            self.skipped_examples.push(error.to_string());
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn part(cell: &Cell<'_>) -> Option<Part> {
    let (Cell::Raw(text) | Cell::Text(text)) = cell else { return None };
    match text.to_ascii_lowercase().as_str() {
        "train" => Some(Part::Train),
        "validation" | "valid" | "val" => Some(Part::Validation),
        "test" => Some(Part::Test),
        _ => None,
    }
}
