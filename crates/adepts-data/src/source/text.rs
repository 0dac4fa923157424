//! Text with a delimiter of one or more characters, with or without a header.
//!
//! With a delimiter of one byte other than tab, values may be quoted as in RFC 4180 (and then hold delimiters and
//! line ends). With a tab or a delimiter of several bytes nothing is quoted: a `"` is a character like any other.

use std::io::BufRead;
use std::ops::ControlFlow;

use csv::{ByteRecord, ReaderBuilder};

use super::files::{ByteCount, SourceFile, Ticker, open_text, read_error};
use super::{At, Cell, Flow, Sink};
use crate::config::DataConfig;
use crate::error::DataError;
use crate::place::{Place, shortened};
use crate::words::counted;

/// How the values of a text file are told apart.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) delimiter: String,
    header: bool,
}

impl Layout {
    pub(super) fn new(data: &DataConfig, first: &SourceFile) -> Result<Self, DataError> {
        let delimiter = data.delimiter.clone().unwrap_or_else(|| default_delimiter(&first.suffix).to_owned());
        check_delimiter(&delimiter)?;
        Ok(Self { delimiter, header: data.header != Some(false) })
    }
}

/// Refuses what cannot stand between values.
pub(crate) fn check_delimiter(delimiter: &str) -> Result<(), DataError> {
    let reason = match delimiter {
        "" => "it is empty",
        "\"" => "it is the quotation mark",
        d if d.contains(['\n', '\r']) => "it ends lines",
        _ => return Ok(()),
    };
    Err(DataError::BadDelimiter { delimiter: delimiter.to_owned(), reason })
}

/// What stands between the values of a file with this suffix, if nothing else is said.
pub(crate) fn default_delimiter(suffix: &str) -> &'static str {
    match suffix {
        "tsv" | "tab" | "inter" => "\t",
        "dat" => "::",
        _ => ",",
    }
}

/// The names of the columns: the header, or `1`, `2` … by the first row.
pub(super) fn columns(file: &SourceFile, layout: &Layout) -> Result<Vec<String>, DataError> {
    let mut splitter = Splitter::open(file, &layout.delimiter)?;
    if !splitter.advance()? {
        return Err(DataError::EmptyFile { path: file.path.clone() });
    }
    if !layout.header {
        return Ok((1..=splitter.width()).map(|n| n.to_string()).collect());
    }
    (0..splitter.width())
        .map(|i| {
            let name = splitter.value(i).map_err(|wrong| wrong.error(splitter.place()))?;
            Ok(name.trim().to_owned())
        })
        .collect()
}

pub(super) fn read(
    file: &SourceFile,
    layout: &Layout,
    width: usize,
    wanted: &[usize],
    sink: &mut dyn Sink,
    ticker: &mut Ticker,
) -> Flow {
    let mut splitter = Splitter::open(file, &layout.delimiter)?;
    if layout.header {
        splitter.advance()?;
    }
    let mut cells = Vec::with_capacity(wanted.len());
    while splitter.advance()? {
        let mut row = recycled(cells);
        let flow = if splitter.width() == width {
            let mut broken = None;
            for &i in wanted {
                match splitter.value(i) {
                    Ok("") => row.push(Cell::Missing),
                    Ok(value) => row.push(Cell::Raw(value)),
                    Err(wrong) => broken = Some(wrong),
                }
            }
            match broken {
                None => sink.row(At { path: &file.path, unit: "line", number: splitter.line }, &row)?,
                Some(wrong) => sink.malformed(wrong.error(splitter.place()))?,
            }
        } else {
            let reason = format!(
                "found {}, expected {width} separated by `{}`",
                counted(splitter.width(), "value"),
                layout.delimiter.escape_default()
            );
            sink.malformed(DataError::MalformedRow { place: splitter.place(), reason })?
        };
        if flow.is_break() {
            return Ok(flow);
        }
        cells = recycled(row);
        ticker.row(&splitter.bytes);
    }
    Ok(ControlFlow::Continue(()))
}

/// The same allocation, empty, for cells that borrow from elsewhere.
fn recycled<'b>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'b>> {
    cells.clear();
    cells.into_iter().map(|_| Cell::Missing).collect()
}

/// Text that is not in UTF-8.
pub(crate) struct NotUtf8 {
    /// It, made readable.
    pub(crate) shown: String,
    /// The first wrong byte, and its number from 1.
    byte: u8,
    number: usize,
}

impl NotUtf8 {
    /// `bytes` as text, or what is wrong with them.
    pub(super) fn check(bytes: &[u8]) -> Result<&str, Self> {
        std::str::from_utf8(bytes).map_err(|e| {
            let (shown, at) = (String::from_utf8_lossy(bytes).into_owned(), e.valid_up_to());
            Self { shown, byte: bytes[at], number: at + 1 }
        })
    }

    pub(super) fn error(&self, place: Place) -> DataError {
        let Self { shown, byte, number } = self;
        let shown = shortened(shown);
        let reason = format!(
            "byte {number} of `{shown}` is {byte:#04x}, which is not UTF-8; expected UTF-8 text, so convert the file, \
             from Latin-1 with `iconv -f latin1 -t utf8`"
        );
        DataError::MalformedRow { place, reason }
    }
}

/// The records of a text file and their values. Blank lines are passed over.
pub(crate) struct Splitter {
    file: SourceFile,
    bytes: ByteCount,
    kind: Kind,
    /// The line on which the current record begins, from 1.
    line: u64,
}

enum Kind {
    /// One byte: the csv crate.
    Csv {
        reader: Box<csv::Reader<Box<dyn BufRead>>>,
        record: ByteRecord,
        /// 1 where lines end with a return and a feed: for the csv crate a record ends with the return, so the feed before the
        /// next one is not counted yet.
        late: u64,
    },
    /// Several bytes: plain search.
    Plain { reader: Box<dyn BufRead>, delimiter: Vec<u8>, text: Vec<u8>, spans: Vec<(usize, usize)>, lines: u64 },
}

impl Splitter {
    pub(crate) fn open(file: &SourceFile, delimiter: &str) -> Result<Self, DataError> {
        let (reader, bytes) = open_text(file)?;
        Ok(Self { bytes, ..Self::over(file, reader, delimiter) })
    }

    /// As [`Splitter::open`], of text that is read already; `file` is for messages.
    pub(crate) fn over(file: &SourceFile, mut reader: Box<dyn BufRead>, delimiter: &str) -> Self {
        let kind = match *delimiter.as_bytes() {
            [byte] => {
                // What cannot be read is told when the first record is asked for.
                let start = reader.fill_buf().unwrap_or_default();
                let first = start.iter().position(|byte| *byte == b'\n').unwrap_or(0);
                let late = u64::from(start[..first].ends_with(b"\r"));
                let reader = ReaderBuilder::new()
                    .delimiter(byte)
                    .quoting(byte != b'\t')
                    .has_headers(false)
                    .flexible(true)
                    .from_reader(reader);
                Kind::Csv { reader: Box::new(reader), record: ByteRecord::new(), late }
            }
            _ => Kind::Plain {
                reader,
                delimiter: delimiter.as_bytes().to_vec(),
                text: Vec::new(),
                spans: Vec::new(),
                lines: 0,
            },
        };
        Self { file: file.clone(), bytes: ByteCount::default(), kind, line: 0 }
    }

    /// Goes to the next record; false at the end.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool, DataError> {
        match &mut self.kind {
            Kind::Csv { reader, record, late } => {
                let more = reader.read_byte_record(record).map_err(|e| csv_error(&self.file, e))?;
                let line = |at: &csv::Position| at.line() + if at.byte() > 0 { *late } else { 0 };
                self.line = record.position().map_or(self.line, line);
                Ok(more)
            }
            Kind::Plain { reader, delimiter, text, spans, lines } => loop {
                text.clear();
                if reader.read_until(b'\n', text).map_err(|e| read_error(&self.file, e))? == 0 {
                    return Ok(false);
                }
                *lines += 1;
                while matches!(text.last(), Some(b'\n' | b'\r')) {
                    text.pop();
                }
                if text.is_empty() {
                    continue;
                }
                self.line = *lines;
                split(text, delimiter, spans);
                return Ok(true);
            },
        }
    }

    /// Number of values of the current record.
    #[inline]
    pub(crate) fn width(&self) -> usize {
        match &self.kind {
            Kind::Csv { record, .. } => record.len(),
            Kind::Plain { spans, .. } => spans.len(),
        }
    }

    /// A value of the current record, unless it is not UTF-8.
    #[inline]
    pub(crate) fn value(&self, i: usize) -> Result<&str, NotUtf8> {
        NotUtf8::check(self.raw(i))
    }

    /// The bytes of a value of the current record.
    #[inline]
    pub(crate) fn raw(&self, i: usize) -> &[u8] {
        match &self.kind {
            Kind::Csv { record, .. } => &record[i],
            Kind::Plain { text, spans, .. } => &text[spans[i].0..spans[i].1],
        }
    }

    /// Where the current record stands.
    pub(crate) fn place(&self) -> Place {
        Place { path: self.file.path.clone(), unit: "line", number: self.line }
    }
}

/// The spans between delimiters.
fn split(text: &[u8], delimiter: &[u8], spans: &mut Vec<(usize, usize)>) {
    spans.clear();
    let (mut start, mut at) = (0, 0);
    while at + delimiter.len() <= text.len() {
        if text[at] == delimiter[0] && text[at..].starts_with(delimiter) {
            spans.push((start, at));
            at += delimiter.len();
            start = at;
        } else {
            at += 1;
        }
    }
    spans.push((start, text.len()));
}

fn csv_error(file: &SourceFile, error: csv::Error) -> DataError {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => read_error(file, e),
        other => DataError::Corrupt { path: file.path.clone(), kind: "text", reason: format!("{other:?}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_delimiter_splits_from_the_left() {
        let mut spans = Vec::new();
        split(b"1::2:::x::", b"::", &mut spans);
        let text = b"1::2:::x::";
        let values: Vec<&[u8]> = spans.iter().map(|&(a, b)| &text[a..b]).collect();
        assert_eq!(values, [&b"1"[..], b"2", b":x", b""]);
    }
}
