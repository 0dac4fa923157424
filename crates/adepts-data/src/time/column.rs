//! The unit of a column of a log, before its rows are read.

use std::ops::ControlFlow;

use super::{TimeUnit, Votes};
use crate::error::DataError;
use crate::progress::silent;
use crate::source::{At, Cell, Flow, Sink, Source};

/// How many values are asked.
const ASKED: u64 = 1_000;
/// No more rows are looked at for them.
const ROWS: u64 = 100_000;

/// The unit of the numbers of a column by the first of them; `None` if there are none.
pub(crate) fn unit_of(source: &Source, column: usize) -> Result<Option<TimeUnit>, DataError> {
    let mut asked = Asked { votes: Votes::default(), rows: 0 };
    source.read(&[column], &mut asked, &mut silent)?;
    Ok(asked.votes.unit())
}

struct Asked {
    votes: Votes,
    rows: u64,
}

impl Asked {
    fn next(&mut self) -> ControlFlow<()> {
        self.rows += 1;
        let enough = self.votes.values >= ASKED || self.rows >= ROWS;
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Sink for Asked {
    fn row(&mut self, _: At<'_>, cells: &[Cell<'_>]) -> Flow {
        self.votes.take(&cells[0]);
        Ok(self.next())
    }

    fn malformed(&mut self, _: DataError) -> Flow {
        Ok(self.next())
    }
}
