//! A column of a Parquet batch as cells.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, TimeUnit};

use super::Cell;
use super::stamp::Stamp;

/// How a column is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Int,
    Float,
    Text,
    Bool,
    /// Numbers that 64 bits may not hold: unsigned ones and decimals.
    Number,
    /// Bytes, which are to be text; `uuid` if they are the 16 of a UUID.
    Bytes {
        uuid: bool,
    },
    /// Dates and moments, whose numbers count `units` of which a second has `per_second`.
    Time {
        units: i64,
        per_second: u32,
    },
    List(Box<Kind>),
}

impl Kind {
    /// How a type is read; `None` for lists, structures and the like.
    pub(super) fn single(of: &DataType, uuid: bool) -> Option<Self> {
        let time = |units, per_second| Self::Time { units, per_second };
        Some(match of {
            DataType::UInt64 => Self::Number,
            t if t.is_decimal() => Self::Number,
            t if t.is_integer() => Self::Int,
            t if t.is_floating() => Self::Float,
            // A column of nothing is read as any other without a value.
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Bytes { uuid: false },
            DataType::FixedSizeBinary(bytes) => Self::Bytes { uuid: uuid && *bytes == 16 },
            DataType::Boolean => Self::Bool,
            DataType::Date32 => time(86_400, 1),
            DataType::Date64 => time(1, 1_000),
            DataType::Timestamp(unit, _) => match unit {
                TimeUnit::Second => time(1, 1),
                TimeUnit::Millisecond => time(1, 1_000),
                TimeUnit::Microsecond => time(1, 1_000_000),
                TimeUnit::Nanosecond => time(1, 1_000_000_000),
            },
            DataType::Dictionary(_, value) => return Self::single(value, uuid),
            _ => return None,
        })
    }

    /// How lists are read; `None` for what is no list, and for lists of anything but numbers and text.
    pub(super) fn list(of: &DataType) -> Option<Self> {
        let (DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) = of else {
            return None;
        };
        let kind = Self::single(item.data_type(), false)?;
        let plain = matches!(kind, Self::Int | Self::Float | Self::Number | Self::Text | Self::Bytes { .. });
        plain.then(|| Self::List(Box::new(kind)))
    }
}

/// A column of a batch.
pub(super) enum Values {
    Int(Int64Array),
    Float(Float64Array),
    Text(StringArray),
    /// The rows, ascending, whose bytes are no text.
    Bytes(StringArray, Vec<usize>),
    Bool(BooleanArray),
    /// Whole numbers of 64 bits, and where there are others all as they are written.
    Number(Int64Array, Option<StringArray>),
    Time {
        counts: Int64Array,
        units: i64,
        per_second: u32,
    },
    Lists(ListArray, Box<Values>),
}

impl Values {
    pub(super) fn new(array: &ArrayRef, kind: &Kind) -> Result<Self, String> {
        if let DataType::Dictionary(_, value) = array.data_type() {
            return Self::new(&cast(array, value, false)?, kind);
        }
        Ok(match kind {
            Kind::Int => Self::Int(cast(array, &DataType::Int64, false)?.as_primitive::<Int64Type>().clone()),
            Kind::Float => Self::Float(cast(array, &DataType::Float64, false)?.as_primitive::<Float64Type>().clone()),
            Kind::Text => Self::Text(cast(array, &DataType::Utf8, false)?.as_string::<i32>().clone()),
            Kind::Bool => Self::Bool(array.as_boolean().clone()),
            Kind::Number => {
                let fraction = matches!(scale(array.data_type()), Some(1..));
                let whole = if fraction { None } else { Some(cast(array, &DataType::Int64, true)?) };
                match whole {
                    Some(whole) if whole.null_count() == array.null_count() => {
                        Self::Number(whole.as_primitive::<Int64Type>().clone(), None)
                    }
                    whole => {
                        let nothing = || Int64Array::new_null(array.len());
                        let whole = whole.map_or_else(nothing, |whole| whole.as_primitive::<Int64Type>().clone());
                        Self::Number(whole, Some(cast(array, &DataType::Utf8, false)?.as_string::<i32>().clone()))
                    }
                }
            }
            Kind::Bytes { uuid } => {
                let bytes = cast(array, &DataType::Binary, false)?;
                let mut bad = Vec::new();
                let text = |(row, bytes): (usize, Option<&[u8]>)| {
                    let text = if *uuid { bytes.and_then(uuid_text) } else { bytes.and_then(bytes_text) };
                    bad.extend((text.is_none() && bytes.is_some()).then_some(row));
                    text
                };
                let texts: StringArray = bytes.as_binary::<i32>().iter().enumerate().map(text).collect();
                Self::Bytes(texts, bad)
            }
            Kind::Time { units, per_second } => {
                let array = match array.data_type() {
                    DataType::Date32 => &cast(array, &DataType::Int32, false)?,
                    _ => array,
                };
                let counts = cast(array, &DataType::Int64, false)?.as_primitive::<Int64Type>().clone();
                Self::Time { counts, units: *units, per_second: *per_second }
            }
            Kind::List(item) => {
                let (DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _)) =
                    array.data_type()
                else {
                    return Err(format!("it has {} where lists were expected", array.data_type()));
                };
                let field = Arc::new(Field::new("item", field.data_type().clone(), true));
                let lists = cast(array, &DataType::List(field), false)?.as_list::<i32>().clone();
                let values = Self::new(lists.values(), item)?;
                Self::Lists(lists, Box::new(values))
            }
        })
    }

    /// The values of all lists, one behind the other; nothing for single values.
    pub(super) fn elements(&self) -> Vec<Cell<'_>> {
        match self {
            Self::Lists(lists, values) => (0..lists.values().len()).map(|i| values.cell(i, &[])).collect(),
            _ => Vec::new(),
        }
    }

    /// The value of a row; `elements` are those of all lists.
    #[inline]
    pub(super) fn cell<'c>(&'c self, row: usize, elements: &'c [Cell<'c>]) -> Cell<'c> {
        match self {
            Self::Int(a) | Self::Number(a, _) if a.is_valid(row) => Cell::Int(a.value(row)),
            Self::Float(a) if a.is_valid(row) => Cell::Float(a.value(row)),
            Self::Text(a) | Self::Bytes(a, _) if a.is_valid(row) => Cell::Text(a.value(row)),
            Self::Number(_, Some(a)) if a.is_valid(row) => Cell::of_number(a.value(row)),
            Self::Bool(a) if a.is_valid(row) => Cell::Bool(a.value(row)),
            Self::Time { counts, units, per_second } if counts.is_valid(row) => {
                Cell::Time(Stamp { count: counts.value(row).saturating_mul(*units), per_second: *per_second })
            }
            Self::Lists(a, _) if a.is_valid(row) => {
                let ends = a.value_offsets();
                Cell::List(&elements[ends[row] as usize..ends[row + 1] as usize])
            }
            _ => Cell::Missing,
        }
    }

    /// Whether there is a row whose bytes are no text.
    pub(super) fn any_bad(&self) -> bool {
        match self {
            Self::Bytes(_, bad) => !bad.is_empty(),
            Self::Lists(_, values) => values.any_bad(),
            _ => false,
        }
    }

    /// Whether the bytes of a row are no text.
    pub(super) fn is_bad(&self, row: usize) -> bool {
        match self {
            Self::Bytes(_, bad) => bad.binary_search(&row).is_ok(),
            Self::Lists(lists, values) => {
                let ends = lists.value_offsets();
                (ends[row] as usize..ends[row + 1] as usize).any(|element| values.is_bad(element))
            }
            _ => false,
        }
    }
}

/// Digits behind the point of a decimal.
fn scale(of: &DataType) -> Option<i8> {
    match of {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        _ => None,
    }
}

/// An array as one of another type; what that cannot hold is an error, or null if `or_null`.
fn cast(array: &ArrayRef, to: &DataType, or_null: bool) -> Result<ArrayRef, String> {
    let options = CastOptions { safe: or_null, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|e| e.to_string())
}

/// Bytes as text; those of a fixed width are filled up with zeros.
fn bytes_text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    String::from_utf8(bytes[..end].to_vec()).ok()
}

/// The usual spelling of a UUID.
fn uuid_text(bytes: &[u8]) -> Option<String> {
    let value = u128::from_be_bytes(bytes.try_into().ok()?);
    let hex = format!("{value:032x}");
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}
