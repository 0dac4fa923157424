//! Layout and columns of the ids by the content.

use crate::config::{Column, DataConfig};
use crate::error::DataError;
use crate::layout;
use crate::source::{Role, Source, usual};

/// What was seen on the way.
pub(super) struct Looks {
    /// The first row, if it was to be a header but looks like data.
    pub(super) header_like_data: Option<String>,
}

/// `options` with the source, and with delimiter and header as they seem to be.
pub(super) fn layout(path: &str, options: &DataConfig) -> Result<(DataConfig, Looks), DataError> {
    let mut data = options.clone();
    path.clone_into(&mut data.source);
    let header_like_data = layout::fill(&mut data)?.data_first;
    Ok((data, Looks { header_like_data }))
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
