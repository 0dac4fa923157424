//! How a simulated log goes into a file.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression as ParquetCompression;
use parquet::file::properties::WriterProperties;

use super::community::User;
use super::config::SimulationConfig;
use crate::error::SimulationError;

/// Rows that Parquet holds before it writes them.
const ROW_GROUP: usize = 1 << 18;

/// The kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Csv,
    CsvGzip,
    Parquet,
}

impl Encoding {
    /// By the suffix of the name.
    pub(crate) fn of(path: &Path) -> Result<Self, SimulationError> {
        let name = path.to_string_lossy().to_lowercase();
        let known = [(".csv", Self::Csv), (".csv.gz", Self::CsvGzip), (".parquet", Self::Parquet)];
        let found = known.into_iter().find(|(suffix, _)| name.ends_with(suffix));
        found.map(|(_, encoding)| encoding).ok_or_else(|| SimulationError::Suffix { path: path.display().to_string() })
    }

    /// Begins a file.
    pub(crate) fn sink<W: Write + Send>(self, mut file: W, header: &str, schema: &SchemaRef) -> io::Result<Sink<W>> {
        match self {
            Self::Csv => {
                file.write_all(header.as_bytes())?;
                Ok(Sink::Csv(file))
            }
            Self::CsvGzip => {
                let mut file = GzEncoder::new(file, Compression::fast());
                file.write_all(header.as_bytes())?;
                Ok(Sink::CsvGzip(file))
            }
            Self::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(ParquetCompression::SNAPPY)
                    .set_max_row_group_row_count(Some(ROW_GROUP))
                    .build();
                let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
                Ok(Sink::Parquet(Box::new(writer)))
            }
        }
    }
}

/// A file that is being written.
pub(crate) enum Sink<W: Write + Send> {
    Csv(W),
    CsvGzip(GzEncoder<W>),
    Parquet(Box<ArrowWriter<W>>),
}

/// Rows in the form in which the file takes them.
pub(crate) enum Formatted {
    Text(Vec<u8>),
    Batch(RecordBatch),
}

impl<W: Write + Send> Sink<W> {
    /// Appends rows that were formatted for the same encoding.
    pub(crate) fn write(&mut self, rows: Formatted) -> io::Result<()> {
        match (self, rows) {
            (Self::Csv(file), Formatted::Text(text)) => file.write_all(&text),
            (Self::CsvGzip(file), Formatted::Text(text)) => file.write_all(&text),
            (Self::Parquet(file), Formatted::Batch(batch)) => Ok(file.write(&batch)?),
            _ => Err(io::Error::other("rows were formatted for another kind of file")),
        }
    }

    /// Ends the file.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv(_) => Ok(()),
            Self::CsvGzip(file) => file.finish().map(|_| ()),
            Self::Parquet(file) => Ok(file.close().map(|_| ())?),
        }
    }
}

/// The columns, and the ids as text.
pub(super) struct Layout {
    ratings: bool,
    user_digits: usize,
    item_ids: Vec<Box<str>>,
    communities: Vec<String>,
    pub(super) schema: SchemaRef,
}

impl Layout {
    pub(super) fn new(config: &SimulationConfig, communities: &[String]) -> Self {
        // Ids of equal length sort as text in the order of their numbers.
        let digits = |n: usize| (n - 1).to_string().len().max(5);
        let item_digits = digits(config.items);
        let mut fields = vec![Field::new("user", DataType::Utf8, false), Field::new("item", DataType::Utf8, false)];
        if config.ratings {
            fields.push(Field::new("rating", DataType::Int32, false));
        }
        fields.push(Field::new("time", DataType::Int64, false));
        fields.push(Field::new("community", DataType::Utf8, false));
        Self {
            ratings: config.ratings,
            user_digits: digits(config.users),
            item_ids: (0..config.items).map(|item| format!("i{item:0item_digits$}").into()).collect(),
            communities: communities.to_vec(),
            schema: Arc::new(Schema::new(fields)),
        }
    }

    pub(super) fn user(&self, number: usize) -> String {
        format!("u{number:0width$}", width = self.user_digits)
    }

    pub(super) fn item(&self, item: u32) -> &str {
        &self.item_ids[item as usize]
    }

    pub(super) fn header(&self) -> &'static str {
        if self.ratings { "user,item,rating,time,community\n" } else { "user,item,time,community\n" }
    }

    /// The rows of some users.
    pub(super) fn format(&self, users: &[User], encoding: Encoding) -> io::Result<Formatted> {
        match encoding {
            Encoding::Csv | Encoding::CsvGzip => Ok(Formatted::Text(self.text(users))),
            Encoding::Parquet => self.batch(users).map(Formatted::Batch),
        }
    }

    fn text(&self, users: &[User]) -> Vec<u8> {
        let rows: usize = users.iter().map(|user| user.items.len()).sum();
        let mut text = String::with_capacity(rows * 48);
        for user in users {
            let id = self.user(user.number);
            let community = &self.communities[usize::from(user.community)];
            for (nth, (&item, time)) in user.items.iter().zip(&user.times).enumerate() {
                text.push_str(&id);
                text.push(',');
                text.push_str(self.item(item));
                text.push(',');
                if self.ratings {
                    text.push(char::from(b'0' + user.ratings[nth]));
                    text.push(',');
                }
                // Writing to a string does not fail.
                let _ = write!(text, "{time}");
                text.push(',');
                text.push_str(community);
                text.push('\n');
            }
        }
        text.into_bytes()
    }

    fn batch(&self, users: &[User]) -> io::Result<RecordBatch> {
        let repeated = |text: &dyn Fn(&User) -> String| -> ArrayRef {
            let texts: Vec<(String, usize)> = users.iter().map(|user| (text(user), user.items.len())).collect();
            let rows = texts.iter().flat_map(|(text, times)| std::iter::repeat_n(text.as_str(), *times));
            Arc::new(StringArray::from_iter_values(rows))
        };
        let items = users.iter().flat_map(|user| &user.items);
        let mut columns: Vec<ArrayRef> = vec![
            repeated(&|user| self.user(user.number)),
            Arc::new(StringArray::from_iter_values(items.map(|&item| self.item(item)))),
        ];
        if self.ratings {
            let ratings = users.iter().flat_map(|user| &user.ratings);
            columns.push(Arc::new(Int32Array::from_iter_values(ratings.map(|&rating| i32::from(rating)))));
        }
        let times = users.iter().flat_map(|user| &user.times);
        columns.push(Arc::new(Int64Array::from_iter_values(times.copied())));
        columns.push(repeated(&|user| self.communities[usize::from(user.community)].clone()));
        RecordBatch::try_new(self.schema.clone(), columns).map_err(io::Error::other)
    }
}
