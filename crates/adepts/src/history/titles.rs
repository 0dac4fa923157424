//! Titles of items: read from a table of items, kept in a run, and given back with answers.

use std::ops::ControlFlow;
use std::path::Path;

use adepts_data::source::{At, Cell, Flow, Role, Sink, Source, usual_column};
use adepts_data::{BadRows, Column, DataError, Encoding, Id, Progress, Titles, Vocabulary};

use super::answers::{self, ITEMS, TITLES};
use super::run;
use crate::error::{Error, RunError};
use crate::files::{MANIFEST, checked, hash, write_json, write_marked};
use crate::folder::{lock_run, remove};

/// Where titles are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TitleFile {
    /// A table of items: a file, a glob or a folder of files (CSV, JSON lines, Parquet).
    pub source: String,
    /// The column of the item's id; by default the one that is usually called so.
    pub item: Option<String>,
    /// The column of the title; by default `title` or `name`.
    pub title: Option<String>,
    /// The encoding of text files.
    pub encoding: Encoding,
    /// What happens to rows that cannot be read.
    pub bad_rows: BadRows,
}

impl TitleFile {
    /// A table whose columns have usual names, and in which no row may be bad.
    #[must_use]
    pub fn new(source: impl Into<String>) -> Self {
        let (item, title) = (None, None);
        Self { source: source.into(), item, title, encoding: Encoding::Auto, bad_rows: BadRows::Fail }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Items of the run.
    pub items: usize,
    /// Those of them that have a title now.
    pub titled: usize,
    /// The first item that has none.
    pub untitled: Option<Id>,
    /// Rows of the table that are about items the run does not have.
    pub others: u64,
    /// The first such item.
    pub other: Option<Id>,
    /// Rows that could not be read and were skipped.
    pub skipped: u64,
    /// The first of them, as a message.
    pub first_skipped: Option<String>,
}

/// The longest title that is kept, in bytes.
const LONGEST: usize = 1000;

/// Gives the items of a finished run their titles; those that it had are replaced.
pub fn attach(folder: &Path, file: &TitleFile, progress: Progress<'_>) -> Result<Attached, Error> {
    let _lock = lock_run(folder)?;
    let mut manifest = run::manifest(folder)?;
    if manifest.format < 2 {
        answers::upgrade(folder, &mut manifest)?;
    }
    let items = checked(folder, &manifest.files, ITEMS)?.into();
    let catalogue = adepts_data::Catalogue::from_bytes(&folder.join(ITEMS), items, manifest.items)?;
    let Found { titles, others, other, skipped, first_skipped, .. } = find(&catalogue.ids, file, progress)?;
    let untitled = titles.iter().position(Option::is_none).map(|item| catalogue.ids.id(item as u32));
    let titles = Titles::new(&titles);
    let attached =
        Attached { items: manifest.items, titled: titles.known(), untitled, others, other, skipped, first_skipped };
    if attached.titled == 0 {
        let (source, example) = (&file.source, catalogue.ids.id(0));
        return Err(Error::Request(format!(
            "{source} has no title for any of the {} items of the run (one is `{example}`); nothing was changed",
            attached.items
        )));
    }
    let io = |source| RunError::Io { action: "write", path: folder.join(TITLES), source };
    let bytes = titles.to_bytes().map_err(io)?;
    let name = format!("{TITLES}{}.parquet", &hash(&bytes)[..16]);
    let mark = write_marked(&folder.join(&name), &bytes)?;
    let old: Vec<String> = manifest.files.keys().filter(|old| old.starts_with(TITLES)).cloned().collect();
    for old in &old {
        manifest.files.remove(old);
    }
    manifest.files.insert(name.clone(), mark);
    write_json(&folder.join(MANIFEST), &manifest)?;
    old.iter().filter(|old| **old != name).try_for_each(|old| remove(&folder.join(old)))?;
    Ok(attached)
}

/// The titles of these items, and the rows about others. An item that stands twice has the first title.
fn find<'a>(items: &'a Vocabulary, file: &TitleFile, progress: Progress<'_>) -> Result<Found<'a>, Error> {
    let given = [&file.item, &file.title].into_iter().flatten().map(|name| Column::Name(name.clone())).collect();
    let source = Source::guess(&file.source, file.encoding, given, "")?.with_all_keys()?;
    let named = |name: &String| source.find(&Column::Name(name.clone()));
    let usual = || usual_column(Role::Item, source.columns()).or_else(|| any_of(&source, &["id"]));
    let missing = |what: &str| {
        let columns = source.columns().join(", ");
        Error::Request(format!("{}: which column holds the {what}? There are {columns}", file.source))
    };
    let item = match &file.item {
        Some(name) => named(name)?,
        None => usual().ok_or_else(|| missing("id of the item (--item COLUMN)"))?,
    };
    let title = match &file.title {
        Some(name) => named(name)?,
        None => any_of(&source, &["title", "name"]).ok_or_else(|| missing("title (--title COLUMN)"))?,
    };
    let mut found = Found {
        items,
        column: source.columns()[item].clone(),
        titles: vec![None; items.len()],
        others: 0,
        other: None,
        skipped: 0,
        first_skipped: None,
        bad_rows: file.bad_rows,
    };
    source.read(&[item, title], &mut found, progress)?;
    Ok(found)
}

/// The first column whose name is, or ends with, one of these words.
fn any_of(source: &Source, words: &[&str]) -> Option<usize> {
    let names: Vec<String> = source.columns().iter().map(|name| name.to_lowercase()).collect();
    let is = |word: &&str| names.iter().position(|name| name == word);
    let ends = |word: &&str| names.iter().position(|name| name.ends_with(&format!("_{word}")));
    words.iter().find_map(is).or_else(|| words.iter().find_map(ends))
}

struct Found<'a> {
    items: &'a Vocabulary,
    /// The name of the column of ids.
    column: String,
    titles: Vec<Option<String>>,
    others: u64,
    other: Option<Id>,
    skipped: u64,
    first_skipped: Option<String>,
    bad_rows: BadRows,
}

impl Sink for Found<'_> {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        let id = match Id::of_cell(cells[0], at, &self.column) {
            Ok(Some(id)) => id,
            Ok(None) => {
                let (place, column) = (at.place(), self.column.clone());
                return self.malformed(DataError::MissingValue { place, column, expected: "the id of an item" });
            }
            Err(error) => return self.malformed(error),
        };
        let title = cells[1].spelling();
        match self.items.index(&id) {
            None => {
                self.others += 1;
                self.other.get_or_insert(id);
            }
            Some(item) => {
                let place = &mut self.titles[item as usize];
                if place.is_none() && !title.trim().is_empty() {
                    *place = Some(shortened(title.trim()).to_owned());
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        if self.bad_rows == BadRows::Fail {
            return Err(error);
        }
        self.skipped += 1;
        self.first_skipped.get_or_insert_with(|| error.to_string());
        Ok(ControlFlow::Continue(()))
    }
}

fn shortened(title: &str) -> &str {
    let mut end = title.len().min(LONGEST);
    while !title.is_char_boundary(end) {
        end -= 1;
    }
    &title[..end]
}
