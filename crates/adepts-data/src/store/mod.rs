//! The prepared folder: `interactions.parquet`, `users.parquet`, `items.parquet` and `manifest.json`.
//!
//! | file | columns |
//! |---|---|
//! | `interactions.parquet` | `user`, `item` (positions in the other two files, from 0), `part` (`train`, `validation`, `test`, and `seen`, `seen_validation`, `seen_test` for pairs that a filter dropped and that are not to be recommended, by the part in whose time they lie), ordered by part, user, item |
//! | `users.parquet` | `id`, `learns`, `mainstream`, and `group.NAME` for each column of groups |
//! | `items.parquet` | `id`, `train` (number of training users) |
//!
//! Equal data sets give equal bytes. A folder is written beside its place and put there by one rename; what stood
//! there before stays whole until then. Nothing that is read back is trusted: indices, order, counts and a hash over
//! the content are checked.

mod columns;
mod open;
mod save;

pub use crate::error::FolderError;
pub(crate) use columns::{
    BATCH, batches as parquet_batches, field as parquet_field, id_array, id_type, no_nulls, open as open_parquet,
    push_ids, write as write_parquet,
};
pub(crate) use open::empty_ids;
pub(crate) use save::exchange;

use std::path::Path;

use crate::dataset::HistoryDataset;
use crate::id::Vocabulary;
use crate::rows::Rows;

/// The version of the format that is written, and the latest that is read. From 2 on there can be rows of seen pairs.
pub const FORMAT: u32 = 2;

const MANIFEST: &str = "manifest.json";
const INTERACTIONS: &str = "interactions.parquet";
const USERS: &str = "users.parquet";
const ITEMS: &str = "items.parquet";

/// What the column `part` says, in the order of the rows.
const PARTS: [&str; 6] = ["train", "validation", "test", "seen", "seen_validation", "seen_test"];

/// Before the name of a column of groups in `users.parquet`.
const GROUP: &str = "group.";

/// Whether `path` is a folder that claims to be a prepared one.
#[must_use]
pub fn is_prepared(path: &Path) -> bool {
    path.join(MANIFEST).is_file() && path.join(INTERACTIONS).is_file()
}

impl HistoryDataset {
    /// blake3 over the content: vocabularies, rows, who learns, scores, columns and what was only seen, each after its length.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut hash = blake3::Hasher::new_derive_key("adepts 1 prepared data set");
        for ids in [&self.users, &self.items] {
            length(&mut hash, ids.len());
            match ids {
                Vocabulary::Int(ids) => {
                    hash.update(b"int");
                    numbers(&mut hash, ids.iter().map(|id| id.to_le_bytes()));
                }
                Vocabulary::Text(ids) => {
                    hash.update(b"text");
                    for id in ids {
                        text(&mut hash, id);
                    }
                }
            }
        }
        for rows in [&self.train, &self.validation, &self.test] {
            rows_of(&mut hash, rows);
        }
        length(&mut hash, self.learns.len());
        numbers(&mut hash, self.learns.iter().map(|&learns| [u8::from(learns)]));
        length(&mut hash, self.mainstream.len());
        numbers(&mut hash, self.mainstream.iter().map(|score| score.to_bits().to_le_bytes()));
        length(&mut hash, self.columns.len());
        for column in &self.columns {
            text(&mut hash, &column.name);
            length(&mut hash, column.values.len());
            column.values.iter().for_each(|value| text(&mut hash, value));
            length(&mut hash, column.of_user.len());
            numbers(&mut hash, column.of_user.iter().map(|v| v.map_or(u32::MAX, u32::from).to_le_bytes()));
        }
        // Where nothing was only seen the hash is that of format 1, so that runs on equal data stay comparable.
        if self.seen.pairs() > 0 {
            text(&mut hash, "seen");
            rows_of(&mut hash, &self.seen.train);
            // Most splits do not go by time.
            let later = [("seen_validation", &self.seen.validation), ("seen_test", &self.seen.test)];
            for (name, rows) in later.into_iter().filter(|(_, rows)| rows.pairs() > 0) {
                text(&mut hash, name);
                rows_of(&mut hash, rows);
            }
        }
        hash.finalize().to_hex().to_string()
    }

    /// The parts in the order in which they are stored.
    fn parts(&self) -> [(&'static str, &Rows); PARTS.len()] {
        let [train, validation, test] = self.seen.parts();
        let rows = [&self.train, &self.validation, &self.test, train, validation, test];
        std::array::from_fn(|part| (PARTS[part], rows[part]))
    }
}

fn length(hash: &mut blake3::Hasher, length: usize) {
    hash.update(&(length as u64).to_le_bytes());
}

fn rows_of(hash: &mut blake3::Hasher, rows: &Rows) {
    length(hash, rows.len());
    numbers(hash, rows.starts().iter().map(|&start| (start as u64).to_le_bytes()));
    numbers(hash, rows.items().iter().map(|item| item.to_le_bytes()));
}

fn text(hash: &mut blake3::Hasher, text: &str) {
    length(hash, text.len());
    hash.update(text.as_bytes());
}

/// In pieces of a size that blake3 is fast on.
fn numbers<const N: usize>(hash: &mut blake3::Hasher, numbers: impl Iterator<Item = [u8; N]>) {
    let mut piece = Vec::with_capacity(1 << 16);
    for number in numbers {
        piece.extend_from_slice(&number);
        if piece.len() + N > 1 << 16 {
            hash.update(&piece);
            piece.clear();
        }
    }
    hash.update(&piece);
}
