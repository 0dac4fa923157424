//! Rows that could not be used: how many, why, and the first of each kind.

use crate::error::{DataError, SkippedReason, TabularError};

/// How many of the skipped rows are listed.
const EXAMPLES: usize = 5;
/// How many reasons are told apart.
const REASONS: usize = 12;

/// The skipped rows of a pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Skipped {
    pub(super) rows: u64,
    /// The first of them, as messages.
    pub(super) examples: Vec<String>,
    /// By reason, in the order in which reasons were met.
    pub(super) reasons: Vec<SkippedReason>,
}

impl Skipped {
    pub(super) fn note(&mut self, error: &DataError) {
        self.rows += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(error.to_string());
        }
        let reason = if self.reasons.len() < REASONS { reason(error) } else { "another reason".to_owned() };
        // Beyond the reasons that are told apart there is one more for all others.
        let known = self.reasons.iter().position(|known| known.reason == reason);
        match known.or((self.reasons.len() > REASONS).then_some(REASONS)) {
            Some(known) => self.reasons[known].rows += 1,
            None => self.reasons.push(SkippedReason { reason, rows: 1, first: error.to_string() }),
        }
    }

    /// Adds those of another file.
    pub(super) fn add(&mut self, more: &Self) {
        self.rows += more.rows;
        let free = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(more.examples.iter().take(free).cloned());
        self.reasons.extend(more.reasons.iter().cloned());
    }

    /// An error if rows were met and all of them skipped.
    pub(super) fn check(&self, origin: &str, rows: u64) -> Result<(), TabularError> {
        if rows > 0 || self.rows == 0 {
            return Ok(());
        }
        Err(TabularError::AllSkipped { origin: origin.to_owned(), rows: self.rows, reasons: self.reasons.clone() })
    }
}

/// What is wrong, without the place and the value, so that rows can be counted by it.
fn reason(error: &DataError) -> String {
    match error {
        DataError::MissingValue { column, .. } => format!("no value in the column `{column}`"),
        DataError::BadValue { column, expected, .. } => {
            // What may be done about it stands in brackets, and in the message of the first row.
            let expected = expected.split_once(" (").map_or(*expected, |(expected, _)| expected);
            format!("in the column `{column}` something else than {expected}")
        }
        DataError::Tabular(TabularError::UnknownDomain { .. }) => "a domain that was not trained on".to_owned(),
        DataError::Tabular(TabularError::NotInCatalogue { .. }) => "an item that is not in the catalogue".to_owned(),
        DataError::MalformedRow { reason, .. } => reason.clone(),
        _ => "another reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(reason: impl Into<String>, number: u64) -> DataError {
        let place = crate::place::Place { path: "a.csv".into(), unit: "line", number };
        DataError::MalformedRow { place, reason: reason.into() }
    }

    #[test]
    fn rows_are_counted_by_reason_with_the_first_of_each() {
        let mut skipped = Skipped::default();
        for (number, reason) in ["a", "b", "a", "a"].into_iter().enumerate() {
            skipped.note(&malformed(reason, number as u64));
        }
        let shown: Vec<String> = skipped.reasons.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["3 × a (first: a.csv, line 0: a)", "1 × b (first: a.csv, line 1: b)"]);
        assert_eq!((skipped.rows, skipped.examples.len()), (4, 4));
    }

    #[test]
    fn ever_new_reasons_are_put_together() {
        let mut skipped = Skipped::default();
        for number in 0..100 {
            skipped.note(&malformed(format!("reason {number}"), number));
        }
        assert_eq!(skipped.reasons.len(), REASONS + 1);
        assert_eq!(skipped.reasons.iter().map(|reason| reason.rows).sum::<u64>(), 100);
        assert_eq!(skipped.reasons[REASONS].reason, "another reason");
    }
}
