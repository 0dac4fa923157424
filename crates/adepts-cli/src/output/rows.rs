//! Rows that go to stdout while they are made. Nothing is written before the first of them, so that an error before it stands alone.

use std::io::{self, Write};

use serde::Serialize;

/// Lines under a heading.
pub(crate) struct Lines<W> {
    out: W,
    head: Option<&'static str>,
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(out: W, head: &'static str) -> Self {
        Self { out, head: Some(head) }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.head.take().map_or(Ok(()), |head| writeln!(self.out, "{head}"))
    }

    pub(crate) fn line(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.begin()?;
        writeln!(self.out, "{line}")
    }

    pub(crate) fn end(mut self) -> io::Result<()> {
        self.begin()?;
        self.out.flush()
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

    #[test]
    fn a_heading_comes_with_the_first_line_or_the_end() {
        let mut out = Vec::new();
        let _: Lines<_> = Lines::new(&mut out, "row,score");
        assert_eq!(out, b"");
        Lines::new(&mut out, "row,score").end().unwrap();
        assert_eq!(out, b"row,score\n");
        out.clear();
        let mut lines = Lines::new(&mut out, "row,score");
        (1..3).try_for_each(|row| lines.line(format_args!("{row},0.5"))).unwrap();
        lines.end().unwrap();
        assert_eq!(out, b"row,score\n1,0.5\n2,0.5\n");
    }
}
