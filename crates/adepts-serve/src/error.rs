//! Why a question has no answer.

use adepts_data::Id;

/// Why a question has no answer; each message says what to change.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Neither a user nor a history.
    #[error("the question names neither a user nor a history; give \"user\": ID or \"history\": [ID, …]")]
    Nobody,
    /// Both a user and a history.
    #[error("the question names a user and a history; give one of them")]
    Both,
    /// A list of no items, or of more than are answered.
    #[error("n is {n}, expected a number from 1 to {most}")]
    Number {
        /// What was asked for.
        n: usize,
        /// The most.
        most: usize,
    },
    /// A list of the question is too long.
    #[error(
        "`{field}` holds {length} values, at most {most} are read; send less, or use `adepts recommend` or `adepts predict` for files"
    )]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        length: usize,
        /// The most.
        most: usize,
    },
    /// The training data does not have the user.
    #[error("there is no user `{user}` among the {users} users of the run; for someone new, send \"history\": [ID, …]")]
    UnknownUser {
        /// The user.
        user: Id,
        /// Number of users that the run knows.
        users: usize,
    },
    /// The run was made without histories, so it knows no user.
    #[error("the run holds no histories, so user `{user}` cannot be looked up; send \"history\": [ID, …]")]
    NoHistories {
        /// The user.
        user: Id,
    },
    /// What is left out is said twice.
    #[error("the question has both \"exclude\" and its former name \"exclude_used\"; give \"exclude\" alone")]
    ExcludedTwice,
    /// There is nothing to go by, and nothing is to stand in for the model.
    #[error("the history holds no known item, and \"fallback\": \"error\" asks for no list in its place")]
    NothingKnown,
    /// The training data does not have the domain.
    #[error("there is no domain `{domain}` in the training data; expected one of {}", known.join(", "))]
    UnknownDomain {
        /// The domain.
        domain: Id,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A column that the model does not have.
    #[error("candidate {candidate} has `{column}`, a column that the model does not know; expected {}", known.join(", "))]
    UnknownColumn {
        /// The candidate's place, from 0.
        candidate: usize,
        /// The column.
        column: String,
        /// Those that it knows.
        known: Vec<String>,
    },
    /// A value that a column cannot have.
    #[error("{} has {value} in `{column}`, expected {expected}", whose(*candidate))]
    BadValue {
        /// The candidate's place, from 0; `None` where it is the context of a retrieval.
        candidate: Option<usize>,
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What it can have.
        expected: &'static str,
    },
    /// The run was not trained for retrieval.
    #[error(
        "the run gives probabilities and has no catalogue to find items in, for which it would have to be trained with data.item; send the candidates to POST /v1/rank"
    )]
    NoCatalogue,
    /// The run is of the other family of models.
    #[error("the run is of a {found} model; {hint}")]
    Family {
        /// Its family: `history` or `tabular`.
        found: &'static str,
        /// What to ask instead.
        hint: &'static str,
    },
}

impl AnswerError {
    /// A name of the kind of error, for programs; it does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Both => "user-and-history",
            Self::Number { .. } => "number",
            Self::TooLong { .. } => "too-long",
            Self::UnknownUser { .. } => "unknown-user",
            Self::NoHistories { .. } => "no-histories",
            Self::ExcludedTwice => "excluded-twice",
            Self::NothingKnown => "nothing-known",
            Self::UnknownDomain { .. } => "unknown-domain",
            Self::UnknownColumn { .. } => "unknown-column",
            Self::BadValue { .. } => "bad-value",
            Self::NoCatalogue => "no-catalogue",
            Self::Family { .. } => "family",
        }
    }

    /// Whether what was asked about does not exist, other than the question being wrong in itself.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::UnknownUser { .. } | Self::NoHistories { .. } | Self::NothingKnown)
    }
}

fn whose(candidate: Option<usize>) -> String {
    candidate.map_or_else(|| "the context".to_owned(), |candidate| format!("candidate {candidate}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_user_is_an_absence_and_the_message_says_what_to_send() {
        let error = AnswerError::UnknownUser { user: Id::Int(7), users: 10 };
        assert!(error.is_absence() && error.to_string().contains("\"history\": [ID, …]"));
        assert!(!AnswerError::Nobody.is_absence());
    }
}
