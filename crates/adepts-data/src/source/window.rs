//! The part of a text that is looked at: a buffer that holds the record that is being read, whole, and no line that is
//! too long.

use std::io::{self, BufRead, Read};

use memchr::{memchr, memchr2};

use super::files::SourceFile;
use super::input::{PIECE, open_text, read_error};
use crate::error::DataError;
use crate::place::Place;

/// The most bytes that a line may have, and a record of several lines.
pub(crate) const LONGEST: usize = 16 << 20;

/// A line behind the mark: where it ends, without what ends it, and where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) end: usize,
    pub(super) next: usize,
}

/// What ends lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// A feed, with or without a return before it.
    Feed,
    /// A feed, a return, or both.
    Any,
}

pub(super) struct Window {
    file: SourceFile,
    reader: Box<dyn BufRead>,
    ends: Ends,
    buffer: Vec<u8>,
    /// Where the record begins; what is before it is gone.
    mark: usize,
    /// Where what has been read ends.
    filled: usize,
    ended: bool,
    /// The number of the line at the mark, from 1.
    line: u64,
}

impl Window {
    pub(super) fn new(file: &SourceFile, reader: Box<dyn BufRead>, ends: Ends) -> Self {
        Self { file: file.clone(), reader, ends, buffer: Vec::new(), mark: 0, filled: 0, ended: false, line: 1 }
    }

    /// What has been read from the mark on.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.mark..self.filled]
    }

    /// The number of the line at the mark.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.line
    }

    /// The file, for messages.
    pub(super) fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Lines end with a return alone where the first one does.
    pub(super) fn returns_if_first(&mut self) -> Result<(), DataError> {
        // A return may be the last byte that was read, and a feed come with the next ones.
        let ends = |bytes: &[u8]| memchr2(b'\n', b'\r', &bytes[..bytes.len().saturating_sub(1)]);
        while self.bytes().len() < PIECE && ends(self.bytes()).is_none() && self.fill()? {}
        let bytes = self.bytes();
        if let Some(at) = memchr2(b'\n', b'\r', bytes)
            && bytes[at] == b'\r'
            && bytes.get(at + 1) != Some(&b'\n')
        {
            self.ends = Ends::Any;
        }
        Ok(())
    }

    /// Reads on; false at the end.
    pub(super) fn fill(&mut self) -> Result<bool, DataError> {
        if self.ended {
            return Ok(false);
        }
        if self.filled == self.buffer.len() {
            if self.mark >= PIECE / 2 {
                self.buffer.copy_within(self.mark..self.filled, 0);
                self.filled -= self.mark;
                self.mark = 0;
            } else {
                let more = self.buffer.len().clamp(PIECE, LONGEST / 4);
                self.buffer.resize(self.buffer.len() + more, 0);
            }
        }
        loop {
            match self.reader.read(&mut self.buffer[self.filled..]) {
                Ok(count) => {
                    self.filled += count;
                    self.ended = count == 0;
                    return Ok(count > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(read_error(&self.file, e)),
            }
        }
    }

    /// The line that begins at `from` behind the mark, `number` lines after the first; `None` at the end.
    pub(super) fn line(&mut self, from: usize, number: u64) -> Result<Option<Line>, DataError> {
        let mut at = from;
        loop {
            let bytes = &self.bytes()[at..];
            let found = if self.ends == Ends::Any { memchr2(b'\n', b'\r', bytes) } else { memchr(b'\n', bytes) };
            let Some(found) = found else {
                at = self.bytes().len();
                self.check(number, at - from)?;
                if self.fill()? {
                    continue;
                }
                return Ok((at > from).then_some(Line { end: at, next: at }));
            };
            at += found;
            self.check(number, at - from)?;
            if self.bytes()[at] == b'\n' {
                let end = if at > from && self.bytes()[at - 1] == b'\r' { at - 1 } else { at };
                return Ok(Some(Line { end, next: at + 1 }));
            }
            if at + 1 == self.bytes().len() && self.fill()? {
                continue;
            }
            let next = at + 1 + usize::from(self.bytes().get(at + 1) == Some(&b'\n'));
            return Ok(Some(Line { end: at, next }));
        }
    }

    /// Passes over lines without a character, of which a file may have very many.
    #[inline]
    pub(super) fn skip_empty(&mut self) {
        if self.bytes().first() == Some(&b'\n') {
            let run = self.bytes().iter().position(|byte| *byte != b'\n').unwrap_or(self.bytes().len());
            self.advance(run, run as u64);
        }
    }

    fn check(&self, number: u64, length: usize) -> Result<(), DataError> {
        if length <= LONGEST {
            return Ok(());
        }
        let place = Place { path: self.file.path.clone(), unit: "line", number: self.line + number };
        Err(DataError::LongLine { place, limit: LONGEST })
    }

    /// Moves the mark on, over this many lines.
    #[inline]
    pub(super) fn advance(&mut self, by: usize, lines: u64) {
        self.mark += by;
        self.line += lines;
    }
}

/// The first `count` lines that are not blank, or fewer if they are long.
pub(crate) fn first_lines(file: &SourceFile, count: usize) -> Result<Vec<u8>, DataError> {
    let (reader, _) = open_text(file)?;
    let mut window = Window::new(file, reader, Ends::Any);
    let (mut lines, mut found) = (Vec::new(), 0);
    while found < count && lines.len() < LONGEST / 16 {
        window.skip_empty();
        let Some(line) = window.line(0, 0)? else { break };
        if !window.bytes()[..line.end].trim_ascii().is_empty() {
            lines.extend_from_slice(&window.bytes()[..line.next]);
            found += 1;
        }
        window.advance(line.next, 1);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, ends: Ends) -> Vec<String> {
        let file = super::super::text::nameless();
        let mut window = Window::new(&file, Box::new(io::Cursor::new(text.as_bytes().to_vec())), ends);
        if ends == Ends::Feed {
            window.returns_if_first().unwrap();
        }
        let mut lines = Vec::new();
        while let Some(line) = window.line(0, 0).unwrap() {
            lines.push(String::from_utf8(window.bytes()[..line.end].to_vec()).unwrap());
            window.advance(line.next, 1);
        }
        lines
    }

    #[test]
    fn lines_end_with_a_feed_a_return_or_both() {
        for text in ["a\nb\n\nc", "a\r\nb\r\n\r\nc", "a\rb\r\rc\r", "a\nb\r\n\rc\n"] {
            assert_eq!(lines(text, Ends::Any), ["a", "b", "", "c"], "{text:?}");
        }
        assert_eq!(lines("a\rb\r\rc", Ends::Feed), ["a", "b", "", "c"], "as the first line ends");
        assert_eq!(lines("a\nb\rc\r\n", Ends::Feed), ["a", "b\rc"]);
        assert!(lines("", Ends::Any).is_empty());
    }

    #[test]
    fn lines_longer_than_the_buffer_are_whole() {
        let long = "x".repeat(3 * PIECE + 17);
        let text = format!("a\n{long}\r{long}\nb");
        assert_eq!(lines(&text, Ends::Any), ["a", &long, &long, "b"]);
    }
}
