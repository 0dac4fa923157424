//! What users have only seen, in tabular data for retrieval: pairs of a user and an item from rows that nothing is learned from. These are
//! rows that are not positive, and held-out rows of domains without training rows.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, StringArray, UInt32Array};
use arrow_schema::{DataType, Schema as ArrowSchema};

use super::batch::{NO_USER, Schema};
use super::manifest::{Counts, PARTS, SEEN, file_name};
use super::part::PartFile;
use super::set::TabularDataset;
use super::write::GROUP;
use crate::error::DataError;
use crate::interactions::Part;
use crate::store::{BATCH, FolderError, no_nulls, open_parquet, parquet_batches, parquet_field, write_parquet};

/// Pairs of a part below which duplicates are not looked for.
const FEW: usize = 1 << 16;

/// What the column `part` says, in the order of [`PARTS`].
const NAMES: [&str; 3] = ["train", "validation", "test"];

/// The columns of the file.
const COLUMNS: [(&str, DataType); 3] =
    [("user", DataType::UInt32), ("item", DataType::UInt32), ("part", DataType::Utf8)];

/// Pairs as they are met, by the part to which their rows would belong.
#[derive(Default)]
pub(super) struct SeenPairs([Vec<u64>; 3]);

impl SeenPairs {
    /// Notes a pair. Each is held once or a few times, however often it is met.
    pub(super) fn push(&mut self, part: Part, user: u32, item: u32) {
        let pairs = &mut self.0[part as usize];
        if pairs.len() == pairs.capacity() && pairs.len() >= FEW {
            tidy(pairs);
            if pairs.len() > pairs.capacity() / 2 {
                pairs.reserve(pairs.capacity());
            }
        }
        pairs.push(pair(user, item));
    }

    /// Writes the pairs that no row of the parts in `dir` has, each in the earliest of its parts, and counts them; `None` where there
    /// are none.
    pub(super) fn write(self, dir: &Path, schema: &Schema, rows: Counts) -> Result<Option<Counts>, DataError> {
        let mut pairs = self.0;
        pairs.iter_mut().for_each(tidy);
        let [train, validation, test] = &mut pairs;
        let lacks = |pairs: &[u64], pair: &u64| pairs.binary_search(pair).is_err();
        validation.retain(|pair| lacks(train, pair));
        test.retain(|pair| lacks(train, pair) && lacks(validation, pair));
        if pairs.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        without_rows(&mut pairs, dir, schema, rows)?;
        let mut counts = Counts::default();
        PARTS.into_iter().zip(&pairs).for_each(|(part, pairs)| counts.add(part, pairs.len() as u64));
        if counts.total() == 0 {
            return Ok(None);
        }
        let arrow = Arc::new(ArrowSchema::new(COLUMNS.map(|(name, kind)| parquet_field(name, kind)).to_vec()));
        let pieces = NAMES.into_iter().zip(&pairs).flat_map(|(part, pairs)| {
            pairs.chunks(BATCH).map(move |piece| {
                let users = UInt32Array::from_iter_values(piece.iter().map(|pair| user(*pair)));
                let items = UInt32Array::from_iter_values(piece.iter().map(|pair| item(*pair)));
                let part = StringArray::from_iter_values(piece.iter().map(|_| part));
                vec![Arc::new(users) as ArrayRef, Arc::new(items), Arc::new(part)]
            })
        });
        let path = dir.join(SEEN);
        let write = || {
            let mut file = File::create_new(&path)?;
            write_parquet(&mut file, &arrow, pieces)?;
            file.sync_all()
        };
        write().map_err(DataError::io("write", &path))?;
        Ok(Some(counts))
    }
}

/// Drops the pairs that a row of the parts has: these count as positive. The parts are read once.
fn without_rows(pairs: &mut [Vec<u64>; 3], dir: &Path, schema: &Schema, rows: Counts) -> Result<(), DataError> {
    let mut kept = pairs.each_ref().map(|pairs| vec![true; pairs.len()]);
    for part in PARTS {
        let file = Arc::new(PartFile::open(&dir.join(file_name(part)), schema, rows.of(part))?);
        for block in file.read((0..file.groups.len()).collect(), GROUP)? {
            let block = block?;
            let known = block.user.iter().zip(&block.item).filter(|(user, _)| **user != NO_USER);
            for (user, item) in known {
                let same = pair(*user, *item);
                for (pairs, kept) in pairs.iter().zip(&mut kept) {
                    if let Ok(at) = pairs.binary_search(&same) {
                        kept[at] = false;
                    }
                }
            }
        }
    }
    for (pairs, kept) in pairs.iter_mut().zip(kept) {
        let mut kept = kept.into_iter();
        pairs.retain(|_| kept.next().unwrap_or_default());
    }
    Ok(())
}

/// A user and an item as a number, so that many can be sorted where they are.
fn pair(user: u32, item: u32) -> u64 {
    u64::from(user) << 32 | u64::from(item)
}

fn user(pair: u64) -> u32 {
    (pair >> 32) as u32
}

fn item(pair: u64) -> u32 {
    pair as u32
}

fn tidy(pairs: &mut Vec<u64>) {
    pairs.sort_unstable();
    pairs.dedup();
}

impl TabularDataset {
    /// Hands over each pair of a user and an item, both by number, that stands in rows from which nothing is learned and that belong
    /// to one of these parts; by part, user and item. No row of any part has such a pair. There are none in folders of versions that
    /// did not keep them.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold what it must.
    pub fn seen(&self, parts: &[Part], mut each: impl FnMut(u32, u32)) -> Result<(), DataError> {
        let Some(note) = &self.manifest().seen else { return Ok(()) };
        let path = self.folder().join(SEEN);
        let limits = [self.schema().users, self.schema().items.as_ref().map_or(0, |items| items.count)];
        let mut batches = parquet_batches(&path, open_parquet(&path)?, &COLUMNS)?;
        let (mut counts, mut row, mut last) = (Counts::default(), 0, None);
        while let Some(batch) = batches.next()? {
            for ((name, _), column) in COLUMNS.iter().zip(batch.columns()) {
                no_nulls(&path, name, column)?;
            }
            let [users, items] = [0, 1].map(|nth| batch.column(nth).as_primitive::<UInt32Type>().values());
            let of = batch.column(2).as_string::<i32>();
            for ((user, item), part) in users.iter().zip(items).zip(of.iter().flatten()) {
                row += 1;
                for ((what, index), limit) in [("user", *user), ("item", *item)].into_iter().zip(limits) {
                    if index as usize >= limit {
                        let (path, index, limit) = (path.clone(), u64::from(index), limit as u64);
                        return Err(FolderError::IndexOutOfRange { path, row, what, index, limit }.into());
                    }
                }
                let nth = NAMES.iter().position(|name| *name == part);
                let next = nth.map(|nth| (nth, pair(*user, *item)));
                if next.is_none() || next <= last {
                    let expected = "pairs by part (train, validation, test), user and item, each once";
                    return Err(FolderError::OutOfOrder { path, row, expected }.into());
                }
                last = next;
                let part = PARTS[nth.unwrap_or_default()];
                counts.add(part, 1);
                if parts.contains(&part) {
                    each(*user, *item);
                }
            }
        }
        if counts != note.pairs {
            let (found, expected) = (counts.total(), note.pairs.total());
            return Err(FolderError::CountMismatch { path, what: "pairs that were only seen", found, expected }.into());
        }
        Ok(())
    }
}
