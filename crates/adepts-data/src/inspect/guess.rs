//! The layout, and what the columns are for.

use std::ops::ControlFlow;

use super::roles;
use super::summary::Tally;
use crate::config::{Column, DataConfig};
use crate::error::DataError;
use crate::layout;
use crate::progress::silent;
use crate::source::{At, Cell, Flow, Role, Sink, Source, usual};

/// What was seen on the way.
pub(super) struct Looks {
    /// The first row, if it was to be a header but looks like data.
    pub(super) header_like_data: Option<String>,
}

/// `options` with the source, and with delimiter and header as they seem to be.
pub(super) fn layout(path: &str, options: &DataConfig) -> Result<(DataConfig, Looks), DataError> {
    let mut data = options.clone();
    path.clone_into(&mut data.source);
    let header_like_data = layout::fill(&mut data)?.data_first;
    Ok((data, Looks { header_like_data }))
}

/// The columns of user and item by usual names; of a file without names all columns by the content of its first rows.
pub(super) fn columns(data: &mut DataConfig, source: &Source) -> Result<(), DataError> {
    let mut given = Vec::new();
    for (role, column) in [
        (Role::User, &data.user),
        (Role::Item, &data.item),
        (Role::Rating, &data.rating),
        (Role::Event, &data.event),
        (Role::Time, &data.time),
    ] {
        if let Some(column) = column {
            given.push((role, source.find(column)?));
        }
    }
    let names = source.columns();
    if is_unnamed(data, source) {
        let width = names.len();
        let mut first = First { tallies: (0..width).map(|_| Tally::default()).collect(), rows: 0 };
        source.read(&(0..width).collect::<Vec<_>>(), &mut first, &mut silent)?;
        let columns: Vec<_> = names.iter().zip(&first.tallies).map(|(name, tally)| tally.summary(name)).collect();
        roles::fill(data, &given, &columns);
        return Ok(());
    }
    for (role, column) in [(Role::User, &mut data.user), (Role::Item, &mut data.item)] {
        if column.is_none() {
            *column = usual(role, names).map(|at| Column::Name(names[at].clone()));
        }
    }
    Ok(())
}

/// Whether a file does not name its columns.
pub(super) fn is_unnamed(data: &DataConfig, source: &Source) -> bool {
    source.delimiter().is_some() && data.header == Some(false)
}

/// Looks at the first rows.
struct First {
    tallies: Vec<Tally>,
    rows: usize,
}

impl First {
    fn next(&mut self) -> ControlFlow<()> {
        const ROWS: usize = 100_000;
        self.rows += 1;
        if self.rows < ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Sink for First {
    fn row(&mut self, at: At<'_>, cells: &[Cell<'_>]) -> Flow {
        for (tally, cell) in self.tallies.iter_mut().zip(cells) {
            tally.take(at, *cell);
        }
        Ok(self.next())
    }

    fn malformed(&mut self, _: DataError) -> Flow {
        Ok(self.next())
    }
}
