//! Tables of columns as text: CSV, JSON, or cell by cell.

use std::io::{self, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Schema};
use serde_json::{Map, Value};

pub use arrow_array::RecordBatch;

/// A table that is written as CSV, block by block: values apart by commas, quoted where they have to be, nothing where there is
/// no value. Numbers are spelled so that reading them gives the same number.
pub struct CsvTable<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> CsvTable<W> {
    /// A table without rows; with the names of its columns, unless it goes on with one that has them.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn new(out: W, head: Option<&Schema>) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        if let Some(head) = head {
            writer.write_record(head.fields().iter().map(|field| field.name()))?;
        }
        Ok(Self { writer })
    }

    /// Adds the rows of a block.
    ///
    /// # Errors
    /// If `out` cannot be written, or a column is of a type that has no spelling.
    pub fn rows(&mut self, block: &RecordBatch) -> io::Result<()> {
        let columns = columns_of(block)?;
        let mut text = String::new();
        for row in 0..block.num_rows() {
            for column in &columns {
                text.clear();
                column.spell(row, &mut text)?;
                self.writer.write_field(&text)?;
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    /// Writes what is left and gives `out` back.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// The cells of each row as text.
///
/// # Errors
/// If a column is of a type that has no spelling.
pub fn spelled(block: &RecordBatch) -> io::Result<Vec<Vec<String>>> {
    let columns = columns_of(block)?;
    let cell = |column: &Spelled<'_>, row| {
        let mut text = String::new();
        column.spell(row, &mut text).map(|()| text)
    };
    (0..block.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect()
}

/// Each row as a JSON object: numbers and truth values as such, what else there is as text, and null where there is no value.
///
/// # Errors
/// If a column is of a type that has no spelling.
pub fn objects(block: &RecordBatch) -> io::Result<Vec<Map<String, Value>>> {
    let mut objects = vec![Map::new(); block.num_rows()];
    for (field, column) in block.schema().fields().iter().zip(block.columns()) {
        for (object, value) in objects.iter_mut().zip(values(column)?) {
            object.insert(field.name().clone(), value);
        }
    }
    Ok(objects)
}

fn values(column: &ArrayRef) -> io::Result<Vec<Value>> {
    let cast = |to: &DataType| cast(column, to).map_err(io::Error::other);
    let kind = column.data_type();
    if kind.is_unsigned_integer() {
        let numbers = cast(&DataType::UInt64)?;
        return Ok(numbers.as_primitive::<UInt64Type>().iter().map(Value::from).collect());
    }
    if kind.is_signed_integer() {
        let numbers = cast(&DataType::Int64)?;
        return Ok(numbers.as_primitive::<Int64Type>().iter().map(Value::from).collect());
    }
    if kind.is_floating() {
        let numbers = cast(&DataType::Float64)?;
        return Ok(numbers.as_primitive::<Float64Type>().iter().map(Value::from).collect());
    }
    if let Some(column) = column.as_boolean_opt() {
        return Ok(column.iter().map(Value::from).collect());
    }
    let text = Spelled::new(column)?;
    let value = |row: usize| {
        let mut spelled = String::new();
        text.spell(row, &mut spelled)?;
        Ok(if column.is_null(row) { Value::Null } else { spelled.into() })
    };
    (0..column.len()).map(value).collect()
}

fn columns_of(block: &RecordBatch) -> io::Result<Vec<Spelled<'_>>> {
    block.columns().iter().map(|column| Spelled::new(column)).collect()
}

/// A column whose values can be spelled.
enum Spelled<'a> {
    Float(&'a dyn Array),
    Other(&'a dyn Array, ArrayFormatter<'a>),
}

impl<'a> Spelled<'a> {
    fn new(column: &'a dyn Array) -> io::Result<Self> {
        if matches!(column.data_type(), DataType::Float32 | DataType::Float64) {
            return Ok(Self::Float(column));
        }
        let options = FormatOptions::new().with_display_error(false);
        Ok(Self::Other(column, ArrayFormatter::try_new(column, &options).map_err(io::Error::other)?))
    }

    /// Adds the value of a row to `text`.
    fn spell(&self, row: usize, text: &mut String) -> io::Result<()> {
        use std::fmt::Write as _;
        let written = match self {
            Self::Float(column) | Self::Other(column, _) if column.is_null(row) => return Ok(()),
            // In full: what reads a file may know no powers of ten.
            Self::Float(column) => match column.as_primitive_opt::<Float32Type>() {
                Some(column) => write!(text, "{}", column.value(row)),
                None => write!(text, "{}", column.as_primitive::<Float64Type>().value(row)),
            },
            Self::Other(_, values) => write!(text, "{}", values.value(row)),
        };
        written.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Float32Array, Int64Array, StringArray, TimestampMillisecondArray};

    use super::*;

    #[test]
    fn a_table_is_spelled_with_quotes_where_they_are_needed() {
        let columns: [(&str, ArrayRef); 5] = [
            ("id", Arc::new(Int64Array::from(vec![Some(-5), None]))),
            ("a,b", Arc::new(StringArray::from(vec![Some("say \"no\", then\nyes"), Some("")]))),
            ("score", Arc::new(Float32Array::from(vec![0.1, 1e-9]))),
            ("popular", Arc::new(BooleanArray::from(vec![true, false]))),
            ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(1_700_000_000_123), None]))),
        ];
        let block = RecordBatch::try_from_iter(columns).unwrap();
        let mut table = CsvTable::new(Vec::new(), Some(&block.schema())).unwrap();
        table.rows(&block).unwrap();
        let text = String::from_utf8(table.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "id,\"a,b\",score,popular,at\n-5,\"say \"\"no\"\", then\nyes\",0.1,true,2023-11-14T22:13:20.123\n,,0.000000001,false,\n"
        );
        let row = &spelled(&block).unwrap()[0];
        assert_eq!(row[..3], ["-5", "say \"no\", then\nyes", "0.1"]);
        let objects = objects(&block.project(&[0, 1, 3, 4]).unwrap()).unwrap();
        let json = serde_json::to_string(&objects).unwrap();
        assert_eq!(
            json,
            "[{\"id\":-5,\"a,b\":\"say \\\"no\\\", then\\nyes\",\"popular\":true,\"at\":\"2023-11-14T22:13:20.123\"},\
             {\"id\":null,\"a,b\":\"\",\"popular\":false,\"at\":null}]"
        );
        let mut rest = CsvTable::new(Vec::new(), None).unwrap();
        rest.rows(&block.slice(1, 1)).unwrap();
        assert_eq!(rest.finish().unwrap(), b",,0.000000001,false,\n");
    }
}
