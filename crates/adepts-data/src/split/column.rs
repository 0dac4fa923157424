//! The split is in the log.

use super::ByUser;
use crate::error::DataError;
use crate::interactions::{Interactions, Part};

/// The parts as the log has them.
pub(super) fn cut(log: &Interactions, rows: &ByUser) -> Result<Vec<Part>, DataError> {
    let parts = log.part.as_ref().ok_or(DataError::SplitWithoutColumn)?;
    Ok(rows.order.iter().map(|&row| parts[row as usize]).collect())
}
