//! Values of a row: as a category, a number or a label.

use crate::error::DataError;
use crate::place::shortened;
use crate::source::{At, Cell, Number};

pub(super) const CATEGORY: &str = "a category: a whole number, text or a truth value";
pub(super) const ONE_CATEGORY: &str = "one category, not a list of several (the field was prepared with single values)";
pub(super) const FINITE: &str = "a finite number";
pub(super) const LABEL: &str =
    "a label: 0, 1 or a truth value (for a rating set `label = { column = …, at_least = … }`)";

/// A value that a column cannot have, or lacks.
pub(super) fn unfit(at: At<'_>, column: &str, cell: Cell<'_>, expected: &'static str) -> DataError {
    let (place, column) = (at.place(), column.to_owned());
    if missing(cell) {
        return DataError::MissingValue { place, column, expected };
    }
    DataError::BadValue { place, column, value: shortened(&cell.spelling()), expected }
}

pub(super) fn missing(cell: Cell<'_>) -> bool {
    cell.is_missing()
}

/// A value as a category: whole numbers and text stay, truth values become text, `None` is missing.
pub(super) fn category(cell: Cell<'_>) -> Result<Option<Cell<'_>>, ()> {
    match cell {
        _ if missing(cell) => Ok(None),
        Cell::Bool(value) => Ok(Some(Cell::Text(if value { "true" } else { "false" }))),
        Cell::Float(_) | Cell::Number(_) => match cell.whole() {
            Some(Number::Int(value)) => Ok(Some(Cell::Int(value))),
            Some(Number::Digits(digits)) => Ok(Some(Cell::Text(digits))),
            None => Err(()),
        },
        // A date as a category is its second; no field of categories is worth a finer one.
        Cell::Time(stamp) => Ok(Some(Cell::Int(stamp.count.div_euclid(i64::from(stamp.per_second))))),
        Cell::List(values) => {
            let sound = values.iter().all(|v| !matches!(v, Cell::List(_)) && category(*v).is_ok());
            if sound { Ok(Some(cell)) } else { Err(()) }
        }
        other => Ok(Some(other)),
    }
}

/// Each category of a field: the one it is, or those of its list; missing ones are left out.
#[inline]
pub(super) fn categories<'c>(cell: Cell<'c>, separator: Option<&str>, each: &mut dyn FnMut(Cell<'c>)) {
    match (category(cell), separator) {
        (Ok(Some(Cell::Raw(text) | Cell::Text(text))), Some(separator)) => {
            text.split(separator).map(str::trim).filter(|piece| !piece.is_empty()).for_each(|piece| {
                // Pieces of text have no type of their own.
                each(Cell::Raw(piece));
            });
        }
        (Ok(Some(Cell::List(values))), _) => {
            values.iter().filter_map(|value| category(*value).ok().flatten()).for_each(each);
        }
        (Ok(Some(value)), _) => each(value),
        (Ok(None) | Err(()), _) => {}
    }
}

/// What a categorical field holds: one category or none, or where it is a field of `many` a list of them; else what was expected.
pub(super) fn check_category(cell: Cell<'_>, many: bool) -> Result<(), &'static str> {
    category(cell).map_err(|()| CATEGORY)?;
    match cell {
        Cell::List(values) if !many && values.iter().filter(|value| !missing(**value)).count() > 1 => Err(ONE_CATEGORY),
        _ => Ok(()),
    }
}

/// A value as a finite number; `None` is missing.
pub(super) fn number(cell: Cell<'_>) -> Result<Option<f64>, ()> {
    match cell {
        _ if missing(cell) => Ok(None),
        Cell::Bool(value) => Ok(Some(f64::from(u8::from(value)))),
        Cell::Raw(text) | Cell::Text(text) => match text.trim().parse::<f64>() {
            Ok(value) if value.is_nan() => Ok(None),
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(()),
        },
        other => other.number().map(Some).ok_or(()),
    }
}

pub(super) fn label(cell: Cell<'_>, at_least: Option<f64>) -> Option<f32> {
    let spelled = match cell {
        Cell::Raw(text) | Cell::Text(text) => match text.trim() {
            "true" | "True" | "TRUE" => Cell::Bool(true),
            "false" | "False" | "FALSE" => Cell::Bool(false),
            _ => cell,
        },
        other => other,
    };
    let value = number(spelled).ok().flatten()?;
    match at_least {
        Some(threshold) => Some(if value >= threshold { 1.0 } else { 0.0 }),
        None => (value == 0.0 || value == 1.0).then_some(value as f32),
    }
}
