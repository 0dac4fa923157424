//! The objects of a JSON file: one a line, or one after another in an array or by themselves, each over as many lines as it likes.

use memchr::memchr_iter;
use serde::de::IgnoredAny;

use super::files::SourceFile;
use super::input::{ByteCount, open_text};
use super::window::{Ends, LONGEST, Window};
use crate::error::DataError;
use crate::place::Place;

/// The objects of a file, as bytes.
pub(super) struct Frames {
    window: Window,
    pub(super) bytes: ByteCount,
    by_line: bool,
    /// How long the current object is, where the next one begins behind the mark, and after how many lines.
    length: usize,
    next: usize,
    lines: u64,
    /// Arrays that are open.
    open: usize,
}

impl Frames {
    pub(super) fn open(file: &SourceFile) -> Result<Self, DataError> {
        let (reader, bytes) = open_text(file)?;
        let mut window = Window::new(file, reader, Ends::Feed);
        window.returns_if_first()?;
        let by_line = by_line(&mut window)?;
        Ok(Self { window, bytes, by_line, length: 0, next: 0, lines: 0, open: 0 })
    }

    /// Goes to the next object; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, DataError> {
        self.window.advance(self.next, self.lines);
        (self.next, self.lines) = (0, 0);
        if self.by_line { self.line() } else { self.value() }
    }

    /// The current object.
    pub(super) fn object(&self) -> &[u8] {
        &self.window.bytes()[..self.length]
    }

    /// The line on which it begins.
    pub(super) fn number(&self) -> u64 {
        self.window.number()
    }

    fn place(&self) -> Place {
        Place { path: self.window.file().path.clone(), unit: "line", number: self.window.number() }
    }

    fn line(&mut self) -> Result<bool, DataError> {
        while let Some(line) = self.window.line(0, 0)? {
            if !self.window.bytes()[..line.end].trim_ascii().is_empty() {
                (self.length, self.next, self.lines) = (line.end, line.next, 1);
                return Ok(true);
            }
            self.window.advance(line.next, 1);
            self.window.skip_empty();
        }
        Ok(false)
    }

    fn value(&mut self) -> Result<bool, DataError> {
        loop {
            match self.window.bytes().first().copied() {
                Some(b'\n') => self.window.skip_empty(),
                Some(b' ' | b'\t' | b'\r' | b',') => self.window.advance(1, 0),
                Some(b'[') => {
                    self.open += 1;
                    self.window.advance(1, 0);
                }
                Some(b']') => {
                    self.open = self.open.saturating_sub(1);
                    self.window.advance(1, 0);
                }
                Some(_) => break,
                None if self.window.fill()? => {}
                None if self.open > 0 => {
                    return Err(DataError::Truncated { path: self.window.file().path.clone(), kind: "JSON" });
                }
                None => return Ok(false),
            }
        }
        let (mut at, mut depth, mut text, mut escaped) = (0, 0_usize, false, false);
        'read: loop {
            for byte in &self.window.bytes()[at..] {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if text => escaped = true,
                    b'"' => text = !text,
                    _ if text => {}
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        if depth <= 1 {
                            at += depth;
                            break 'read;
                        }
                        depth -= 1;
                    }
                    b',' | b'\n' if depth == 0 => break 'read,
                    _ => {}
                }
                at += 1;
            }
            if at > LONGEST {
                return Err(DataError::LongLine { place: self.place(), limit: LONGEST });
            }
            if !self.window.fill()? {
                if depth > 0 || text {
                    // Where the next object begins nobody can say.
                    let reason =
                        "what begins here is not closed before the end of the file; expected JSON objects".into();
                    return Err(DataError::MalformedRow { place: self.place(), reason });
                }
                break;
            }
        }
        // Something that is no value, such as a bracket too many, is a row that cannot be read.
        let at = at.max(1);
        (self.length, self.next) = (at, at);
        self.lines = memchr_iter(b'\n', &self.window.bytes()[..at]).count() as u64;
        Ok(true)
    }
}

/// Whether there is an object a line: the first line is one, or is broken and the next one begins as one.
fn by_line(window: &mut Window) -> Result<bool, DataError> {
    let (mut from, mut number, mut first) = (0, 0, true);
    // Few lines are blank; in a file of them there is nothing to find out.
    while number < 100 {
        while window.bytes().len() < from + 2 && window.fill()? {}
        if first && window.bytes()[from..].trim_ascii_start().starts_with(b"[") {
            return Ok(false);
        }
        let Some(line) = window.line(from, number)? else { return Ok(true) };
        let text = window.bytes()[from..line.end].trim_ascii();
        if !text.is_empty() {
            if !first {
                return Ok(text.starts_with(b"{"));
            }
            if serde_json::from_slice::<IgnoredAny>(text).is_ok() || !text.starts_with(b"{") {
                return Ok(true);
            }
            first = false;
        }
        (from, number) = (line.next, number + 1);
    }
    Ok(true)
}
