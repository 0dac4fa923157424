//! What users have seen beyond what a run knows: pairs of a user and an item from a file.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use adepts_data::source::{At, Cell, Flow, Role, Sink, Source, usual_column};
use adepts_data::{DataError, Encoding, Id, Place, Progress, Vocabulary, counted};

use crate::answer::Unknown;

/// Items of the catalogue by user, whether the run knows the user or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenPairs {
    /// By the spelling of the user's id, ascending, each once; none for who has unknown items alone.
    items: BTreeMap<Box<str>, Vec<u32>>,
    pairs: u64,
    unknown: Unknown,
}

/// Why pairs could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeenError {
    /// The file, or a row of it.
    #[error(transparent)]
    Data(#[from] DataError),
    /// It does not say which column is what.
    #[error(
        "{source_name}: which column holds the users and which the items? There are {}; call them `user` and `item`, or give a \
         file of two columns without a header, users first",
        columns.join(", ")
    )]
    Columns {
        /// The file.
        source_name: String,
        /// Its columns.
        columns: Vec<String>,
    },
}

impl SeenPairs {
    /// Reads the pairs of a file, a glob or a folder of files (CSV, JSON lines, Parquet): a column of users and one of items, as
    /// they are usually called, or the only two of a file without a header. Text is in `encoding`. Items that `catalogue` does not
    /// have are counted; they are never recommended.
    pub fn read(
        source: &str,
        encoding: Encoding,
        catalogue: &Vocabulary,
        progress: Progress<'_>,
    ) -> Result<Self, SeenError> {
        let file = Source::guess(source, encoding, Vec::new(), "")?;
        let columns = file.columns();
        let (user, item) = match (usual_column(Role::User, columns), usual_column(Role::Item, columns)) {
            (Some(user), Some(item)) if user != item => (user, item),
            // Without a header columns are called by their positions.
            (None, None) if columns == ["1", "2"] => (0, 1),
            _ => return Err(SeenError::Columns { source_name: source.to_owned(), columns: columns.to_vec() }),
        };
        let names = [columns[user].clone(), columns[item].clone()];
        let mut rows = Rows { catalogue, names, seen: Self::default() };
        file.read(&[user, item], &mut rows, progress)?;
        let mut seen = rows.seen;
        for items in seen.items.values_mut() {
            items.sort_unstable();
            items.dedup();
        }
        Ok(seen)
    }

    /// The items of a user, ascending.
    #[must_use]
    pub fn of(&self, user: &Id) -> &[u32] {
        self.items.get(user.to_string().as_str()).map_or(&[], Vec::as_slice)
    }

    /// Rows that were read.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Users with a known item.
    #[must_use]
    pub fn users(&self) -> usize {
        self.items.values().filter(|items| !items.is_empty()).count()
    }

    /// Items that the catalogue does not have.
    #[must_use]
    pub fn unknown(&self) -> &Unknown {
        &self.unknown
    }

    /// Users of the file who are not among `users`, ascending by the spelling of their ids.
    #[must_use]
    pub fn unknown_users(&self, users: &Vocabulary) -> Unknown {
        let mut unknown = Unknown::default();
        let ids = self.items.keys().map(|user| Id::Text(user.clone()));
        ids.filter(|id| users.index(id).is_none()).for_each(|id| unknown.note(&id));
        unknown
    }

    /// What was read, in words, with what is unknown; `users` are those of the run, if it has their ids.
    #[must_use]
    pub fn summary(&self, users: Option<&Vocabulary>) -> String {
        // Repeated rows and those of unknown items are no pairs.
        let pairs: usize = self.items.values().map(Vec::len).sum();
        let mut text = format!("{} seen by {}", counted(pairs, "more pair"), counted(self.users(), "user"));
        let unknown_users = users.map(|users| self.unknown_users(users)).unwrap_or_default();
        for (unknown, what) in [(&unknown_users, "unknown user"), (&self.unknown, "unknown item")] {
            if !unknown.is_empty() {
                text = format!("{text}; {}", unknown.named(what));
            }
        }
        text
    }

    /// Hash over users and items, equal for equal pairs in any order.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = blake3::Hasher::new();
        for (user, items) in self.items.iter().filter(|(_, items)| !items.is_empty()) {
            hash.update(&(user.len() as u64).to_le_bytes()).update(user.as_bytes());
            hash.update(&(items.len() as u64).to_le_bytes());
            for item in items {
                hash.update(&item.to_le_bytes());
            }
        }
        hash.finalize().to_hex().to_string()
    }
}

struct Rows<'a> {
    catalogue: &'a Vocabulary,
    names: [String; 2],
    seen: SeenPairs,
}

impl Sink for Rows<'_> {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        let mut ids = Vec::with_capacity(2);
        for (cell, column) in cells.iter().zip(&self.names) {
            ids.push(Id::of_cell(*cell, at, column)?.ok_or_else(|| missing(at.place(), column))?);
        }
        self.seen.pairs += 1;
        let item = self.catalogue.index(&ids[1]);
        if item.is_none() {
            self.seen.unknown.note(&ids[1]);
        }
        let user = ids[0].to_string();
        match self.seen.items.get_mut(user.as_str()) {
            Some(items) => items.extend(item),
            None => drop(self.seen.items.insert(user.into(), item.into_iter().collect())),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        Err(error)
    }
}

fn missing(place: Place, column: &str) -> DataError {
    DataError::MissingValue { place, column: column.to_owned(), expected: "an id: a whole number or text" }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(name: &str, text: &str) -> Result<SeenPairs, SeenError> {
        encoded(name, text.as_bytes(), Encoding::Auto)
    }

    fn encoded(name: &str, bytes: &[u8], encoding: Encoding) -> Result<SeenPairs, SeenError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        adepts_data::write_atomically(&path, |out| out.write_all(bytes)).unwrap();
        let catalogue = Vocabulary::Int(vec![3, 5, 8]);
        SeenPairs::read(&path.display().to_string(), encoding, &catalogue, &mut adepts_data::progress::silent)
    }

    #[test]
    fn pairs_are_read_from_any_table_and_unknown_items_are_counted() {
        let seen = read("a.csv", "user,item\nann,8\nann,3\nann,8\nbob,9\n7,5\n").unwrap();
        assert_eq!((seen.of(&Id::Text("ann".into())), seen.of(&Id::Int(7))), (&[0, 2][..], &[1][..]));
        assert_eq!((seen.of(&Id::Text("bob".into())).len(), seen.pairs(), seen.users()), (0, 5, 2));
        assert_eq!((seen.unknown().count, &*seen.unknown().ids), (1, &[Id::Text("9".into())][..]));
        let lines = "{\"item\": 5, \"user\": 7}\n{\"item\": 3, \"user\": \"ann\"}\n{\"user\": \"ann\", \"item\": 8}\n";
        assert_eq!(read("a.jsonl", lines).unwrap().hash(), seen.hash());
        let exact = read("a.jsonl", "{\"user\": 9007199254740993.00, \"item\": 5.0}\n").unwrap();
        assert_eq!(exact.of(&Id::Int(9_007_199_254_740_993)), &[1]);
        let truth = read("a.jsonl", "{\"user\": 1, \"item\": 5}\n{\"user\": true, \"item\": 5}\n").unwrap_err();
        assert!(truth.to_string().contains("line 2, column `user`"), "{truth}");
        let plain = read("a.csv", "7;5\n4;3\n").unwrap();
        assert_eq!(plain.hash(), read("a.csv", "item,user\n3,4\n5,7\n").unwrap().hash());
        assert_ne!(plain.hash(), read("a.csv", "7;5\n4;8\n").unwrap().hash());
    }

    #[test]
    fn unknown_users_are_counted_once_each_and_text_may_have_another_encoding() {
        let seen = read("a.csv", "user,item\n7,8\nbob,3\nbob,5\nann,8\ncat,9\n").unwrap();
        let users = Vocabulary::Text(vec!["7".into(), "bob".into()]);
        assert_eq!(
            seen.unknown_users(&users),
            Unknown { count: 2, ids: ["ann", "cat"].map(|id| Id::Text(id.into())).into() }
        );
        let told = seen.summary(Some(&users));
        assert_eq!(told, "4 more pairs seen by 3 users; 2 unknown users (`ann`, `cat`); 1 unknown item (`9`)");
        assert_eq!(seen.summary(None), "4 more pairs seen by 3 users; 1 unknown item (`9`)");
        let bytes = b"user,item\nJos\xe9,8\n";
        let refused = encoded("a.csv", bytes, Encoding::Auto).unwrap_err().to_string();
        assert!(refused.contains("`--encoding latin1`"), "{refused}");
        assert_eq!(encoded("a.csv", bytes, Encoding::Latin1).unwrap().of(&Id::Text("José".into())), [2]);
    }

    #[test]
    fn a_table_that_does_not_say_which_column_is_what_is_refused() {
        assert!(
            matches!(read("a.csv", "a,b,c\nx,1,2\n"), Err(SeenError::Columns { columns, .. }) if columns.len() == 3)
        );
        assert_eq!(read("a.csv", "x,3\ny,5\n").unwrap().pairs(), 2);
        assert!(matches!(read("a.csv", "user,item\nx,\n"), Err(SeenError::Data(DataError::MissingValue { .. }))));
    }
}
