//! Columns of raw files that are passed through: what was in a row beside what is made of it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use crate::config::Column;
use crate::error::DataError;
use crate::progress::Progress;
use crate::source::{At, Batches, Cell, FileFormat, Flow, Sink, Source, SourceFile, parquet_columns};

/// Columns that are passed through.
pub(super) enum Kept {
    /// Those of Parquet files, with the types that they have there. They are read beside the rows.
    Arrays(Box<Arrays>),
    /// Those of text, with the types that all of their values allow.
    Cells(Cells),
}

impl Kept {
    /// Finds the columns, and in text their types, for which they are read once more.
    pub(super) fn open(source: &Source, columns: &[Column], progress: Progress) -> Result<Self, DataError> {
        let slots = columns.iter().map(|column| source.find(column)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<String> = slots.iter().map(|slot| source.columns()[*slot].clone()).collect();
        if source.files().iter().all(|file| file.format == FileFormat::Parquet) {
            return Ok(Self::Arrays(Box::new(Arrays::open(source.files(), names)?)));
        }
        let mut types = Types(vec![Kinds::default(); slots.len()]);
        source.read_with_lists(&slots, &mut types, progress)?;
        let builders: Vec<Builder> = types.0.iter().map(Kinds::builder).collect();
        let fields = names.iter().zip(&builders).map(|(name, builder)| Field::new(name, builder.data_type(), true));
        Ok(Self::Cells(Cells { schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())), slots, builders }))
    }

    /// The columns whose cells are to be read with each row.
    pub(super) fn slots(&self) -> &[usize] {
        match self {
            Self::Arrays(_) => &[],
            Self::Cells(cells) => &cells.slots,
        }
    }

    /// Takes the cells of a row, those of [`Kept::slots`].
    pub(super) fn push(&mut self, row: &[Cell<'_>]) {
        if let Self::Cells(cells) = self {
            cells.builders.iter_mut().zip(row).for_each(|(builder, cell)| builder.push(*cell));
        }
    }

    /// The columns of the rows since the last call, whose places among all rows are these, ascending from 1.
    pub(super) fn rows(&mut self, places: &[u64]) -> Result<RecordBatch, DataError> {
        match self {
            Self::Arrays(arrays) => arrays.rows(places),
            Self::Cells(cells) => {
                let columns: Vec<ArrayRef> = cells.builders.iter_mut().map(Builder::finish).collect();
                Ok(RecordBatch::try_new(Arc::clone(&cells.schema), columns)
                    .expect("a value of each column for each row"))
            }
        }
    }
}

/// Columns of Parquet files.
pub(super) struct Arrays {
    names: Vec<String>,
    schema: SchemaRef,
    left: VecDeque<SourceFile>,
    file: SourceFile,
    batches: Batches,
    /// Rows that are decoded, and how many there are before them.
    batch: RecordBatch,
    before: u64,
}

impl Arrays {
    fn open(files: &[SourceFile], names: Vec<String>) -> Result<Self, DataError> {
        let mut left: VecDeque<SourceFile> = files.to_vec().into();
        let file = left.pop_front().expect("a source has a file");
        let (schema, batches) = parquet_columns(&file, &names)?;
        let batch = RecordBatch::new_empty(Arc::clone(&schema));
        Ok(Self { names, schema, left, file, batches, batch, before: 0 })
    }

    fn rows(&mut self, places: &[u64]) -> Result<RecordBatch, DataError> {
        let mut pieces = Vec::new();
        let mut places = places;
        while let Some(first) = places.first() {
            let end = self.before + self.batch.num_rows() as u64;
            if *first > end {
                self.next(end)?;
                continue;
            }
            let (here, rest) = places.split_at(places.partition_point(|place| *place <= end));
            let rows = UInt32Array::from_iter_values(here.iter().map(|place| (place - self.before - 1) as u32));
            pieces.push(take_record_batch(&self.batch, &rows).map_err(|e| self.corrupt(e.to_string()))?);
            places = rest;
        }
        concat_batches(&self.schema, &pieces).map_err(|e| self.corrupt(e.to_string()))
    }

    /// Decodes the rows that follow.
    fn next(&mut self, before: u64) -> Result<(), DataError> {
        self.before = before;
        loop {
            if let Some(batch) = self.batches.next()? {
                // Files may have other types, and another order of the columns, than the first.
                let columns = self.schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
                    Some(column) => cast(column, field.data_type()).map_err(|e| self.corrupt(e.to_string())),
                    None => Err(self.corrupt(format!("it has no column `{}`", field.name()))),
                });
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
                self.batch = batch.map_err(|e| self.corrupt(e.to_string()))?;
                return Ok(());
            }
            let Some(file) = self.left.pop_front() else {
                return Err(self.corrupt("it has fewer rows than when it was read before".to_owned()));
            };
            self.batches = parquet_columns(&file, &self.names)?.1;
            self.file = file;
        }
    }

    fn corrupt(&self, reason: String) -> DataError {
        DataError::Corrupt { path: self.file.path.clone(), kind: "Parquet", reason }
    }
}

/// Columns of text.
pub(super) struct Cells {
    schema: SchemaRef,
    slots: Vec<usize>,
    builders: Vec<Builder>,
}

/// What the values of each column are.
struct Types(Vec<Kinds>);

impl Sink for Types {
    fn row(&mut self, _: At<'_>, cells: &[Cell<'_>]) -> Flow {
        self.0.iter_mut().zip(cells).for_each(|(kinds, cell)| kinds.note(*cell));
        Ok(ControlFlow::Continue(()))
    }

    fn malformed(&mut self, _: DataError) -> Flow {
        // What is wrong with a row is said by who uses it.
        Ok(ControlFlow::Continue(()))
    }
}

/// Which types hold all values of a column, so that writing them gives what was read.
#[derive(Clone, Copy, Default)]
struct Kinds {
    /// Values.
    values: u64,
    /// Those that are whole numbers, numbers, truth values.
    ints: u64,
    floats: u64,
    bools: u64,
}

impl Kinds {
    /// A whole number above this may be none of 64-bit floats.
    const EXACT: u64 = 1 << 53;

    fn note(&mut self, cell: Cell<'_>) {
        let exact = |value: i64| value.unsigned_abs() <= Self::EXACT;
        let (int, float, bool) = match cell {
            Cell::Missing => return,
            // `007` and `1.50` are no numbers: they would come out as `7` and `1.5`.
            Cell::Raw(text) => {
                let int = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
                let float = text.parse::<f64>().is_ok_and(|value| value.is_finite() && value.to_string() == text);
                (int.is_some(), float && int.is_none_or(exact), false)
            }
            Cell::Int(value) => (true, exact(value), false),
            Cell::Float(_) => (false, true, false),
            Cell::Bool(_) => (false, false, true),
            _ => (false, false, false),
        };
        self.values += 1;
        self.ints += u64::from(int);
        self.floats += u64::from(float);
        self.bools += u64::from(bool);
    }

    fn builder(&self) -> Builder {
        match self.values {
            0 => Builder::Text(StringBuilder::new()),
            all if self.ints == all => Builder::Int(Int64Builder::new()),
            all if self.floats == all => Builder::Float(Float64Builder::new()),
            all if self.bools == all => Builder::Bool(BooleanBuilder::new()),
            _ => Builder::Text(StringBuilder::new()),
        }
    }
}

/// A column that is being gathered.
enum Builder {
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn data_type(&self) -> DataType {
        match self {
            Self::Int(_) => DataType::Int64,
            Self::Float(_) => DataType::Float64,
            Self::Bool(_) => DataType::Boolean,
            Self::Text(_) => DataType::Utf8,
        }
    }

    fn push(&mut self, cell: Cell<'_>) {
        let there = !matches!(cell, Cell::Missing);
        match self {
            Self::Int(builder) => builder.append_option(match cell {
                Cell::Int(value) => Some(value),
                cell => cell.spelling().parse().ok(),
            }),
            Self::Float(builder) => builder.append_option(cell.number()),
            Self::Bool(builder) => builder.append_option(if let Cell::Bool(value) = cell { Some(value) } else { None }),
            Self::Text(builder) => builder.append_option(there.then(|| cell.spelling())),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

/// The rows of a table behind those of another with the same columns.
///
/// # Panics
/// If the columns differ.
#[must_use]
pub fn appended(first: &RecordBatch, second: &RecordBatch) -> RecordBatch {
    concat_batches(&first.schema(), [first, second]).expect("tables of the same columns")
}

/// Each row of a table so many times, one behind the other.
///
/// # Panics
/// If there is not a number for each row.
#[must_use]
pub fn repeated(table: &RecordBatch, times: &[usize]) -> RecordBatch {
    assert_eq!(table.num_rows(), times.len(), "repeated: a number for each row");
    let rows = (0..).zip(times).flat_map(|(row, times)| std::iter::repeat_n(row, *times));
    take_record_batch(table, &UInt32Array::from_iter_values(rows)).expect("rows that are there")
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::path::Path;

    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int32Type, Int64Type, TimestampMillisecondType};
    use arrow_array::{Array, DictionaryArray, Int32Array, StringArray, TimestampMillisecondArray};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::config::DataConfig;

    fn open(folder: &Path, columns: &[&str]) -> Kept {
        let data = DataConfig { source: folder.display().to_string(), ..DataConfig::default() };
        let columns: Vec<Column> = columns.iter().map(|name| Column::Name((*name).to_owned())).collect();
        Kept::open(&Source::open(&data).unwrap(), &columns, &mut crate::progress::silent).unwrap()
    }

    fn parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn columns_of_parquet_keep_their_types_over_files_and_gaps() {
        let folder = tempfile::tempdir().unwrap();
        let moment = |from: i64| Arc::new(TimestampMillisecondArray::from_iter_values(from..from + 3)) as ArrayRef;
        let word: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
        let number: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
        parquet(
            &folder.path().join("a.parquet"),
            vec![("at", moment(10)), ("number", number), ("word", Arc::new(word))],
        );
        let (number, word) = (Int32Array::from(vec![4, 5, 6]), StringArray::from(vec!["c", "d", "e"]));
        parquet(
            &folder.path().join("b.parquet"),
            vec![("word", Arc::new(word)), ("number", Arc::new(number)), ("at", moment(20))],
        );
        let mut kept = open(folder.path(), &["word", "at", "number"]);
        assert!(kept.slots().is_empty());
        let first = kept.rows(&[2, 3]).unwrap();
        let rest = kept.rows(&[4, 6]).unwrap();
        assert_eq!(kept.rows(&[]).unwrap().num_rows(), 0);
        let names: Vec<&str> = first.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["word", "at", "number"]);
        assert!(matches!(first.column(0).data_type(), DataType::Dictionary(..)));
        assert_eq!(first.column(1).as_primitive::<TimestampMillisecondType>().values(), &[11, 12]);
        assert_eq!(rest.column(1).as_primitive::<TimestampMillisecondType>().values(), &[20, 22]);
        let numbers = |table: &RecordBatch| table.column(2).as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
        assert_eq!((numbers(&first), numbers(&rest)), (vec![None, Some(3)], vec![Some(4), Some(6)]));
        let words = cast(rest.column(0), &DataType::Utf8).unwrap();
        assert_eq!(words.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("c"), Some("e")]);
    }

    #[test]
    fn a_column_of_text_has_the_type_that_gives_all_its_values_back() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"id,code,price,share,big\n-5,007,1.5,0.25,9007199254740993\n,12,1.50,3,0.5\n7,x,2,1,1\n";
        File::create(folder.path().join("a.csv")).unwrap().write_all(text).unwrap();
        let kept = open(folder.path(), &["id", "code", "price", "share", "big"]);
        let Kept::Cells(mut cells) = kept else { panic!("text") };
        let types: Vec<DataType> = cells.builders.iter().map(Builder::data_type).collect();
        assert_eq!(types, [DataType::Int64, DataType::Utf8, DataType::Utf8, DataType::Float64, DataType::Utf8]);
        let mut kept = Kept::Cells(Cells { slots: std::mem::take(&mut cells.slots), ..cells });
        kept.push(&[Cell::Raw("-5"), Cell::Raw("007"), Cell::Raw("1.5"), Cell::Raw("0.25"), Cell::Raw("1")]);
        kept.push(&[Cell::Missing; 5]);
        let table = kept.rows(&[1, 2]).unwrap();
        assert_eq!(table.column(0).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(-5), None]);
        assert_eq!(table.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("007"), None]);
        assert!(table.columns().iter().all(|column| column.is_null(1)));
    }

    #[test]
    fn rows_are_repeated() {
        let table =
            RecordBatch::try_from_iter([("id", Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef)]).unwrap();
        let found = repeated(&table, &[2, 0, 1]);
        assert_eq!(found.column(0).as_primitive::<Int32Type>().values(), &[1, 1, 3]);
    }
}
