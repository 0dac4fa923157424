//! The split is in the log.

use super::{ByUser, SplitError};
use crate::interactions::{Interactions, Part};

/// The parts as the log has them.
pub(super) fn cut(log: &Interactions, rows: &ByUser) -> Result<Vec<Part>, SplitError> {
    let parts = log.part.as_ref().ok_or(SplitError::WithoutColumn)?;
    Ok(rows.order.iter().map(|&row| parts[row as usize]).collect())
}
