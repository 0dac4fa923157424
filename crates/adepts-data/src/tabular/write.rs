//! A part as a Parquet file of codes, row group by row group.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, UInt32Builder};
use arrow_array::{ArrayRef, Float32Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field as ArrowField, Schema as ArrowSchema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::batch::{Codes, Schema, TabularBatch};
use super::coder::Coded;
use crate::error::DataError;

/// Rows of a row group: what is read at once, and what a shuffle permutes.
pub(super) const GROUP: usize = 1 << 15;

/// The columns of the file of a part.
pub(super) fn columns(schema: &Schema) -> Arc<ArrowSchema> {
    let field = |name: String, kind: DataType| ArrowField::new(name, kind, false);
    let mut fields = Vec::new();
    for of in &schema.fields {
        let kind = if of.many { DataType::List(item()) } else { DataType::UInt32 };
        fields.push(field(format!("field.{}", of.name), kind));
    }
    fields.extend(schema.dense.iter().map(|name| field(format!("dense.{name}"), DataType::Float32)));
    fields.push(field("domain".into(), DataType::UInt32));
    fields.push(field("label".into(), DataType::Float32));
    if schema.users > 0 {
        fields.push(field("user".into(), DataType::UInt32));
    }
    if schema.items.is_some() {
        fields.push(field("item".into(), DataType::UInt32));
    }
    Arc::new(ArrowSchema::new(fields))
}

fn item() -> Arc<ArrowField> {
    Arc::new(ArrowField::new("item", DataType::UInt32, false))
}

/// A part that is being written; holds one row group at a time.
pub(super) struct PartWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
    columns: Arc<ArrowSchema>,
    hash: blake3::Hasher,
    group: usize,
    width: usize,
    /// The rows of the present row group, to which the coder appends.
    pub(super) waiting: Coded,
}

impl PartWriter {
    pub(super) fn new(path: &Path, schema: &Schema, group: usize) -> Result<Self, DataError> {
        let file = File::create_new(path).map_err(DataError::io("create", path))?;
        let begin = || {
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
                .set_statistics_enabled(EnabledStatistics::Chunk)
                .set_max_row_group_row_count(Some(group))
                .set_created_by("adepts".to_owned())
                .build();
            ArrowWriter::try_new(file, columns(schema), Some(properties))
        };
        let writer = begin().map_err(|e| DataError::io("write", path)(io::Error::other(e)))?;
        Ok(Self {
            path: path.to_path_buf(),
            writer,
            columns: columns(schema),
            hash: blake3::Hasher::new_derive_key("adepts 1 examples"),
            group,
            width: schema.dense.len(),
            waiting: Coded::new(schema),
        })
    }

    /// To be called after each row: writes a row group when it is complete.
    #[inline]
    pub(super) fn appended(&mut self) -> Result<(), DataError> {
        if self.waiting.batch.rows() < self.group {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), DataError> {
        let failed = DataError::io("write", &self.path);
        let batch = &mut self.waiting.batch;
        update(&mut self.hash, batch);
        let record = RecordBatch::try_new(Arc::clone(&self.columns), arrays(batch, self.width));
        let written = record.map_err(io::Error::other).and_then(|record| {
            self.writer.write(&record)?;
            Ok(self.writer.flush()?)
        });
        batch.clear();
        written.map_err(failed)
    }

    /// Ends the file; gives the hash over the content, and what was counted.
    pub(super) fn finish(mut self) -> Result<(blake3::Hash, Coded), DataError> {
        if self.waiting.batch.rows() > 0 {
            self.flush()?;
        }
        let ended = self.writer.finish().map_err(io::Error::from).and_then(|_| self.writer.inner().sync_all());
        ended.map_err(DataError::io("write", &self.path))?;
        Ok((self.hash.finalize(), self.waiting))
    }
}

fn arrays(batch: &TabularBatch, width: usize) -> Vec<ArrayRef> {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for codes in &batch.fields {
        arrays.push(match codes {
            Codes::One(codes) => Arc::new(UInt32Array::from(codes.clone())),
            Codes::Many { starts, codes } => {
                let mut lists = ListBuilder::new(UInt32Builder::with_capacity(codes.len())).with_field(item());
                for ends in starts.windows(2) {
                    lists.values().append_slice(&codes[ends[0] as usize..ends[1] as usize]);
                    lists.append(true);
                }
                Arc::new(lists.finish())
            }
        });
    }
    for nth in 0..width {
        let column = batch.dense.iter().skip(nth).step_by(width).copied();
        arrays.push(Arc::new(Float32Array::from_iter_values(column)));
    }
    arrays.push(Arc::new(UInt32Array::from(batch.domain.clone())));
    arrays.push(Arc::new(Float32Array::from(batch.label.clone())));
    if !batch.user.is_empty() {
        arrays.push(Arc::new(UInt32Array::from(batch.user.clone())));
    }
    if !batch.item.is_empty() {
        arrays.push(Arc::new(UInt32Array::from(batch.item.clone())));
    }
    arrays
}

/// Adds rows to a hash, each column after its length.
fn update(hash: &mut blake3::Hasher, batch: &TabularBatch) {
    let mut add = |numbers: &mut dyn ExactSizeIterator<Item = [u8; 4]>| {
        hash.update(&(numbers.len() as u64).to_le_bytes());
        let bytes: Vec<u8> = numbers.flatten().collect();
        hash.update(&bytes);
    };
    for codes in &batch.fields {
        match codes {
            Codes::One(codes) => add(&mut codes.iter().map(|n| n.to_le_bytes())),
            Codes::Many { starts, codes } => {
                add(&mut starts.iter().map(|n| n.to_le_bytes()));
                add(&mut codes.iter().map(|n| n.to_le_bytes()));
            }
        }
    }
    add(&mut batch.dense.iter().map(|n| n.to_bits().to_le_bytes()));
    add(&mut batch.domain.iter().map(|n| n.to_le_bytes()));
    add(&mut batch.label.iter().map(|n| n.to_bits().to_le_bytes()));
    add(&mut batch.user.iter().map(|n| n.to_le_bytes()));
    if !batch.item.is_empty() {
        add(&mut batch.item.iter().map(|n| n.to_le_bytes()));
    }
}
