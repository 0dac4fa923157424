//! Raw rows of tabular data: every pass over a source goes through here, so all of them see the same rows.

use std::ops::ControlFlow;

use super::config::{LabelConfig, TabularConfig, shown};
use super::item_file::ItemFile;
use super::listed::Listed;
use super::skipped::Skipped;
use super::values::{CATEGORY, FINITE, LABEL, category, check_category, label, missing, number, unfit};
use crate::config::{BadRows, Column};
use crate::error::DataError;
use crate::error::TabularError;
use crate::progress::Progress;
use crate::source::{At, Cell, Flow, Sink, Source};
use crate::time::{self, Clock, TimeUnit, unit_of};

/// A row that could be read.
pub(super) struct Row<'a> {
    /// Its place among all rows of the source, from 1; skipped ones and those of other domains count.
    pub(super) number: u64,
    /// 0 or 1; without a label 0, for retrieval 1.
    pub(super) label: f32,
    pub(super) domain: Cell<'a>,
    pub(super) user: Option<Cell<'a>>,
    /// Nanoseconds since 1970.
    pub(super) time: Option<i64>,
    /// The id of the item, for retrieval.
    pub(super) item: Option<Cell<'a>>,
    /// As they stand; each is a category, a list of categories or missing.
    pub(super) fields: &'a [Cell<'a>],
    /// `None` where missing.
    pub(super) dense: &'a [Option<f64>],
    /// Columns that are passed through.
    pub(super) kept: &'a [Cell<'a>],
}

/// Whether a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It is not.
    Not,
    /// It is, and a row may lack it.
    IfThere,
    /// It is, and a row without it is bad.
    Always,
}

/// What is read besides the domain and the fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    pub(super) label: Need,
    pub(super) user: Need,
    /// A row without it is bad.
    pub(super) time: bool,
}

/// Which columns are read, and what is what: the domain, then label, user, time and item if wanted, then fields, then dense, then what is
/// passed through.
pub(super) struct Wanted {
    columns: Vec<usize>,
    names: Vec<String>,
    label: Option<(usize, LabelConfig)>,
    user: Option<usize>,
    time: Option<usize>,
    time_unit: Option<TimeUnit>,
    clock: Clock,
    needs: Needs,
    item: Option<usize>,
    fields: usize,
    dense: usize,
    kept: usize,
    field_names: Vec<String>,
    dense_names: Vec<String>,
    /// For each categorical field that is read whether a row may have a list of values; those beyond may.
    many: Vec<bool>,
    /// What describes items, where the source does not say it.
    items: Option<ItemFile>,
}

impl Wanted {
    /// `items` is the catalogue that the configuration names.
    pub(super) fn new(
        source: &Source,
        config: &TabularConfig,
        needs: Needs,
        items: Option<ItemFile>,
    ) -> Result<Self, DataError> {
        let mut columns = Vec::new();
        let mut slot = |column: &Column| {
            columns.push(source.find(column)?);
            Ok::<_, DataError>(columns.len() - 1)
        };
        slot(&config.domain)?;
        let label = if needs.label != Need::Not && config.labelled() {
            Some((slot(&config.label.column)?, config.label.clone()))
        } else {
            None
        };
        let user = config.user.as_ref().filter(|_| needs.user != Need::Not).map(&mut slot).transpose()?;
        let time = config.time.as_ref().filter(|_| needs.time).map(&mut slot).transpose()?;
        let time_unit = match config.time.as_ref().filter(|_| needs.time) {
            Some(column) => unit_of(source, source.find(column)?)?,
            None => None,
        };
        let item = config.item.as_ref().map(|item| slot(&item.column)).transpose()?;
        let single = [label.is_some(), user.is_some(), time.is_some(), item.is_some()];
        let fields = 1 + single.into_iter().filter(|there| *there).count();
        let mut named = |column: &Column, read: &mut usize| {
            if !config.reads(column) {
                return Ok(shown(column));
            }
            *read += 1;
            slot(column).map(|_| source.find(column).map(|c| source.columns()[c].clone()))?
        };
        let (mut of_fields, mut of_dense) = (0, 0);
        let field_names =
            config.fields.iter().map(|field| named(&field.column, &mut of_fields)).collect::<Result<_, _>>()?;
        let dense_names =
            config.dense.iter().map(|dense| named(&dense.column, &mut of_dense)).collect::<Result<_, _>>()?;
        let names = columns.iter().map(|&c| source.columns()[c].clone()).collect();
        let (dense, kept) = (fields + of_fields, columns.len());
        let many = Vec::new();
        Ok(Self {
            columns,
            names,
            label,
            user,
            time,
            time_unit,
            clock: Clock::new(time_unit.unwrap_or(TimeUnit::Seconds)),
            needs,
            item,
            fields,
            dense,
            kept,
            field_names,
            dense_names,
            many,
            items,
        })
    }

    /// The same, where a row with several values is bad if the field, in the order of those that are read, is not of `many`.
    pub(super) fn with_lists_in(self, many: Vec<bool>) -> Self {
        Self { many, ..self }
    }

    /// The same, with columns that are passed through.
    pub(super) fn with_kept(mut self, source: &Source, slots: &[usize]) -> Self {
        self.columns.extend(slots);
        self.names.extend(slots.iter().map(|slot| source.columns()[*slot].clone()));
        self
    }

    /// The names of the columns of the categorical fields, those of items among them.
    pub(super) fn field_names(&self) -> &[String] {
        &self.field_names
    }

    /// The names of the columns of the dense fields, those of items among them.
    pub(super) fn dense_names(&self) -> &[String] {
        &self.dense_names
    }

    /// The catalogue, where it is a file of its own.
    pub(super) fn items(&self) -> Option<&ItemFile> {
        self.items.as_ref()
    }

    /// What the numbers of the column of times count, if it is read and they are numbers.
    pub(super) fn time_unit(&self) -> Option<TimeUnit> {
        self.time_unit
    }

    /// Says how the numbers of the column of times are read.
    pub(super) fn time_note(&self) -> Option<String> {
        let column = &self.names[self.time?];
        Some(time::note(column, self.time_unit?))
    }

    /// The name of the column of the domain.
    pub(super) fn domain_name(&self) -> &str {
        &self.names[0]
    }

    /// The name of the column of the label, if it is read.
    pub(super) fn label_name(&self) -> Option<&str> {
        self.label.as_ref().map(|(slot, _)| self.names[*slot].as_str())
    }

    /// Hands each row that can be read to `take`. Of rows of domains that are not `listed` nothing but the domain is looked at.
    pub(super) fn pass<'t>(
        &'t self,
        source: &Source,
        bad_rows: BadRows,
        listed: &'t mut Listed,
        take: &'t mut dyn FnMut(At<'_>, &Row<'_>) -> Flow,
        progress: Progress,
    ) -> Result<Passed, DataError> {
        let mut reader = Reader { wanted: self, bad_rows, listed, take, passed: Passed::default() };
        source.read_with_lists(&self.columns, &mut reader, progress)?;
        Ok(reader.passed)
    }
}

/// What a pass over a source met.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Passed {
    /// Rows that could be read.
    pub(super) rows: u64,
    /// Rows of domains that are not listed.
    pub(super) other_domains: u64,
    pub(super) skipped: Skipped,
}

impl Passed {
    /// All rows, whatever became of them.
    pub(super) fn all(&self) -> u64 {
        self.rows + self.other_domains + self.skipped.rows
    }
}

struct Reader<'t> {
    wanted: &'t Wanted,
    bad_rows: BadRows,
    listed: &'t mut Listed,
    take: &'t mut dyn FnMut(At<'_>, &Row<'_>) -> Flow,
    passed: Passed,
}

impl Reader<'_> {
    /// Hands a row on, or says what is wrong with it; `None` for a row of a domain that is not listed.
    fn parse(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Result<Option<Flow>, DataError> {
        let wanted = self.wanted;
        let refused = |slot: usize, expected| unfit(at, &wanted.names[slot], cells[slot], expected);
        let one = |slot: usize| match category(cells[slot]) {
            Ok(Some(cell)) if !matches!(cell, Cell::List(_)) => Ok(cell),
            _ => Err(refused(slot, CATEGORY)),
        };
        let domain = one(0)?;
        let Some(place) = self.listed.find(domain) else { return Ok(None) };
        let needless = |slot: usize| wanted.needs.user == Need::IfThere && missing(cells[slot]);
        let user = wanted.user.filter(|slot| !needless(*slot)).map(one).transpose()?;
        let item = wanted.item.map(one).transpose()?;
        let label = match &wanted.label {
            None => f32::from(u8::from(item.is_some())),
            Some((slot, config)) => match label(cells[*slot], config.at_least) {
                Some(label) => label,
                None if wanted.needs.label == Need::IfThere => 0.0,
                None => {
                    let expected = if config.at_least.is_some() { "a number" } else { LABEL };
                    return Err(refused(*slot, expected));
                }
            },
        };
        let time = match wanted.time {
            None => None,
            Some(slot) => Some(wanted.clock.read(&cells[slot]).map_err(|wrong| refused(slot, wrong.expected()))?),
        };
        for (nth, slot) in (wanted.fields..wanted.dense).enumerate() {
            let many = wanted.many.get(nth).copied().unwrap_or(true);
            check_category(cells[slot], many).map_err(|expected| refused(slot, expected))?;
        }
        // Rows have few dense fields: they stand on the stack.
        let mut few = [None; 32];
        let mut many = Vec::new();
        let count = wanted.kept - wanted.dense;
        let dense = if count <= few.len() {
            &mut few[..count]
        } else {
            many.resize(count, None);
            &mut many[..]
        };
        for (slot, value) in (wanted.dense..).zip(dense.iter_mut()) {
            *value = number(cells[slot]).map_err(|()| refused(slot, FINITE))?;
        }
        let number = self.passed.all() + 1;
        let fields = &cells[wanted.fields..wanted.dense];
        let kept = &cells[wanted.kept..];
        let row = Row { number, label, domain, user, time, item, fields, dense, kept };
        let of_file = wanted.items.as_ref().zip(item);
        let of_file = of_file.map(|(items, id)| items.find(at, id).map(|item| (items, item))).transpose()?;
        self.listed.met(place);
        let Some((items, item)) = of_file else { return Ok(Some((self.take)(at, &row))) };
        let take = |id: Cell<'_>, fields: &[Cell<'_>], dense: &[Option<f64>]| {
            (self.take)(at, &Row { item: Some(id), fields, dense, ..row })
        };
        Ok(Some(items.join(item, fields, dense, take)))
    }
}

impl Sink for Reader<'_> {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        match self.parse(at, cells) {
            Ok(Some(Err(DataError::Tabular(
                error @ (TabularError::UnknownDomain { .. } | TabularError::NotInCatalogue { .. }),
            )))) => self.malformed(error.into()),
            Err(error) => self.malformed(error),
            Ok(None) => {
                self.passed.other_domains += 1;
                Ok(ControlFlow::Continue(()))
            }
            Ok(Some(flow)) => {
                self.passed.rows += 1;
                flow
            }
        }
    }

    fn malformed(&mut self, error: DataError) -> Flow {
        if self.bad_rows == BadRows::Fail {
            return Err(error);
        }
        self.passed.skipped.note(&error);
        Ok(ControlFlow::Continue(()))
    }
}
