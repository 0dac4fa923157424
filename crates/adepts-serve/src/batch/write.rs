//! Lists to files: a row per user and rank (Parquet), or an object per user (JSON lines).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use adepts_data::{Id, Vocabulary};
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use serde::Serialize;

use super::Chunk;
use crate::answer::Answer;
use crate::answerer::Answerer as _;
use crate::history::HistoryAnswerer;
use crate::question::{Asked, Question};

/// How lists are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Parquet,
    Jsonl,
}

impl Format {
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "parquet" => Some(Self::Parquet),
            "jsonl" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// Which columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: Format,
    /// The number of the row that was asked.
    pub(super) row: bool,
    pub(super) user: bool,
    /// Whether users are those of the run, whose ids have a type; labels of histories are text.
    pub(super) stored: bool,
}

/// Writes a part of the lists.
pub(super) enum Writer<'a> {
    Parquet { columns: Columns<'a>, writer: Box<ArrowWriter<BufWriter<File>>> },
    Jsonl { answerer: &'a HistoryAnswerer, row: bool, file: BufWriter<File> },
}

impl<'a> Writer<'a> {
    pub(super) fn new(answerer: &'a HistoryAnswerer, layout: Layout, file: File) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, file);
        if layout.format == Format::Jsonl {
            return Ok(Self::Jsonl { answerer, row: layout.row, file });
        }
        let columns = Columns::new(answerer, layout);
        let writer = ArrowWriter::try_new(file, Arc::clone(&columns.schema), Some(properties()?))?;
        Ok(Self::Parquet { columns, writer: Box::new(writer) })
    }

    pub(super) fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        match self {
            Self::Parquet { columns, writer } => Ok(writer.write(&columns.batch(chunk)?)?),
            Self::Jsonl { answerer, row, file } => lines(answerer, *row, file, chunk),
        }
    }

    pub(super) fn finish(self) -> io::Result<File> {
        match self {
            Self::Parquet { writer, .. } => writer.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error),
            Self::Jsonl { file, .. } => file.into_inner().map_err(io::IntoInnerError::into_error),
        }
    }
}

fn properties() -> io::Result<WriterProperties> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::None)
        // Scores hardly ever repeat, so a dictionary of them would be as long as they are.
        .set_column_dictionary_enabled("score".into(), false)
        .set_created_by("adepts".to_owned())
        .build())
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    #[serde(flatten)]
    answer: &'a Answer,
}

#[derive(Serialize)]
struct Refused<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a Id>,
    error: String,
}

fn lines(answerer: &HistoryAnswerer, numbered: bool, file: &mut impl Write, chunk: &Chunk) -> io::Result<()> {
    let mut lists = chunk.lists.iter();
    for (asked, wish) in chunk.rows.iter().zip(&chunk.wishes) {
        let row = numbered.then_some(asked.number);
        match (wish, lists.len()) {
            (Ok(wish), 1..) => {
                let question = Question { user: asked.user.clone(), ..Question::default() };
                let list = lists.next().expect("a list for each wish");
                let answer = &answerer.told(&Asked::from(question), wish, list);
                serde_json::to_writer(&mut *file, &Line { row, answer })?;
            }
            (Err(error), _) => {
                let (user, error) = (asked.user.clone().map(|user| answerer.user_id(user)), error.to_string());
                serde_json::to_writer(&mut *file, &Refused { row, user: user.as_ref(), error })?;
            }
            (Ok(_), _) => {}
        }
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// The columns of a table of lists.
pub(super) struct Columns<'a> {
    answerer: &'a HistoryAnswerer,
    schema: Arc<Schema>,
}

impl<'a> Columns<'a> {
    fn new(answerer: &'a HistoryAnswerer, layout: Layout) -> Self {
        let parts = answerer.parts();
        let kind = |ids: &Vocabulary| if matches!(ids, Vocabulary::Int(_)) { DataType::Int64 } else { DataType::Utf8 };
        let users = parts.histories.as_ref().filter(|_| layout.stored).map(|histories| kind(&histories.users));
        let mut fields = Vec::new();
        fields.extend(layout.row.then(|| Field::new("row", DataType::UInt64, false)));
        fields.extend(layout.user.then(|| Field::new("user", users.unwrap_or(DataType::Utf8), true)));
        fields.push(Field::new("rank", DataType::UInt32, false));
        fields.push(Field::new("item", kind(&parts.catalogue.ids), false));
        fields.extend(parts.titles.as_ref().map(|_| Field::new("title", DataType::Utf8, true)));
        fields.push(Field::new("score", DataType::Float32, false));
        fields.push(Field::new("popular", DataType::Boolean, false));
        Self { answerer, schema: Arc::new(Schema::new(fields)) }
    }

    fn batch(&self, chunk: &Chunk) -> io::Result<RecordBatch> {
        let parts = self.answerer.parts();
        let answered = chunk.rows.iter().zip(&chunk.wishes).filter(|(_, wish)| wish.is_ok());
        let answered: Vec<_> = answered.map(|(row, _)| row).zip(&chunk.lists).collect();
        let items = || answered.iter().flat_map(|(_, list)| &list.items);
        let repeated = || answered.iter().flat_map(|(row, list)| std::iter::repeat_n(row, list.items.len()));
        let mut columns: Vec<ArrayRef> = Vec::new();
        for field in self.schema.fields() {
            columns.push(match field.name().as_str() {
                "row" => Arc::new(UInt64Array::from_iter_values(repeated().map(|row| row.number))),
                "user" if *field.data_type() == DataType::Int64 => {
                    Arc::new(repeated().map(|row| self.number(row.user.as_ref()?)).collect::<Int64Array>())
                }
                "user" => {
                    let texts: Vec<Option<String>> =
                        answered.iter().map(|(row, _)| row.user.as_ref().map(ToString::to_string)).collect();
                    let texts = answered.iter().zip(&texts);
                    let texts =
                        texts.flat_map(|((_, list), text)| std::iter::repeat_n(text.as_deref(), list.items.len()));
                    Arc::new(texts.collect::<StringArray>())
                }
                "rank" => {
                    let ranks = answered.iter().flat_map(|(_, list)| 1..=list.items.len() as u32);
                    Arc::new(UInt32Array::from_iter_values(ranks))
                }
                "item" => match &parts.catalogue.ids {
                    Vocabulary::Int(ids) => Arc::new(Int64Array::from_iter_values(items().map(|i| ids[*i as usize]))),
                    Vocabulary::Text(ids) => {
                        Arc::new(StringArray::from_iter_values(items().map(|i| &ids[*i as usize])))
                    }
                },
                "title" => {
                    let titles = parts.titles.as_ref();
                    Arc::new(items().map(|item| titles?.get(*item)).collect::<StringArray>())
                }
                "score" => {
                    let scores = answered.iter().flat_map(|(_, list)| list.scores.iter().copied());
                    Arc::new(Float32Array::from_iter_values(scores))
                }
                _ => {
                    let popular = |(_, list): &(_, &crate::history::List)| {
                        std::iter::repeat_n(Some(list.popular), list.items.len())
                    };
                    Arc::new(answered.iter().flat_map(popular).collect::<BooleanArray>())
                }
            });
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)
    }

    /// The id of a user as a number: as the run has it, whatever it was in the file.
    fn number(&self, user: &Id) -> Option<i64> {
        let users = self.answerer.parts().histories.as_ref().map(|histories| &histories.users)?;
        match users.id(users.index(user)?) {
            Id::Int(number) => Some(number),
            Id::Text(_) => None,
        }
    }
}

/// Puts parts behind one another: bytes of lines, or row groups as they are.
pub(super) fn join(format: Format, parts: &[File], out: &mut (impl Write + Send)) -> io::Result<()> {
    if format == Format::Jsonl {
        return parts.iter().try_for_each(|part| io::copy(&mut &*part, out).map(drop));
    }
    let mut writer = None;
    let mut out = Some(out);
    for part in parts {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(part)?;
        let file = metadata.file_metadata();
        if let Some(out) = out.take() {
            let schema = file.schema_descr().root_schema_ptr();
            let known = file.key_value_metadata().cloned();
            let properties = WriterProperties::builder().set_key_value_metadata(known).build();
            writer = Some(SerializedFileWriter::new(out, schema, Arc::new(properties))?);
        }
        let Some(writer) = &mut writer else { continue };
        for group in metadata.row_groups() {
            let mut into = writer.next_row_group()?;
            for column in group.columns() {
                let close = ColumnCloseResult {
                    bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
                    rows_written: u64::try_from(group.num_rows()).unwrap_or(0),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                into.append_column(part, close)?;
            }
            into.close()?;
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}
