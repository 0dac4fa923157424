//! Format, layout and columns of the ids by the content.

use std::io::BufRead;

use crate::config::{Column, DataConfig, Format};
use crate::error::DataError;
use crate::layout;
use crate::source::{Role, Source, SourceFile, find_files, open_text, usual};

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
    let mut format_needed = false;
    if let Err(DataError::UnknownFormat { .. }) = find_files(path, data.format) {
        format_needed = true;
        data.format = sniff(&find_files(path, Format::Csv)?[0])?;
    }
    let header_like_data = layout::fill(&mut data)?.data_first;
    Ok((data, Looks { format_needed, header_like_data }))
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

/// The columns of user and item by usual names, or the first two of a file without names.
pub(super) fn id_columns(data: &mut DataConfig, source: &Source) -> Result<(), DataError> {
    let unnamed = source.delimiter().is_some() && data.header == Some(false);
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
