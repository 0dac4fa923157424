//! Delimiter and header of text files by their first lines, where nothing is said of them.

use std::fmt;
use std::io::{BufRead, Cursor};

use crate::config::{Column, DataConfig};
use crate::error::DataError;
use crate::source::{
    FileFormat, Role, SourceFile, Splitter, check_delimiter, default_delimiter, find_files, open_text, read_error,
    usual,
};

/// Delimiters that are tried, the most telling first.
const DELIMITERS: [&str; 6] = ["::", "\t", ";", "|", ",", " "];
/// How many lines are looked at.
const LINES: usize = 20;

/// What was found otherwise than the name of the file says.
#[derive(Default)]
pub(crate) struct Guessed {
    delimiter: Option<String>,
    /// The first row, if it looks like data.
    pub(crate) data_first: Option<String>,
}

impl Guessed {
    /// Whether there is something to tell.
    pub(crate) fn any(&self) -> bool {
        self.delimiter.is_some() || self.data_first.is_some()
    }
}

impl fmt::Display for Guessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guessed by the first lines:")?;
        if let Some(delimiter) = &self.delimiter {
            write!(f, " separated by `{}`", delimiter.escape_default())?;
        }
        let comma = if self.delimiter.is_some() { "," } else { "" };
        if self.data_first.is_some() { write!(f, "{comma} without a header") } else { Ok(()) }
    }
}

/// Fills in delimiter and header where they are left open, by the first lines of the first file. A delimiter that its
/// name implies stays open.
pub(crate) fn fill(data: &mut DataConfig) -> Result<Guessed, DataError> {
    let file = find_files(&data.source, data.format)?.swap_remove(0);
    let mut guessed = Guessed::default();
    if file.format == FileFormat::Csv {
        let lines = first_lines(&file)?;
        if data.delimiter.is_none() {
            data.delimiter = delimiter(&file, &lines)?.filter(|d| d != default_delimiter(&file.suffix));
            guessed.delimiter.clone_from(&data.delimiter);
        }
        if data.header.is_none() && !by_name(data) {
            let used = data.delimiter.as_deref().unwrap_or(default_delimiter(&file.suffix));
            check_delimiter(used)?;
            let rows = rows(&file, &lines, used)?;
            if let [first, second, ..] = rows.as_slice()
                && looks_like_data(first, second)
            {
                guessed.data_first = Some(first.join(" "));
            }
        }
    }
    data.header = data.header.or(Some(guessed.data_first.is_none()));
    Ok(guessed)
}

/// Whether a column is given by a name that is no number, and so cannot be a position.
fn by_name(data: &DataConfig) -> bool {
    let single = [&data.user, &data.item, &data.rating, &data.event, &data.time];
    let mut given = single.into_iter().flatten().chain(&data.groups);
    given.any(|column| matches!(column, Column::Name(name) if name.parse::<f64>().is_err()))
}

/// The first lines that are not blank.
fn first_lines(file: &SourceFile) -> Result<Vec<u8>, DataError> {
    let (mut reader, _) = open_text(file)?;
    let (mut lines, mut found) = (Vec::new(), 0);
    while found < LINES {
        let before = lines.len();
        if reader.read_until(b'\n', &mut lines).map_err(|e| read_error(file, e))? == 0 {
            break;
        }
        found += usize::from(!lines[before..].trim_ascii().is_empty());
    }
    Ok(lines)
}

/// The values of these lines; a record that goes on after the last of them is cut off.
fn rows(file: &SourceFile, lines: &[u8], delimiter: &str) -> Result<Vec<Vec<String>>, DataError> {
    let mut splitter = Splitter::over(file, Box::new(Cursor::new(lines.to_vec())), delimiter);
    let mut rows = Vec::new();
    while splitter.advance()? {
        let value = |i| splitter.value(i).map_or_else(|wrong| wrong.shown, str::to_owned);
        rows.push((0..splitter.width()).map(value).collect());
    }
    Ok(rows)
}

/// The first delimiter, beginning with that of the name, that cuts at least half of the lines like the first one, into
/// several values.
fn delimiter(file: &SourceFile, lines: &[u8]) -> Result<Option<String>, DataError> {
    for delimiter in [default_delimiter(&file.suffix)].into_iter().chain(DELIMITERS) {
        let widths: Vec<usize> = rows(file, lines, delimiter)?.iter().map(Vec::len).collect();
        let first = widths.first().copied().unwrap_or(0);
        if first > 1 && 2 * widths.iter().filter(|width| **width == first).count() >= widths.len() {
            return Ok(Some(delimiter.to_owned()));
        }
    }
    Ok(None)
}

/// A header has no numbers, and names that are not values of the second row.
fn looks_like_data(first: &[String], second: &[String]) -> bool {
    if usual(Role::User, first).is_some() || usual(Role::Item, first).is_some() {
        return false;
    }
    let number = |text: &String| text.parse::<f64>().is_ok();
    first.iter().any(number) && first.iter().zip(second).all(|(a, b)| number(a) == number(b))
}
