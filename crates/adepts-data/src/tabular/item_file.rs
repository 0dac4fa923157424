//! A catalogue in a file of its own, a row an item. It is read before the log and kept as it stands, and the rows of the log get
//! from it what describes their items.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::config::{TabularConfig, shown};
use super::item::ItemConfig;
use super::raw_files::RawFiles;
use super::skipped::Skipped;
use super::values::{CATEGORY, FINITE, category, number, unfit};
use super::vocabulary::{Lookup, refused};
use crate::config::{BadRows, Column};
use crate::error::DataError;
use crate::error::TabularError;
use crate::id::Vocabulary;
use crate::intern::{Interner, Texts};
use crate::place::Place;
use crate::progress::Progress;
use crate::source::{At, Cell, Flow, Number, Sink, Source};
use crate::time::Stamp;

/// The items of a file with what describes them; they are numbered by their ids, ascending.
pub(super) struct ItemFile {
    origin: String,
    ids: Vocabulary,
    lookup: Lookup,
    /// For each item its row.
    row: Vec<u32>,
    rows: Kept,
    /// For each categorical field of the configuration who it describes.
    fields: Vec<Of>,
    /// For each dense field whether it describes the item.
    dense: Vec<bool>,
    /// Rows that could not be read.
    pub(super) skipped: Skipped,
}

/// Where the value of a categorical field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Log,
    Id,
    Item,
}

/// Cells in little memory: each text stands once, whichever rows have it.
#[derive(Default)]
struct Kept {
    /// `[rows, fields of items]`.
    cells: Vec<KeptCell>,
    /// `[rows, dense fields of items]`.
    dense: Vec<Option<f64>>,
    texts: Texts,
    lists: Vec<KeptCell>,
}

#[derive(Clone, Copy)]
enum KeptCell {
    Missing,
    Raw(u32),
    Text(u32),
    Number(u32),
    Time(Stamp),
    Int(i64),
    Float(f64),
    Bool(bool),
    List { from: u32, to: u32 },
}

impl Kept {
    /// A value to keep; `None` if there are more of them than 32 bits can count.
    fn keep(&mut self, cell: Cell<'_>) -> Option<KeptCell> {
        Some(match cell {
            Cell::Missing => KeptCell::Missing,
            Cell::Raw(text) => KeptCell::Raw(self.texts.intern(text)?),
            Cell::Text(text) => KeptCell::Text(self.texts.intern(text)?),
            Cell::Number(text) => KeptCell::Number(self.texts.intern(text)?),
            Cell::Time(stamp) => KeptCell::Time(stamp),
            Cell::Int(value) => KeptCell::Int(value),
            Cell::Float(value) => KeptCell::Float(value),
            Cell::Bool(value) => KeptCell::Bool(value),
            Cell::List(values) => {
                let values = values.iter().map(|value| self.keep(*value)).collect::<Option<Vec<_>>>()?;
                let from = u32::try_from(self.lists.len()).ok()?;
                self.lists.extend(values);
                KeptCell::List { from, to: u32::try_from(self.lists.len()).ok()? }
            }
        })
    }

    /// A value that is no list.
    fn cell(&self, kept: KeptCell) -> Cell<'_> {
        match kept {
            KeptCell::Missing | KeptCell::List { .. } => Cell::Missing,
            KeptCell::Raw(text) => Cell::Raw(self.texts.get(text)),
            KeptCell::Text(text) => Cell::Text(self.texts.get(text)),
            KeptCell::Number(text) => Cell::Number(self.texts.get(text)),
            KeptCell::Time(stamp) => Cell::Time(stamp),
            KeptCell::Int(value) => Cell::Int(value),
            KeptCell::Float(value) => Cell::Float(value),
            KeptCell::Bool(value) => Cell::Bool(value),
        }
    }

    /// The values of a list; empty for what is none.
    fn list(&self, kept: KeptCell) -> Vec<Cell<'_>> {
        let KeptCell::List { from, to } = kept else { return Vec::new() };
        self.lists[from as usize..to as usize].iter().map(|kept| self.cell(*kept)).collect()
    }
}

impl ItemFile {
    /// Reads the file that a checked configuration names; `None` if it names none.
    pub(super) fn read(config: &TabularConfig, progress: Progress) -> Result<Option<Self>, DataError> {
        let Some(item) = &config.item else { return Ok(None) };
        let Some(origin) = &item.catalogue else { return Ok(None) };
        let of = |column: &Column| match column {
            column if *column == item.column => Of::Id,
            column if item.fields.contains(column) => Of::Item,
            _ => Of::Log,
        };
        let fields: Vec<Of> = config.fields.iter().map(|field| of(&field.column)).collect();
        let dense: Vec<bool> = config.dense.iter().map(|dense| of(&dense.column) == Of::Item).collect();
        let named =
            config.fields.iter().zip(&fields).filter(|(_, of)| **of == Of::Item).map(|(field, _)| &field.column);
        let numbers = config.dense.iter().zip(&dense).filter(|(_, of)| **of).map(|(dense, _)| &dense.column);
        let mut columns = vec![item.column.clone()];
        columns.extend(named.cloned());
        let first_dense = columns.len();
        columns.extend(numbers.cloned());

        let files = RawFiles { encoding: item.encoding, ..RawFiles::new(origin.as_str()) };
        let source = { files }.open(columns.clone(), progress)?;
        let wanted = columns.iter().map(|column| find(&source, item, column)).collect::<Result<Vec<_>, _>>()?;
        let mut reader = Reader {
            names: columns.iter().map(shown).collect(),
            first_dense,
            bad_rows: config.bad_rows,
            ids: Interner::new(),
            lines: Vec::new(),
            files: Vec::new(),
            rows: Kept::default(),
            skipped: Skipped::default(),
        };
        let told = &mut |_: &str, done: u64, total: Option<u64>| progress("items", done, total);
        source.read_with_lists(&wanted, &mut reader, told)?;
        let Reader { ids, rows, skipped, .. } = reader;
        skipped.check(origin, ids.len() as u64)?;
        let (ids, place) = ids.into_sorted();
        let mut row = vec![0; place.len()];
        place.iter().zip(0..).for_each(|(item, number)| row[*item as usize] = number);
        let lookup = Lookup::new(&ids);
        Ok(Some(Self { origin: origin.clone(), ids, lookup, row, rows, fields, dense, skipped }))
    }

    /// The ids of the items, ascending.
    pub(super) fn ids(&self) -> &Vocabulary {
        &self.ids
    }

    /// Whether an item has a list in the field at this place of the configuration.
    pub(super) fn has_lists(&self, field: usize) -> bool {
        let of_items = |fields: &[Of]| fields.iter().filter(|of| **of == Of::Item).count();
        let (before, width) = (of_items(&self.fields[..field]), of_items(&self.fields));
        let mut rows = self.rows.cells.chunks(width.max(1));
        self.fields[field] == Of::Item && rows.any(|cells| matches!(cells[before], KeptCell::List { .. }))
    }

    /// The number of an item that a row of the log has.
    pub(super) fn find(&self, at: At<'_>, id: Cell<'_>) -> Result<u32, DataError> {
        self.lookup.index(id).ok_or_else(|| not_there(at, id, &self.origin, self.same_number(id)))
    }

    /// An id of the catalogue that is the same number and written otherwise.
    #[cold]
    fn same_number(&self, id: Cell<'_>) -> Option<String> {
        let text = id.spelling();
        let Some(Number::Int(number)) = Cell::of_number(&text).whole() else { return None };
        let zeros = (2..=12).map(|width| format!("{number:0width$}"));
        let spelled = [number.to_string(), format!("{number}.0")].into_iter().chain(zeros);
        let other = |other: &String| *other != text && self.lookup.index(Cell::Text(other)).is_some();
        { spelled }.find(other)
    }

    /// Hands over a row in which what describes the item is that of an item: its id, and the fields and dense fields in the order of the
    /// configuration, the others of which are those of the log, `fields` and `dense`, or missing.
    pub(super) fn join<T>(
        &self,
        item: u32,
        fields: &[Cell<'_>],
        dense: &[Option<f64>],
        take: impl FnOnce(Cell<'_>, &[Cell<'_>], &[Option<f64>]) -> T,
    ) -> T {
        let row = self.row[item as usize] as usize;
        let id = match &self.ids {
            Vocabulary::Int(ids) => Cell::Int(ids[item as usize]),
            Vocabulary::Text(ids) => Cell::Text(&ids[item as usize]),
        };
        let width = self.fields.iter().filter(|of| **of == Of::Item).count();
        let kept = &self.rows.cells[row * width..][..width];
        let lists: Vec<Vec<Cell<'_>>> = kept.iter().map(|kept| self.rows.list(*kept)).collect();
        let mut of_item = kept.iter().zip(&lists).map(|(kept, list)| match kept {
            KeptCell::List { .. } => Cell::List(list),
            kept => self.rows.cell(*kept),
        });
        let mut of_log = fields.iter().copied();
        let fields: Vec<Cell<'_>> = self
            .fields
            .iter()
            .map(|of| match of {
                Of::Log => of_log.next().unwrap_or(Cell::Missing),
                Of::Id => id,
                Of::Item => of_item.next().unwrap_or(Cell::Missing),
            })
            .collect();
        let width = self.dense.iter().filter(|of_item| **of_item).count();
        let mut of_item = self.rows.dense[row * width..][..width].iter().copied();
        let mut of_log = dense.iter().copied();
        let next = |from_item: &bool| if *from_item { of_item.next().flatten() } else { of_log.next().flatten() };
        let dense: Vec<Option<f64>> = self.dense.iter().map(next).collect();
        take(id, &fields, &dense)
    }
}

/// A row of the log whose item the catalogue does not have.
pub(super) fn not_there(at: At<'_>, id: Cell<'_>, catalogue: &str, other: Option<String>) -> DataError {
    let (place, item, catalogue) = (Box::new(at.place()), id.spelling(), catalogue.to_owned());
    TabularError::NotInCatalogue { place, item, catalogue, other }.into()
}

/// The position of a column of the file.
fn find(source: &Source, item: &ItemConfig, column: &Column) -> Result<usize, DataError> {
    source.find(column).map_err(|error| match error {
        DataError::UnknownColumn { path, hint, columns, .. } if *column == item.column => {
            TabularError::NoIdInCatalogue { path, column: shown(column), hint, columns }.into()
        }
        error => error,
    })
}

struct Reader {
    names: Vec<String>,
    /// The first column of a dense field.
    first_dense: usize,
    bad_rows: BadRows,
    ids: Interner,
    /// Where each item stands.
    lines: Vec<(&'static str, u64)>,
    /// The files that were read so far, each with its first item.
    files: Vec<(usize, PathBuf)>,
    rows: Kept,
    skipped: Skipped,
}

impl Reader {
    /// Where an item stands that was read.
    fn place(&self, item: u32) -> Place {
        let (unit, number) = self.lines[item as usize];
        let file = self.files.partition_point(|(first, _)| *first <= item as usize).saturating_sub(1);
        Place { path: self.files.get(file).map(|(_, path)| path.clone()).unwrap_or_default(), unit, number }
    }

    fn item(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Result<(), DataError> {
        let bad = |column: usize, expected| unfit(at, &self.names[column], cells[column], expected);
        let id = match category(cells[0]) {
            Ok(Some(id)) if !matches!(id, Cell::List(_)) => id,
            _ => return Err(bad(0, CATEGORY)),
        };
        let mut numbers = Vec::with_capacity(cells.len() - self.first_dense);
        for (column, cell) in cells.iter().enumerate().skip(1) {
            if column < self.first_dense {
                category(*cell).map_err(|()| bad(column, CATEGORY))?;
            } else {
                numbers.push(number(*cell).map_err(|()| bad(column, FINITE))?);
            }
        }
        // What cannot be read of a row is found before its id counts as there.
        let known = self.ids.len();
        let item = self.ids.intern(id).map_err(|why| refused(&why, at, &self.names[0], id))?;
        if (item as usize) < known {
            let (place, first) = (Box::new(at.place()), Box::new(self.place(item)));
            return Err(TabularError::ItemTwice { place, item: id.spelling(), first }.into());
        }
        if self.files.last().is_none_or(|(_, path)| path != at.path) {
            self.files.push((known, at.path.to_owned()));
        }
        self.lines.push((at.unit, at.number));
        for cell in &cells[1..self.first_dense] {
            let kept = self.rows.keep(*cell);
            let limit = u64::from(u32::MAX);
            self.rows.cells.push(kept.ok_or(DataError::TooMany { what: "values of items", limit })?);
        }
        self.rows.dense.extend(numbers);
        Ok(())
    }
}

impl Sink for Reader {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        match self.item(at, cells) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // Which of its rows describes the item nobody could say.
            Err(error @ DataError::Tabular(TabularError::ItemTwice { .. })) => Err(error),
            Err(error) => self.malformed(error),
        }
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        if self.bad_rows == BadRows::Fail {
            return Err(error);
        }
        self.skipped.note(&error);
        Ok(ControlFlow::Continue(()))
    }
}
