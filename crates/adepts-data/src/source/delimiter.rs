//! What stands between the values of a text file.

use memchr::memchr;
use memchr::memmem;

use crate::error::DataError;

/// How one or more blanks are called where a delimiter is set.
pub(crate) const WHITESPACE: &str = "whitespace";

/// What stands between values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    Byte(u8),
    /// Several bytes.
    Text(Vec<u8>),
    /// One or more blanks.
    Blanks,
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

pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

impl Delimiter {
    pub(super) fn new(text: &str) -> Self {
        match text.as_bytes() {
            _ if text == WHITESPACE => Self::Blanks,
            [byte] => Self::Byte(*byte),
            bytes => Self::Text(bytes.to_vec()),
        }
    }

    /// The first one in a line: where it begins and ends.
    #[inline]
    pub(super) fn find(&self, line: &[u8]) -> Option<(usize, usize)> {
        match self {
            Self::Byte(byte) => memchr(*byte, line).map(|at| (at, at + 1)),
            Self::Text(text) => memmem::find(line, text).map(|at| (at, at + text.len())),
            Self::Blanks => {
                let at = line.iter().position(|byte| is_blank(*byte))?;
                let length = line[at..].iter().take_while(|byte| is_blank(**byte)).count();
                Some((at, at + length))
            }
        }
    }

    /// How long the delimiter is with which a line begins, if it does.
    pub(super) fn begins(&self, line: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => (line.first() == Some(byte)).then_some(1),
            Self::Text(text) => line.starts_with(text).then_some(text.len()),
            Self::Blanks => Some(line.iter().take_while(|byte| is_blank(**byte)).count()).filter(|length| *length > 0),
        }
    }

    /// How many blanks a line begins with that belong to no value and are no delimiter.
    pub(super) fn padding(&self, line: &[u8]) -> usize {
        match self {
            Self::Blanks => 0,
            Self::Byte(byte) => line.iter().take_while(|b| is_blank(**b) && **b != *byte).count(),
            Self::Text(text) => line.iter().take_while(|b| is_blank(**b) && !is_blank(text[0])).count(),
        }
    }
}
