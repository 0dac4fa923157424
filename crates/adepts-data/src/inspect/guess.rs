//! Format, delimiter and header by the content.

use std::io::BufRead;

use crate::config::{Column, DataConfig, Format};
use crate::error::DataError;
use crate::source::{FileFormat, Role, Source, SourceFile, Splitter, default_delimiter, find_files, open_text, usual};

/// Delimiters that are tried, the most telling first.
const DELIMITERS: [&str; 6] = ["::", "\t", ";", "|", ",", " "];
/// How many lines are looked at.
const LINES: usize = 20;

/// What was seen on the way.
pub(super) struct Looks {
    /// The names of the files do not say the format.
    pub(super) format_needed: bool,
    /// The first row, if it was to be a header but looks like data.
    pub(super) header_like_data: Option<String>,
}

/// `options` with the source, and with format, delimiter and header as they seem to be.
pub(super) fn layout(path: &str, options: &DataConfig) -> Result<(DataConfig, Looks), DataError> {
    let mut data = options.clone();
    path.clone_into(&mut data.source);
    let mut looks = Looks { format_needed: false, header_like_data: None };
    let files = match find_files(path, data.format) {
        Err(DataError::UnknownFormat { .. }) => {
            looks.format_needed = true;
            data.format = sniff(&find_files(path, Format::Csv)?[0])?;
            find_files(path, data.format)?
        }
        other => other?,
    };
    if files[0].format != FileFormat::Csv {
        return Ok((data, looks));
    }
    if data.delimiter.is_none() {
        data.delimiter = delimiter(&files[0])?.filter(|d| d != default_delimiter(&files[0].suffix));
    }
    if data.header {
        let used = data.delimiter.as_deref().unwrap_or(default_delimiter(&files[0].suffix));
        let (first, second) = first_two(&files[0], used)?;
        if looks_like_data(&first, &second) {
            data.header = false;
            looks.header_like_data = Some(first.join(" "));
        }
    }
    Ok((data, looks))
}

/// The format by the first bytes.
fn sniff(file: &SourceFile) -> Result<Format, DataError> {
    let (mut text, _) = open_text(file)?;
    let head = text.fill_buf().map_err(DataError::io("read", &file.path))?;
    Ok(if head.starts_with(b"PAR1") {
        Format::Parquet
    } else if head.trim_ascii_start().starts_with(b"{") {
        Format::Jsonl
    } else {
        Format::Csv
    })
}

/// The delimiter that all of the first lines hold equally often.
fn delimiter(file: &SourceFile) -> Result<Option<String>, DataError> {
    let (mut reader, _) = open_text(file)?;
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    while lines.len() < LINES {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(DataError::io("read", &file.path))? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if !text.is_empty() {
            lines.push(text);
        }
    }
    let usual = default_delimiter(&file.suffix);
    let times = |d: &str| lines.iter().map(|l| l.matches(d).count()).collect::<Vec<_>>();
    let fits = |d: &&str| times(d).first().is_some_and(|&n| n > 0 && times(d).iter().all(|&m| m == n));
    let found = [usual].into_iter().chain(DELIMITERS).find(fits);
    // With quoted values the counts differ; then the one that all lines hold.
    let held =
        || [usual].into_iter().chain(DELIMITERS).find(|d| !lines.is_empty() && lines.iter().all(|l| l.contains(d)));
    Ok(found.or_else(held).map(str::to_owned))
}

/// The values of the first two rows.
fn first_two(file: &SourceFile, delimiter: &str) -> Result<(Vec<String>, Vec<String>), DataError> {
    let mut splitter = Splitter::open(file, delimiter)?;
    let mut next = || -> Result<Vec<String>, DataError> {
        if !splitter.advance()? {
            return Ok(Vec::new());
        }
        Ok((0..splitter.width()).map(|i| splitter.value(i).map_or_else(|lossy| lossy, str::to_owned)).collect())
    };
    Ok((next()?, next()?))
}

/// A header has no numbers, and names that are not values of the second row.
fn looks_like_data(first: &[String], second: &[String]) -> bool {
    if usual(Role::User, first).is_some() || usual(Role::Item, first).is_some() {
        return false;
    }
    let number = |text: &String| text.parse::<f64>().is_ok();
    first.iter().any(number) && first.iter().zip(second).all(|(a, b)| number(a) == number(b))
}

/// The columns of user and item by usual names, or the first two of a file without names.
pub(super) fn id_columns(data: &mut DataConfig, source: &Source) -> Result<(), DataError> {
    let unnamed = source.delimiter().is_some() && !data.header;
    let names = source.columns();
    for (role, position, column) in [(Role::User, 1, &mut data.user), (Role::Item, 2, &mut data.item)] {
        match column {
            Some(column) => drop(source.find(column)?),
            None if unnamed && position <= names.len() => *column = Some(Column::Position(position)),
            None => *column = usual(role, names).map(|at| Column::Name(names[at].clone())),
        }
    }
    Ok(())
}
