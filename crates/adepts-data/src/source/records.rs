//! The records of a text file and their values.
//!
//! Values may stand in quotes as in RFC 4180, and then hold delimiters, line ends and quotes that are written twice. A quote
//! opens at the beginning of a value and closes before a delimiter or a line end; where it does not, the record is broken, and
//! reading goes on at the line after the one in which the quote opened, so that nothing behind it is lost. Quotes within quotes
//! may be written with a backslash where a record cannot be read otherwise. In text with tabs or delimiters of several bytes,
//! where quotes are often characters like any other, this holds if the values of a column all stand in quotes; else only a value
//! that stands in quotes as a whole, within its line, is taken out of them.

use std::io::BufRead;

use memchr::{memchr, memmem};

use super::MOST_COLUMNS;
use super::delimiter::{Delimiter, is_blank};
use super::files::SourceFile;
use super::input::{ByteCount, open_text};
use super::quotes::{self, Opened, Outcome, Quotes, Why};
use super::text::NotUtf8;
use super::window::{Ends, Line, Window};
use crate::error::DataError;
use crate::place::{Place, shortened};

/// The records of a text file. Blank lines are passed over, and so is a first line such as `sep=;`.
pub(crate) struct Splitter {
    window: Window,
    pub(super) bytes: ByteCount,
    delimiter: Delimiter,
    quotes: Quotes,
    /// How many values a record should have.
    expected: Option<usize>,
    /// The last column has no name, and its value may be left out.
    short: bool,
    /// The current record.
    record: Record,
}

/// The current record.
#[derive(Default)]
pub(super) struct Record {
    /// The line on which it begins, from 1.
    line: u64,
    /// Where the next one begins behind the mark, and after how many lines.
    next: usize,
    lines: u64,
    /// Its values: where they stand behind the mark, or in `text` if `unquoted`.
    pub(super) spans: Vec<(usize, usize)>,
    /// All its values are counted; no more than [`MOST_COLUMNS`] are kept, and one.
    pub(super) width: usize,
    pub(super) text: Vec<u8>,
    pub(super) unquoted: bool,
    /// What is wrong with its quotes.
    broken: Option<String>,
}

impl Splitter {
    pub(crate) fn open(file: &SourceFile, delimiter: &str) -> Result<Self, DataError> {
        let (reader, bytes) = open_text(file)?;
        Ok(Self { bytes, ..Self::over(file, reader, delimiter)? })
    }

    /// As [`Splitter::open`], where quotes mean nothing.
    pub(crate) fn unquoted(file: &SourceFile, delimiter: &str) -> Result<Self, DataError> {
        Ok(Self { quotes: Quotes::Never, ..Self::open(file, delimiter)? })
    }

    /// As [`Splitter::open`], of text that is read already; `file` is for messages.
    pub(crate) fn over(file: &SourceFile, reader: Box<dyn BufRead>, delimiter: &str) -> Result<Self, DataError> {
        let delimiter = Delimiter::new(delimiter);
        let mut window = Window::new(file, reader, Ends::Any);
        if let Some(line) = window.line(0, 0)?
            && separator(&window.bytes()[..line.end]).is_some()
        {
            window.advance(line.next, 1);
        }
        let quotes = match delimiter {
            Delimiter::Byte(byte) if byte != b'\t' => Quotes::Records,
            Delimiter::Blanks => Quotes::Records,
            _ => quotes::guess(&mut window, &delimiter)?,
        };
        let (bytes, record) = (ByteCount::default(), Record::default());
        Ok(Self { window, bytes, delimiter, quotes, expected: None, short: false, record })
    }

    /// How many values records should have; the last may be left out if `short`.
    pub(super) fn expect(&mut self, width: usize, short: bool) {
        (self.expected, self.short) = (Some(width), short);
    }

    /// Goes to the next record; false at the end.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool, DataError> {
        self.window.advance(self.record.next, self.record.lines);
        (self.record.next, self.record.lines, self.record.broken) = (0, 0, None);
        let line = loop {
            self.window.skip_empty();
            let Some(line) = self.window.line(0, 0)? else { return Ok(false) };
            let text = &self.window.bytes()[..line.end];
            if text.starts_with(b"\xef\xbb\xbf") {
                self.window.advance(3, 0);
            } else if self.is_blank(text) {
                self.window.advance(line.next, 1);
            } else {
                break line;
            }
        };
        self.record.line = self.window.number();
        let quoted = self.quotes != Quotes::Never && memchr(b'"', &self.window.bytes()[..line.end]).is_some();
        match self.quotes {
            Quotes::Records if quoted => self.records(line)?,
            Quotes::Values if quoted => {
                self.values(line);
                if self.expected.is_some_and(|expected| expected != self.record.width) {
                    let whole = self.quoted(line, false)?;
                    if !self.accept(&whole) || self.record.width != self.expected.unwrap_or_default() {
                        self.values(line);
                    }
                }
            }
            _ => self.plain(line),
        }
        Ok(true)
    }

    /// Whether there is nothing in a line, not even a delimiter.
    #[inline]
    fn is_blank(&self, line: &[u8]) -> bool {
        let nothing = |byte: &u8| is_blank(*byte) && self.delimiter != Delimiter::Byte(*byte);
        line.first().is_none_or(|first| *first <= b' ' && line.iter().all(nothing))
    }

    /// Cuts a line at its delimiters.
    #[inline]
    fn plain(&mut self, line: Line) {
        let record = &mut self.record;
        let text = &self.window.bytes()[..line.end];
        let (mut at, mut end) = (0, line.end);
        if self.delimiter == Delimiter::Blanks {
            let trimmed = text.trim_ascii();
            at = text.len() - text.trim_ascii_start().len();
            end = at + trimmed.len();
        }
        record.spans.clear();
        record.width = 0;
        let mut push = |span| {
            record.width += 1;
            if record.width <= MOST_COLUMNS + 1 {
                record.spans.push(span);
            }
        };
        while let Some((from, to)) = self.delimiter.find(&text[at..end]) {
            push((at, at + from));
            at += to;
        }
        push((at, end));
        (record.next, record.lines, record.unquoted) = (line.next, 1, false);
    }

    /// As [`Splitter::plain`], and takes values out of their quotes.
    fn values(&mut self, line: Line) {
        self.plain(line);
        let record = &mut self.record;
        record.text.clear();
        for span in &mut record.spans {
            let value = self.window.bytes()[span.0..span.1].trim_ascii();
            let from = record.text.len();
            match value {
                [b'"', inner @ .., b'"'] if quotes::alone(inner) => {
                    let mut rest = inner;
                    while let Some(at) = memchr(b'"', rest) {
                        record.text.extend_from_slice(&rest[..=at]);
                        rest = &rest[at + 2..];
                    }
                    record.text.extend_from_slice(rest);
                }
                value => record.text.extend_from_slice(value),
            }
            *span = (from, record.text.len());
        }
        record.unquoted = true;
    }

    /// Reads a record in which there are quotes.
    fn records(&mut self, line: Line) -> Result<(), DataError> {
        let mut outcome = self.quoted(line, false)?;
        let whole = matches!(outcome, Outcome::Whole { .. }) && self.fits();
        if !whole && memmem::find(&self.window.bytes()[..outcome.reach()], b"\\\"").is_some() {
            let escaped = self.quoted(line, true)?;
            if self.accept(&escaped) && self.fits() {
                return Ok(());
            }
            outcome = self.quoted(line, false)?;
        }
        match outcome {
            Outcome::Broken(opened, why) => self.fail(opened, &why),
            whole @ Outcome::Whole { .. } => drop(self.accept(&whole)),
        }
        Ok(())
    }

    fn quoted(&mut self, line: Line, escapes: bool) -> Result<Outcome, DataError> {
        let Self { window, delimiter, record, expected, short, .. } = self;
        let right = expected.map(|width| (width, *short));
        quotes::read(window, delimiter, record, line, escapes, right)
    }

    /// Takes a record that was read whole.
    fn accept(&mut self, outcome: &Outcome) -> bool {
        let Outcome::Whole { next, lines } = *outcome else { return false };
        (self.record.next, self.record.lines) = (next, lines);
        true
    }

    /// Whether the current record has as many values as it should; one more may stand there if it is empty.
    pub(super) fn fits(&self) -> bool {
        let Some(expected) = self.expected else { return true };
        let width = self.record.width;
        width == expected
            || (width == expected + 1 && self.raw(expected).trim_ascii().is_empty())
            || (self.short && width + 1 == expected)
    }

    /// Notes a record as broken, and goes on at the line after the one where its quote opens.
    fn fail(&mut self, opened: Opened, why: &Why) {
        let record = &mut self.record;
        let Opened { line, next, value } = opened;
        let reason = match why {
            Why::NeverClosed => format!("value {value} opens a quote that is never closed"),
            Why::GoesOn { line: at, rest } if *at == line => format!(
                "value {value} goes on after its closing quote with `{}`; expected a delimiter or the end of the line \
                 there, and quotes within quotes written twice",
                shortened(rest)
            ),
            Why::GoesOn { line: at, .. } => format!(
                "value {value} opens a quote that is not closed: no value ends at the next one, in line {}",
                record.line + at
            ),
        };
        record.line += line;
        (record.next, record.lines, record.broken) = (next, line + 1, Some(reason));
    }

    /// What is wrong with the quotes of the current record; its values are then not there.
    pub(crate) fn broken(&self) -> Option<DataError> {
        let reason = self.record.broken.clone()?;
        Some(DataError::MalformedRow { place: self.place(), reason })
    }

    /// Number of values of the current record.
    #[inline]
    pub(crate) fn width(&self) -> usize {
        self.record.width
    }

    /// Number of values of the current record that can be asked for.
    pub(crate) fn kept(&self) -> usize {
        self.record.spans.len()
    }

    /// Whether rows may begin with names that the header has no column for, as R writes them.
    pub(super) fn may_name_rows(&self) -> bool {
        matches!(self.delimiter, Delimiter::Blanks | Delimiter::Byte(b' ' | b'\t'))
    }

    /// The line on which the current record begins, from 1.
    #[inline]
    pub(super) fn line(&self) -> u64 {
        self.record.line
    }

    /// A value of the current record without blanks around it, unless it is not UTF-8.
    #[inline]
    pub(crate) fn value(&self, i: usize) -> Result<&str, NotUtf8> {
        let value = NotUtf8::check(self.raw(i), self.window.file())?;
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte <= b' ' || *byte >= 0x80);
        let bytes = value.as_bytes();
        Ok(if edge(bytes.first()) || edge(bytes.last()) { value.trim() } else { value })
    }

    /// The bytes of a value of the current record.
    #[inline]
    pub(crate) fn raw(&self, i: usize) -> &[u8] {
        let (from, to) = self.record.spans[i];
        if self.record.unquoted { &self.record.text[from..to] } else { &self.window.bytes()[from..to] }
    }

    /// Where the current record stands.
    pub(crate) fn place(&self) -> Place {
        Place { path: self.window.file().path.clone(), unit: "line", number: self.record.line }
    }
}

/// The delimiter that a first line such as `sep=;` names; Excel writes and reads such a line.
pub(crate) fn separator(line: &[u8]) -> Option<&str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii_start();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let name = line.get(..4).filter(|name| name.eq_ignore_ascii_case(b"sep="))?;
    match &line[name.len()..] {
        b"\\t" => Some("\t"),
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' || is_blank(*byte) => {
            std::str::from_utf8(&line[4..]).ok()
        }
        _ => None,
    }
}
