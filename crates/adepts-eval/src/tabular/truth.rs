//! What the scores of tabular data are judged by, and what can be wrong with it.

use crate::compare::CompareError;
use crate::nearest::hint;

/// What is known of the judged rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Truth<'a> {
    /// 0 or 1: `[rows]`.
    pub label: &'a [f32],
    /// The user of each row, for measures by user, [`NO_USER`](adepts_data::tabular::NO_USER) for a row without one: `[rows]`,
    /// or empty where users are not known.
    pub user: &'a [u32],
    /// The domain of each row, an index into `domains`: `[rows]`.
    pub domain: &'a [u32],
    /// The names of the domains.
    pub domains: &'a [String],
}

/// What can be wrong with an evaluation of tabular models: always where, what and what was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TabularEvalError {
    /// There is nothing to judge.
    #[error("there is no row to judge")]
    NoRows,
    /// More rows than can be numbered.
    #[error("{rows} rows are more than can be judged at once ({most})")]
    TooManyRows {
        /// How many there are.
        rows: usize,
        /// How many there may be.
        most: usize,
    },
    /// A column is not of these rows.
    #[error("{found} {column}s are given for {rows} rows")]
    Lengths {
        /// `score`, `user` or `domain`.
        column: &'static str,
        /// Its length.
        found: usize,
        /// Number of labels.
        rows: usize,
    },
    /// A label is neither 0 nor 1.
    #[error("the label of row {row} is {value}, expected 0 or 1")]
    Label {
        /// The row, from 0.
        row: usize,
        /// The label.
        value: f32,
    },
    /// A score is no probability.
    #[error("{of} gives row {row} the score {value}, expected a probability from 0 to 1")]
    Score {
        /// Whose score it is.
        of: String,
        /// The row, from 0.
        row: usize,
        /// The score.
        value: f32,
    },
    /// Outputs are not of these experts and rows.
    #[error("{found} outputs are not equally many for each of {experts} experts and {rows} rows")]
    OutputSize {
        /// Number of outputs.
        found: usize,
        /// Number of experts.
        experts: usize,
        /// Number of rows.
        rows: usize,
    },
    /// A domain has no name.
    #[error("row {row} is of domain {domain}, but there are only {domains} domains")]
    Domain {
        /// The row, from 0.
        row: usize,
        /// The domain.
        domain: u32,
        /// Number of names.
        domains: usize,
    },
    /// The weights of a gate are not of these rows.
    #[error("{found} gate weights are no {experts} for each of {rows} rows")]
    GateSize {
        /// How many there are.
        found: usize,
        /// Number of experts.
        experts: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The weight of a gate is no weight.
    #[error("the gate gives expert {expert} in row {row} the weight {value}, expected a number of at least 0")]
    Gate {
        /// The row of the block, from 0.
        row: usize,
        /// The expert, from 0.
        expert: usize,
        /// The weight.
        value: f32,
    },
    /// Runs that cannot be compared, or no such baseline.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// No metric by which runs can be compared has this name.
    #[error("tabular runs cannot be compared by `{metric}`{}; there are {}", hint(suggestion.as_deref()), known.join(", "))]
    UnknownMetric {
        /// What was asked for.
        metric: String,
        /// The nearest that there is.
        suggestion: Option<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// The run was not measured by this metric.
    #[error("{run} was not measured by `{metric}`{}; it was by {}", hint(suggestion.as_deref()), known.join(", "))]
    MissingMetric {
        /// The run.
        run: String,
        /// What was asked for.
        metric: String,
        /// The nearest that there is.
        suggestion: Option<String>,
        /// What it was measured by.
        known: Vec<String>,
    },
    /// Two runs ranked for different queries.
    #[error("{run} was judged by other lists than {baseline}, so they cannot be compared")]
    OtherLists {
        /// The run.
        run: String,
        /// The run that it is compared with.
        baseline: String,
    },
    /// The metric is not defined on any of the rows.
    #[error("`{metric}` is not defined for these rows: it needs labels of both kinds{}", if *by_user { " in the rows of one user" } else { "" })]
    Undefined {
        /// The metric.
        metric: String,
        /// Whether it is measured user by user.
        by_user: bool,
    },
}

impl Truth<'_> {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.label.len()
    }

    /// Whether the columns fit together and hold what they should.
    pub(super) fn check(&self) -> Result<(), TabularEvalError> {
        let rows = self.rows();
        // A row may be drawn as often as there are rows, and both are counted in 32 bits.
        let most = u32::MAX as usize;
        match rows {
            0 => return Err(TabularEvalError::NoRows),
            _ if rows > most => return Err(TabularEvalError::TooManyRows { rows, most }),
            _ => (),
        }
        if !self.user.is_empty() && self.user.len() != rows {
            return Err(TabularEvalError::Lengths { column: "user", found: self.user.len(), rows });
        }
        if self.domain.len() != rows {
            return Err(TabularEvalError::Lengths { column: "domain", found: self.domain.len(), rows });
        }
        if let Some(row) = self.label.iter().position(|&label| label != 0.0 && label != 1.0) {
            return Err(TabularEvalError::Label { row, value: self.label[row] });
        }
        let domains = self.domains.len();
        match self.domain.iter().position(|&domain| domain as usize >= domains) {
            Some(row) => Err(TabularEvalError::Domain { row, domain: self.domain[row], domains }),
            None => Ok(()),
        }
    }

    /// Whether these are probabilities of the rows.
    pub(super) fn check_score(&self, of: &str, score: &[f32]) -> Result<(), TabularEvalError> {
        let rows = self.rows();
        if score.len() != rows {
            return Err(TabularEvalError::Lengths { column: "score", found: score.len(), rows });
        }
        match score.iter().position(|score| !(0.0..=1.0).contains(score)) {
            Some(row) => Err(TabularEvalError::Score { of: of.to_owned(), row, value: score[row] }),
            None => Ok(()),
        }
    }
}
