//! Text of other encodings as UTF-8, while it is read. What is broken in it stays broken.

use std::io::{self, Read};

/// An encoding whose bytes are turned into UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    Latin1,
    Windows1252,
    Utf16 { low_first: bool },
}

/// What Windows-1252 has in the place of the control characters 0x80 to 0x9f of Latin-1; those that it does not use stay.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Stands for half of a character of UTF-16. No text in UTF-8 holds this byte, so readers find the value to be broken.
const BROKEN: u8 = 0xff;

/// A stream of another encoding as UTF-8.
pub(super) struct Decoded<R> {
    inner: R,
    encoding: Foreign,
    /// Bytes that were read and are not decoded yet.
    waiting: Vec<u8>,
    text: Vec<u8>,
    /// How much of the text was handed over.
    at: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(inner: R, encoding: Foreign) -> Self {
        Self { inner, encoding, waiting: Vec::new(), text: Vec::new(), at: 0, ended: false }
    }

    fn more(&mut self) -> io::Result<()> {
        const PIECE: usize = 1 << 16;
        let before = self.waiting.len();
        self.waiting.resize(before + PIECE, 0);
        let read = self.inner.read(&mut self.waiting[before..])?;
        self.waiting.truncate(before + read);
        self.ended = read == 0;
        (self.at, self.text) = (0, std::mem::take(&mut self.text));
        self.text.clear();
        match self.encoding {
            Foreign::Latin1 => self.waiting.drain(..).for_each(|byte| push(&mut self.text, char::from(byte))),
            Foreign::Windows1252 => self.waiting.drain(..).for_each(|byte| {
                let char = match byte {
                    0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
                    byte => char::from(byte),
                };
                push(&mut self.text, char);
            }),
            Foreign::Utf16 { low_first } => self.utf16(low_first),
        }
        Ok(())
    }

    fn utf16(&mut self, low_first: bool) {
        let unit = |pair: &[u8]| {
            let pair = [pair[0], pair[1]];
            if low_first { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
        };
        let mut units: Vec<u16> = self.waiting.chunks_exact(2).map(unit).collect();
        // The other half of a character may come with the next piece.
        if !self.ended && units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) {
            units.pop();
        }
        self.waiting.drain(..2 * units.len());
        for unit in char::decode_utf16(units) {
            match unit {
                Ok(char) => push(&mut self.text, char),
                Err(_) => self.text.push(BROKEN),
            }
        }
        if self.ended && !self.waiting.is_empty() {
            self.waiting.clear();
            self.text.push(BROKEN);
        }
    }
}

fn push(text: &mut Vec<u8>, char: char) {
    text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            if self.ended {
                return Ok(0);
            }
            self.more()?;
        }
        let rest = &self.text[self.at..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands over a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1).min(buf.len());
            buf[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn decoded(bytes: &[u8], encoding: Foreign) -> String {
        String::from_utf8(raw(bytes, encoding)).unwrap()
    }

    fn raw(bytes: &[u8], encoding: Foreign) -> Vec<u8> {
        let mut text = Vec::new();
        Decoded::new(Slow(bytes), encoding).read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn characters_come_out_however_the_bytes_come_in() {
        let text = "müller, 5 €, 𝄞";
        let low_first: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let high_first: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decoded(&low_first, Foreign::Utf16 { low_first: true }), text);
        assert_eq!(decoded(&high_first, Foreign::Utf16 { low_first: false }), text);
        assert_eq!(decoded(b"m\xfcller \x80 \x93", Foreign::Windows1252), "müller € “");
        assert_eq!(decoded(b"m\xfcller", Foreign::Latin1), "müller");
    }

    #[test]
    fn half_a_character_is_no_utf_8() {
        let encoding = Foreign::Utf16 { low_first: true };
        assert_eq!(raw(b"a\0\x3d\xd8", encoding), b"a\xff");
        assert_eq!(raw(b"a\0\x3d\xd8b\0", encoding), b"a\xffb");
        assert_eq!(raw(b"\x1e\xdda\0", encoding), b"\xffa");
        assert_eq!(raw(b"a\0b", encoding), b"a\xff");
    }
}
