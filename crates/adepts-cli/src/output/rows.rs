//! Rows that go to stdout while they are made. Nothing is written before the first of them, so that an error before it stands alone.

use std::io::{self, Write};

use adepts::data::table::{CsvTable, RecordBatch};
use serde::Serialize;

/// A table as CSV, with the names of its columns first.
pub(crate) struct Table<W: Write> {
    out: Option<W>,
    table: Option<CsvTable<W>>,
}

impl<W: Write> Table<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out: Some(out), table: None }
    }

    pub(crate) fn rows(&mut self, block: &RecordBatch) -> io::Result<()> {
        if let Some(out) = self.out.take() {
            self.table = Some(CsvTable::new(out, Some(&block.schema()))?);
        }
        self.table.as_mut().map_or(Ok(()), |table| table.rows(block))
    }

    pub(crate) fn end(self) -> io::Result<()> {
        self.table.map_or(Ok(()), |table| table.finish()?.flush())
    }
}

/// The elements of a JSON array, which is written as [`super::json`] writes one.
pub(crate) struct Elements<W> {
    out: W,
    begun: bool,
}

impl<W: Write> Elements<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, begun: false }
    }

    pub(crate) fn element(&mut self, element: &impl Serialize) -> io::Result<()> {
        let before = if std::mem::replace(&mut self.begun, true) { "," } else { "[" };
        // A line break within a text is spelled otherwise, so what stands here is one of the layout.
        let element = serde_json::to_string_pretty(element)?.replace('\n', "\n  ");
        write!(self.out, "{before}\n  {element}")
    }

    pub(crate) fn end(mut self) -> io::Result<()> {
        writeln!(self.out, "{}", if self.begun { "\n]" } else { "[]" })?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn elements_one_by_one_are_the_array_of_all() {
        let element = |n: usize| BTreeMap::from([("name", serde_json::json!("a\nb")), ("list", vec![n; n].into())]);
        for count in 0..4 {
            let all: Vec<_> = (0..count).map(element).collect();
            let mut out = Vec::new();
            let mut elements = Elements::new(&mut out);
            all.iter().try_for_each(|of| elements.element(of)).unwrap();
            elements.end().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string_pretty(&all).unwrap() + "\n");
        }
    }
}
