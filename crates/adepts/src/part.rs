//! Which held-out part is evaluated, and how many users are scored at once.

/// Which held-out items are to be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The test items.
    #[default]
    Test,
    /// The validation items, for choosing settings; test items are not looked at.
    Validation,
}

impl Part {
    /// The part of the data.
    pub(crate) fn of_data(self) -> adepts_data::Part {
        match self {
            Self::Test => adepts_data::Part::Test,
            Self::Validation => adepts_data::Part::Validation,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }
}

/// The largest block of scores at once, in elements.
const BLOCK: usize = 1 << 25;

/// Users that are scored at once.
#[must_use]
pub fn batch(items: usize) -> usize {
    (BLOCK / items.max(1)).clamp(16, 1024)
}
