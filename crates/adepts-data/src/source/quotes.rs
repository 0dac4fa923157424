//! Values in quotes.

use memchr::{memchr, memchr2, memrchr2};

use super::MOST_COLUMNS;
use super::delimiter::{Delimiter, is_blank};
use super::input::PIECE;
use super::records::Record;
use super::window::{LONGEST, Line, Window};
use crate::error::DataError;

/// How many lines are looked at for quotes.
const LOOKED_AT: usize = 20;

/// What quotes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Nothing.
    Never,
    /// A value that begins and ends with one stands in quotes.
    Values,
    /// Values in quotes may hold delimiters and line ends.
    Records,
}

/// What came of reading a record with quotes.
pub(super) enum Outcome {
    Whole { next: usize, lines: u64 },
    Broken(Opened, Why),
}

/// A quote that opens: in which line after the first, where the line after that begins, and in which value.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    pub(super) line: u64,
    pub(super) next: usize,
    pub(super) value: usize,
}

pub(super) enum Why {
    NeverClosed,
    /// What follows where it closes, and in which line after the first.
    GoesOn {
        line: u64,
        rest: String,
    },
}

impl Outcome {
    /// How far behind the mark it reaches.
    pub(super) fn reach(&self) -> usize {
        match self {
            Self::Whole { next, .. } => *next,
            Self::Broken(opened, _) => opened.next,
        }
    }
}

/// Reads a record whose first line this is; a backslash may stand before a quote within quotes if `escapes`.
///
/// `right` is how many values there should be, and whether the last may be left out: a record of several lines with another
/// number of values is broken, as two stray quotes would swallow what is between them.
pub(super) fn read(
    window: &mut Window,
    delimiter: &Delimiter,
    record: &mut Record,
    first: Line,
    escapes: bool,
    right: Option<(usize, bool)>,
) -> Result<Outcome, DataError> {
    record.unquoted = true;
    record.text.clear();
    record.spans.clear();
    record.width = 0;
    let (mut line, mut number) = (first, 0);
    let mut several: Option<(Opened, u64)> = None;
    let mut at = 0;
    if *delimiter == Delimiter::Blanks {
        at += window.bytes()[..line.end].iter().take_while(|byte| is_blank(**byte)).count();
    }
    loop {
        let from = record.text.len();
        record.width += 1;
        let begin = at + delimiter.padding(&window.bytes()[at..line.end]);
        let more = if window.bytes()[begin..line.end].first() == Some(&b'"') {
            let opened = Opened { line: number, next: line.next, value: record.width };
            at = begin + 1;
            loop {
                let rest = &window.bytes()[at..line.end];
                let found = if escapes { memchr2(b'"', b'\\', rest) } else { memchr(b'"', rest) };
                let Some(found) = found else {
                    record.text.extend_from_slice(&window.bytes()[at..line.next]);
                    at = line.next;
                    number += 1;
                    let next = if at > LONGEST { None } else { window.line(at, number)? };
                    let Some(next) = next else { return Ok(Outcome::Broken(opened, Why::NeverClosed)) };
                    line = next;
                    continue;
                };
                record.text.extend_from_slice(&rest[..found]);
                let (byte, behind) = (rest[found], rest.get(found + 1).copied());
                at += found + 1;
                match behind {
                    Some(next @ (b'"' | b'\\')) if byte == b'\\' => {
                        record.text.push(next);
                        at += 1;
                    }
                    _ if byte == b'\\' => record.text.push(b'\\'),
                    Some(b'"') => {
                        record.text.push(b'"');
                        at += 1;
                    }
                    _ => break,
                }
            }
            let rest = &window.bytes()[at..line.end];
            let padding = delimiter.padding(rest);
            if number > opened.line {
                several.get_or_insert((opened, number));
            }
            match delimiter.begins(&rest[padding..]) {
                Some(length) => {
                    at += padding + length;
                    true
                }
                None if rest.trim_ascii().is_empty() => false,
                None => {
                    let rest = String::from_utf8_lossy(&rest[..rest.len().min(80)]).into_owned();
                    return Ok(Outcome::Broken(opened, Why::GoesOn { line: number, rest }));
                }
            }
        } else {
            let rest = &window.bytes()[at..line.end];
            let (end, to) = delimiter.find(rest).map_or((rest.len(), None), |(end, to)| (end, Some(to)));
            record.text.extend_from_slice(&rest[..end]);
            at += to.unwrap_or(rest.len());
            to.is_some()
        };
        if record.width <= MOST_COLUMNS + 1 {
            record.spans.push((from, record.text.len()));
        }
        if !more || (*delimiter == Delimiter::Blanks && at == line.end) {
            break;
        }
    }
    if let (Some((opened, line)), Some((expected, short))) = (several, right) {
        let width = record.width;
        let spare =
            record.spans.get(expected).is_some_and(|(from, to)| record.text[*from..*to].trim_ascii().is_empty());
        if width != expected && !(width == expected + 1 && spare) && !(short && width + 1 == expected) {
            return Ok(Outcome::Broken(opened, Why::GoesOn { line, rest: String::new() }));
        }
    }
    Ok(Outcome::Whole { next: line.next, lines: number + 1 })
}

/// Whether all quotes within are written twice.
pub(super) fn alone(inner: &[u8]) -> bool {
    let mut rest = inner;
    while let Some(at) = memchr(b'"', rest) {
        if rest.get(at + 1) != Some(&b'"') {
            return false;
        }
        rest = &rest[at + 2..];
    }
    true
}

/// What quotes mean in text with tabs or delimiters of several bytes, by its first lines.
pub(super) fn guess(window: &mut Window, delimiter: &Delimiter) -> Result<Quotes, DataError> {
    while window.bytes().len() < PIECE / 4 && window.fill()? {}
    let head = window.bytes();
    let whole = if head.len() < PIECE / 4 { head.len() } else { memrchr2(b'\n', b'\r', head).unwrap_or(0) };
    let lines = head[..whole].split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.trim_ascii().is_empty());
    let quoted = |value: &[u8]| matches!(value.trim_ascii(), [b'"', .., b'"']);
    let mut always: Option<Vec<bool>> = None;
    for line in lines.take(LOOKED_AT) {
        let (mut here, mut rest) = (Vec::new(), line);
        while let Some((end, to)) = delimiter.find(rest) {
            here.push(quoted(&rest[..end]));
            rest = &rest[to..];
        }
        here.push(quoted(rest));
        always = Some(match always {
            None if here.iter().all(|quoted| *quoted) => return Ok(Quotes::Records),
            None => here,
            Some(before) => before.into_iter().zip(here).map(|(before, here)| before && here).collect(),
        });
    }
    let any = always.is_some_and(|columns| columns.contains(&true));
    Ok(if any { Quotes::Records } else { Quotes::Values })
}
