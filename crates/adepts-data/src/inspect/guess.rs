//! Layout and columns of the ids by the content.

use std::ops::ControlFlow;

use crate::config::{Column, DataConfig};
use crate::error::DataError;
use crate::progress::silent;
use crate::source::{At, Cell, Flow, Role, Sink, Source, usual};
use crate::{layout, time};

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

/// The columns of user and item by usual names, or of a file without names the first two that can hold ids.
pub(super) fn id_columns(data: &mut DataConfig, source: &Source) -> Result<(), DataError> {
    let unnamed = source.delimiter().is_some() && data.header == Some(false);
    let names = source.columns();
    let of_ids = if unnamed { of_ids(source)? } else { Vec::new() };
    for (role, position, column) in [(Role::User, 0, &mut data.user), (Role::Item, 1, &mut data.item)] {
        match column {
            Some(column) => drop(source.find(column)?),
            None if unnamed => *column = of_ids.get(position).map(|at| Column::Position(at + 1)),
            None => *column = usual(role, names).map(|at| Column::Name(names[at].clone())),
        }
    }
    Ok(())
}

/// The columns that can hold ids by the first rows: no dates, and no numbers with a fraction.
fn of_ids(source: &Source) -> Result<Vec<usize>, DataError> {
    let width = source.columns().len();
    let mut first = First { other: vec![false; width], rows: 0 };
    source.read(&(0..width).collect::<Vec<_>>(), &mut first, &mut silent)?;
    Ok((0..width).filter(|at| !first.other[*at]).collect())
}

/// Looks at the first rows.
struct First {
    /// Whether a column holds something other than ids.
    other: Vec<bool>,
    rows: usize,
}

impl First {
    fn next(&mut self) -> ControlFlow<()> {
        const ROWS: usize = 100;
        self.rows += 1;
        if self.rows < ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Sink for First {
    fn row(&mut self, _: At<'_>, cells: &[Cell<'_>]) -> Flow {
        for (other, cell) in self.other.iter_mut().zip(cells) {
            let text = cell.spelling();
            let fraction = |number: f64| number.fract() != 0.0;
            *other |= time::is_date(&text) || text.replacen(',', ".", 1).parse().is_ok_and(fraction);
        }
        Ok(self.next())
    }

    fn malformed(&mut self, _: DataError) -> Flow {
        Ok(self.next())
    }
}
