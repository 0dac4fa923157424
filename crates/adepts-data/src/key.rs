//! Which id a cell is.

use crate::error::DataError;
use crate::id::Id;
use crate::place::shortened;
use crate::source::{At, Cell, Number};
use crate::time::Stamp;

/// Why a value is not an id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no value.
    Missing,
    /// A fraction, a truth value or a list.
    NoId,
    /// A float that stands for several whole numbers.
    Rounded,
    /// More ids than 32 bits can count.
    Full,
}

/// An id as a cell holds it.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    /// The characters in a text file.
    Raw(&'a str),
    /// Text in a format with types.
    Text(&'a str),
    /// A whole number in a format with types.
    Number(Number<'a>),
    /// A moment, whose id is its spelling.
    Time(Stamp),
}

impl<'a> Key<'a> {
    /// The id that a cell is. Whatever makes ids of cells does it here, so that an id of one file is found in another.
    #[inline]
    pub(crate) fn of(cell: Cell<'a>) -> Result<Self, Refused> {
        match cell {
            cell if cell.is_missing() => Err(Refused::Missing),
            Cell::Raw(text) => Ok(Self::Raw(text)),
            Cell::Text(text) => Ok(Self::Text(text)),
            Cell::Time(stamp) => Ok(Self::Time(stamp)),
            Cell::Float(value) if value.fract() == 0.0 => cell.whole().map(Self::Number).ok_or(Refused::Rounded),
            _ => cell.whole().map(Self::Number).ok_or(Refused::NoId),
        }
    }
}

impl Id {
    /// The id that a cell is, as `prepare` makes it; `None` where there is no value. It is to be looked up in a
    /// [`Vocabulary`](crate::Vocabulary), where text that spells a whole number finds that number.
    ///
    /// # Errors
    /// If the cell is a fraction, a truth value, a list or a rounded number; `at` and `column` say where.
    pub fn of_cell(cell: Cell<'_>, at: At<'_>, column: &str) -> Result<Option<Self>, DataError> {
        match Key::of(cell) {
            Ok(Key::Number(Number::Int(value))) => Ok(Some(Self::Int(value))),
            Ok(Key::Raw(text) | Key::Text(text) | Key::Number(Number::Digits(text))) => {
                Ok(Some(Self::Text(text.into())))
            }
            Ok(Key::Time(stamp)) => Ok(Some(Self::Text(stamp.shown().into()))),
            Err(Refused::Missing) => Ok(None),
            Err(refused) => Err(DataError::BadValue {
                place: at.place(),
                column: column.to_owned(),
                value: shortened(&cell.spelling()),
                expected: refused.expected(),
            }),
        }
    }
}

impl Refused {
    /// What was expected instead.
    pub(crate) fn expected(&self) -> &'static str {
        match self {
            Self::Rounded => {
                "an id: a whole number or text; floats beyond 9007199254740992 are rounded, so save the ids as whole \
                 numbers or as text"
            }
            _ => "an id: a whole number or text",
        }
    }
}
