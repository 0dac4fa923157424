//! Columns whose values stand in the names of folders: `day=2024-01-01/part-0.parquet`.

use std::path::{Component, Path};

use super::{At, Cell, Flow, Sink};
use crate::error::DataError;

/// How Hive and Spark call the folder of rows without a value.
const NOTHING: &str = "__HIVE_DEFAULT_PARTITION__";

/// The key and the value that the name of a folder holds; a value may be missing.
pub(super) fn of_folder(path: &Path) -> Option<(String, Option<String>)> {
    let name = path.file_name()?.to_str()?;
    let (key, value) = name.split_once('=')?;
    (!key.is_empty()).then(|| (decoded(key), (value != NOTHING && !value.is_empty()).then(|| decoded(value))))
}

/// The columns that the folders between `base` and a file hold, the outermost first; none if the file is not below `base`.
pub(super) fn of(base: &Path, file: &Path) -> Vec<(String, Option<String>)> {
    let below = file.strip_prefix(base).ok();
    let folders = below.and_then(Path::parent).into_iter().flat_map(Path::components);
    folders
        .filter_map(|part| match part {
            Component::Normal(name) => of_folder(Path::new(name)),
            _ => None,
        })
        .collect()
}

/// Text in which `%3A` and the like stand for bytes.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Where the value of a wanted column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The nth column that is read from the file.
    File(usize),
    /// The nth column that the folders hold.
    Folder(usize),
    /// The nth column that is read from the file, or where a row does not have it the nth that the folders hold.
    Either(usize, usize),
}

/// Puts the values of the folders among those of the rows.
pub(super) struct Joined<'a> {
    pub(super) sink: &'a mut dyn Sink,
    pub(super) plan: &'a [From],
    pub(super) values: &'a [(String, Option<String>)],
}

impl Sink for Joined<'_> {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        let of_folder = |nth: usize| self.values[nth].1.as_deref().map_or(Cell::Missing, Cell::Raw);
        let value = |from: &From| match *from {
            From::Folder(nth) => of_folder(nth),
            From::Either(nth, key) if matches!(cells[nth], Cell::Missing) => of_folder(key),
            From::File(nth) | From::Either(nth, _) => cells[nth],
        };
        let joined: Vec<Cell<'_>> = self.plan.iter().map(value).collect();
        self.sink.row(at, &joined)
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        self.sink.malformed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_columns_and_their_names_are_decoded() {
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(
            of(Path::new("/x"), Path::new("/x/day=2024-01-01/time=12%3A30/part=x.csv")),
            [("day".to_owned(), value("2024-01-01")), ("time".to_owned(), value("12:30"))]
        );
        assert_eq!(of(Path::new(""), Path::new("k=__HIVE_DEFAULT_PARTITION__/a.csv")), [("k".to_owned(), None)]);
        assert_eq!(of(Path::new(""), Path::new("k=a%2/=b/100%/a.csv")), [("k".to_owned(), value("a%2"))]);
        assert_eq!(of(Path::new("/x/k=1"), Path::new("/x/k=1/a.csv")), [], "a folder above the source");
        assert_eq!(decoded("m%C3%BCnchen %ff"), "m%C3%BCnchen %ff", "what is no UTF-8 stays as it is");
    }
}
