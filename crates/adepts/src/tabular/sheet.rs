//! What is said of rows as a file: a table in Parquet or CSV, by the name of the file.

use std::io::{self, Write};
use std::path::Path;

use adepts_data::atomic::write_atomically_with;
use adepts_data::{CsvTable, DataError};
use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;

use crate::error::Error;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Apache Parquet.
    Parquet,
    /// Text with commas.
    Csv,
}

impl Form {
    /// The form that the name of a file says.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            _ => Err(Error::Request(format!("{}: expected a name that ends with .parquet or .csv", path.display()))),
        }
    }
}

type Out<'a> = &'a mut (dyn Write + Send);

enum Writer<'a> {
    Parquet(Box<ArrowWriter<Out<'a>>>),
    Csv(Box<CsvTable<Out<'a>>>),
}

/// A table that is being written; its columns are those of the first block.
pub(super) struct Sheet<'a> {
    path: &'a Path,
    form: Form,
    out: Option<Out<'a>>,
    writer: Option<Writer<'a>>,
}

impl Sheet<'_> {
    /// Adds the rows of a block.
    pub(super) fn write(&mut self, block: &RecordBatch) -> Result<(), DataError> {
        let Self { path, form, out, writer } = self;
        let failed = DataError::writing(path);
        let mut written = || -> io::Result<()> {
            if let Some(out) = out.take() {
                *writer = Some(match form {
                    Form::Parquet => Writer::Parquet(Box::new(ArrowWriter::try_new(out, block.schema(), None)?)),
                    Form::Csv => Writer::Csv(Box::new(CsvTable::new(out, Some(&block.schema()))?)),
                });
            }
            match writer {
                Some(Writer::Parquet(writer)) => Ok(writer.write(block)?),
                Some(Writer::Csv(table)) => table.rows(block),
                None => Ok(()),
            }
        };
        written().map_err(failed)
    }
}

/// Writes a table atomically: `fill` hands over its rows, at least an empty block, and what it returns is returned.
pub(super) fn write_sheet<T, E: From<DataError>>(
    path: &Path,
    form: Form,
    fill: impl FnOnce(&mut Sheet<'_>) -> Result<T, E>,
) -> Result<T, E> {
    write_atomically_with(path, |out| {
        let mut sheet = Sheet { path, form, out: Some(out), writer: None };
        let done = fill(&mut sheet)?;
        let ended = match sheet.writer {
            Some(Writer::Parquet(writer)) => writer.close().map(drop).map_err(io::Error::from),
            Some(Writer::Csv(table)) => table.finish().map(drop),
            None => Ok(()),
        };
        ended.map_err(DataError::writing(path))?;
        Ok(done)
    })
}
