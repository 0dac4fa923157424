//! Delimiter and header of text files by their first lines, where nothing is said of them.

use std::fmt;
use std::io::Cursor;

use crate::config::{Column, DataConfig};
use crate::error::DataError;
use crate::place::shortened;
use crate::source::{
    FileFormat, Role, SourceFile, Splitter, WHITESPACE, check_delimiter, default_delimiter, files_of, first_lines,
    separator, usual,
};
use crate::time;

/// Delimiters that are tried, the most telling first.
const DELIMITERS: [&str; 7] = ["::", "\t", ";", "|", ",", " ", WHITESPACE];
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
        match &self.data_first {
            Some(_) => write!(f, "{comma} without a header"),
            None => Ok(()),
        }
    }
}

/// Fills in delimiter and header where they are left open, by the first lines of the first file. A delimiter that its
/// name implies stays open.
pub(crate) fn fill(data: &mut DataConfig) -> Result<Guessed, DataError> {
    fill_but(data, "")
}

/// As [`fill`]; what stands `within` values is not taken for the delimiter.
pub(crate) fn fill_but(data: &mut DataConfig, within: &str) -> Result<Guessed, DataError> {
    let file = files_of(data)?.swap_remove(0);
    let mut guessed = Guessed::default();
    if file.format == FileFormat::Csv {
        let lines = first_lines(&file, LINES)?;
        let usual = default_delimiter(&file.suffix);
        if data.delimiter.is_none() {
            data.delimiter = delimiter(&file, &lines, within)?.filter(|d| d != usual);
            guessed.delimiter.clone_from(&data.delimiter);
        }
        if data.header.is_none() && !by_name(data) {
            let used = data.delimiter.as_deref().unwrap_or(usual);
            check_delimiter(used)?;
            let rows = rows(&file, &lines, used)?;
            if looks_like_data(&rows, by_position(data)) {
                guessed.data_first = Some(rows[0].join(" "));
            }
        }
    }
    data.header = data.header.or(Some(guessed.data_first.is_none()));
    Ok(guessed)
}

/// The delimiter of a file of which another one makes a single column of this name.
pub(crate) fn other_delimiter(file: &SourceFile, not: &str, only: &str) -> Option<String> {
    let lines = first_lines(file, LINES).ok()?;
    delimiter(file, &lines, "")
        .ok()?
        .filter(|found| found != not && (found == WHITESPACE || only.contains(found.as_str())))
}

/// The columns that are given for a role of their own.
fn given(data: &DataConfig) -> impl Iterator<Item = &Column> {
    [&data.user, &data.item, &data.rating, &data.event, &data.time].into_iter().flatten()
}

/// Whether a name cannot be a position.
fn is_name(column: &Column) -> bool {
    matches!(column, Column::Name(name) if name.parse::<f64>().is_err())
}

/// Whether a column is given by a name that is no number, and so cannot be a position.
fn by_name(data: &DataConfig) -> bool {
    given(data).chain(&data.groups).any(is_name)
}

/// Whether columns are given by their positions, which are for files without a header.
fn by_position(data: &DataConfig) -> bool {
    given(data).next().is_some() && !by_name(data)
}

/// The values of these lines; records whose quotes are wrong, such as one that goes on after the last line, are left out.
fn rows(file: &SourceFile, lines: &[u8], delimiter: &str) -> Result<Vec<Vec<String>>, DataError> {
    let mut splitter = Splitter::over(file, Box::new(Cursor::new(lines.to_vec())), delimiter)?;
    let mut rows = Vec::new();
    while splitter.advance()? {
        if splitter.broken().is_none() {
            let value = |i| splitter.value(i).map_or_else(|wrong| wrong.shown, str::to_owned);
            rows.push((0..splitter.kept()).map(value).collect());
        }
    }
    Ok(rows)
}

/// What stands between the values of these lines.
fn delimiter(file: &SourceFile, lines: &[u8], within: &str) -> Result<Option<String>, DataError> {
    let first = lines.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if let Some(said) = separator(first) {
        return Ok(Some(said.to_owned()));
    }
    let usual = default_delimiter(&file.suffix);
    let within_blanks = within == " ";
    let tried = [usual].into_iter().chain(DELIMITERS.into_iter().filter(|delimiter| *delimiter != usual));
    let tried = tried.filter(|d| *d != within && !(within_blanks && *d == WHITESPACE));
    let cuts = tried.map(|delimiter| Ok(Cut { delimiter, rows: rows(file, lines, delimiter)? }));
    let cuts = cuts.collect::<Result<Vec<_>, DataError>>()?;
    let find = |delimiter: &str| cuts.iter().find(|cut| cut.delimiter == delimiter);
    let by_name = find(usual).filter(|cut| cut.all() || cut.half());
    let found = match by_name {
        // Where commas are those of decimals, they cut no values.
        Some(cut) if cut.delimiter == "," => find(";").filter(|other| other.all() && other.decimals()).or(by_name),
        Some(cut) => Some(cut),
        None => cuts.iter().find(|cut| cut.all()).or_else(|| cuts.iter().find(|cut| cut.half())),
    };
    Ok(found.map(|cut| cut.delimiter.to_owned()))
}

/// The first lines, cut at a delimiter.
struct Cut<'a> {
    delimiter: &'a str,
    rows: Vec<Vec<String>>,
}

impl Cut<'_> {
    /// Whether all lines have equally many values; the first may have one less, if rows have names.
    fn all(&self) -> bool {
        let Some((first, rest)) = self.rows.split_first() else { return false };
        let width = rest.first().map_or(first.len(), Vec::len);
        let even = rest.iter().all(|row| row.len() == width) && (first.len() == width || first.len() + 1 == width);
        // Several blanks in a row are one delimiter.
        let gaps = self.delimiter == " " && self.rows.iter().flatten().any(String::is_empty);
        first.len() > 1 && even && !gaps
    }

    /// Whether at least half of the lines have as many values as the first one.
    fn half(&self) -> bool {
        let width = self.rows.first().map_or(0, Vec::len);
        let same = self.rows.iter().filter(|row| row.len() == width).count();
        width > 1 && 2 * same >= self.rows.len() && self.delimiter != WHITESPACE
    }

    /// Whether there are commas in values, and all of them within numbers.
    fn decimals(&self) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let mut commas = self.rows.iter().flatten().filter(|value| value.contains(',')).peekable();
        let decimal = |value: &String| {
            let number = value.strip_prefix('-').unwrap_or(value);
            number.split_once(',').is_some_and(|(whole, part)| digits(whole) && digits(part))
        };
        commas.peek().is_some() && commas.all(decimal)
    }
}

/// Whether the first of these rows is one of data and no header. A header has usual names, no name that is a number or a date, and
/// names where the rows have numbers. Where nothing but text is in all of them, it is data if the columns are given by position, if one of its
/// values stands in its column again, or if all its values are built like those below them, of letters and digits.
fn looks_like_data(rows: &[Vec<String>], by_position: bool) -> bool {
    let [first, rest @ ..] = rows else { return false };
    let alike = rest.iter().filter(|row| row.len() == first.len());
    if rest.first().is_none_or(|second| second.len() != first.len())
        || usual(Role::User, first).is_some()
        || usual(Role::Item, first).is_some()
    {
        return false;
    }
    let number = |text: &String| text.replacen(',', ".", 1).parse::<f64>().is_ok();
    if first.iter().any(|value| time::is_date(value)) {
        return true;
    }
    let named = |at: usize| !number(&first[at]) && alike.clone().all(|row| number(&row[at]));
    if (0..first.len()).any(named) {
        return false;
    }
    if first.iter().any(number) || by_position {
        return true;
    }
    // Users or histories alone: a name that is taken for a row is told as unknown, a row that is taken for a name is lost.
    if let [only] = first.as_slice() {
        return !["history", "histories", "items"].contains(&only.to_lowercase().as_str());
    }
    if [Role::Rating, Role::Event, Role::Time].into_iter().any(|role| usual(role, first).is_some()) {
        return false;
    }
    let others = || rest.iter().filter(|row| *row != first && row.len() == first.len());
    let again = |(at, value): (usize, &String)| !value.is_empty() && others().any(|row| row[at] == *value);
    let shapes: Vec<String> = first.iter().map(|value| shape(value)).collect();
    let alike = |row: &Vec<String>| row.iter().zip(&shapes).all(|(value, like)| shape(value) == *like);
    let built = shapes.iter().any(|like| like.contains('0')) && others().count() > 1 && others().all(alike);
    built || first.iter().enumerate().any(again)
}

/// How a text is built: runs of letters and of digits, and what stands between them.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for c in shortened(text).chars() {
        let kind = if c.is_alphabetic() {
            'a'
        } else if c.is_ascii_digit() {
            '0'
        } else {
            c
        };
        if !shape.ends_with(kind) || !matches!(kind, 'a' | '0') {
            shape.push(kind);
        }
    }
    shape
}
