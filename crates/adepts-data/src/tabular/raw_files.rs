//! Where raw rows are.

use super::config::TabularConfig;
use crate::config::{BadRows, Column, DataConfig, Encoding, Format};
use crate::error::DataError;
use crate::layout;
use crate::progress::Progress;
use crate::source::Source;

/// Where raw rows are, and how they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct RawFiles {
    /// A file, a glob, or a folder of files.
    pub source: String,
    /// Format of the files; [`Format::Auto`] goes by the content.
    pub format: Format,
    /// The encoding of text files.
    pub encoding: Encoding,
    /// What stands between the values of a text file; by default what its first lines hold.
    pub delimiter: Option<String>,
    /// Whether text files begin with the names of the columns; by default as [`TabularConfig::header`] says.
    pub header: Option<bool>,
    /// What happens to rows that cannot be read.
    pub bad_rows: BadRows,
    /// Columns that are passed through beside what is made of the rows.
    pub keep: Vec<Column>,
}

impl RawFiles {
    /// Files in the format that their content says, in which no row may be bad.
    #[must_use]
    pub fn new(source: impl Into<String>) -> Self {
        let source = source.into();
        let (format, encoding) = (Format::Auto, Encoding::Auto);
        Self { source, format, encoding, delimiter: None, header: None, bad_rows: BadRows::Fail, keep: Vec::new() }
    }

    /// Finds the files; delimiter and header are filled in where they are left open. `columns` are those that are read.
    pub(super) fn open(&mut self, columns: Vec<Column>, progress: Progress) -> Result<Source, DataError> {
        let mut data = DataConfig {
            source: self.source.clone(),
            format: self.format,
            encoding: self.encoding,
            delimiter: self.delimiter.clone(),
            header: self.header,
            groups: columns.into_iter().chain(self.keep.iter().cloned()).collect(),
            ..DataConfig::default()
        };
        let guessed = layout::fill(&mut data)?;
        if guessed.any() {
            progress(&guessed.to_string(), 0, None);
        }
        let source = Source::open(&data)?;
        (self.delimiter, self.header) = (data.delimiter, data.header);
        Ok(source)
    }
}

impl From<&TabularConfig> for RawFiles {
    fn from(config: &TabularConfig) -> Self {
        Self {
            source: config.source.clone(),
            format: config.format,
            encoding: config.encoding,
            delimiter: config.delimiter.clone(),
            header: config.header,
            bad_rows: config.bad_rows,
            keep: Vec::new(),
        }
    }
}
