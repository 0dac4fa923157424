//! What is asked of a history model.

use adepts_data::Id;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::AnswerError;
use crate::http::schema::IdSchema;

/// The longest list that is answered.
pub const MOST_ITEMS: usize = 10_000;
/// The longest list of ids in a question.
pub const MOST_IDS: usize = 100_000;

/// Which items are left out because the user has them already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exclude {
    /// All that the user is known to have seen: the history that the model goes by, held-out items, rows of the log that a
    /// filter dropped, events, and what `--seen` adds.
    #[default]
    Seen,
    /// What the model goes by: the history, and events. Held-out items stay in, so that lists can be judged by them.
    Learned,
    /// Nothing.
    None,
}

/// What whoever has no known item is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NothingKnown {
    /// The items that most users have, also for users that the run does not know.
    Popular,
    /// An error, also for a history without a known item.
    Error,
}

/// What is to be recommended, and to whom: to a user of the training data, or to whoever has this history. As JSON:
/// `{"user": 42}`, `{"history": ["a", "b"], "n": 5, "explain": true}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// A user of the training data, by id. Either this or `history` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdSchema>)]
    pub user: Option<Id>,
    /// Items that someone has used, the latest last where an order is known. An item that stands twice counts once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<IdSchema>>)]
    pub history: Option<Vec<Id>>,
    /// How many items, from 1 to [`MOST_ITEMS`]. Fewer come back where no more are left.
    #[schema(minimum = 1, maximum = 10_000)]
    pub n: usize,
    /// What is left out because the user has it already: `seen`, `learned` or `none`. By default what `adepts serve --exclude`
    /// says, and else `seen`. Of a history that is sent all items are seen and learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = "seen")]
    pub exclude: Option<Exclude>,
    /// The former name: `false` is `"exclude": "none"`, `true` is `"exclude": "seen"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(deprecated)]
    pub exclude_used: Option<bool>,
    /// What whoever has no known item is answered, one rule for all: `popular`, the items that most users have, or `error`. By
    /// default an unknown user is an error and an empty history gets what most users have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<NothingKnown>,
    /// Only these items may be recommended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<IdSchema>>)]
    pub allow: Option<Vec<Id>>,
    /// These items are not recommended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<IdSchema>)]
    pub deny: Vec<Id>,
    /// Say why: the experts' shares, the items of the history that pushed each of the first
    /// [`EXPLAINED`](crate::history::EXPLAINED) recommendations most, and the user's group.
    pub explain: bool,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            user: None,
            history: None,
            n: 10,
            exclude: None,
            exclude_used: None,
            fallback: None,
            allow: None,
            deny: Vec::new(),
            explain: false,
        }
    }
}

impl Question {
    /// What to recommend to a user of the training data.
    #[must_use]
    pub fn of_user(user: Id) -> Self {
        Self { user: Some(user), ..Self::default() }
    }

    /// What to recommend to whoever has this history.
    #[must_use]
    pub fn of_history(history: Vec<Id>) -> Self {
        Self { history: Some(history), ..Self::default() }
    }

    /// What is left out, if the question says it.
    #[must_use]
    pub fn excluded(&self) -> Option<Exclude> {
        self.exclude.or(self.exclude_used.map(|used| if used { Exclude::Seen } else { Exclude::None }))
    }

    /// Refuses a question that no model could answer.
    pub fn check(&self) -> Result<(), AnswerError> {
        match (&self.user, &self.history) {
            (None, None) => return Err(AnswerError::Nobody),
            (Some(_), Some(_)) => return Err(AnswerError::Both),
            _ => {}
        }
        if self.exclude.is_some() && self.exclude_used.is_some() {
            return Err(AnswerError::ExcludedTwice);
        }
        if !(1..=MOST_ITEMS).contains(&self.n) {
            return Err(AnswerError::Number { n: self.n, most: MOST_ITEMS });
        }
        let lists =
            [("history", self.history.as_deref()), ("allow", self.allow.as_deref()), ("deny", Some(&self.deny))];
        for (field, ids) in lists {
            let length = ids.map_or(0, <[Id]>::len);
            if length > MOST_IDS {
                return Err(AnswerError::TooLong { field, length, most: MOST_IDS });
            }
        }
        Ok(())
    }
}

/// A question, and what has happened since the model was trained.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// Items that the user has used since, the oldest first; they are added to the history. With them a user that the
    /// training data does not have is known, too.
    pub since: Vec<Id>,
}

impl From<Question> for Asked {
    fn from(question: Question) -> Self {
        Self { question, since: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_strings_or_numbers_and_everything_but_whom_has_a_default() {
        let question: Question = serde_json::from_str(r#"{"history": [7, "b"]}"#).unwrap();
        assert_eq!(question, Question::of_history(vec![Id::Int(7), Id::Text("b".into())]));
        assert_eq!((question.n, question.excluded(), question.explain), (10, None, false));
        assert!(serde_json::from_str::<Question>(r#"{"user": 1, "number": 5}"#).is_err());
        assert!(serde_json::from_str::<Question>(r#"{"user": 1.5}"#).is_err());
    }

    #[test]
    fn what_is_left_out_is_said_once_by_either_name() {
        let of = |text: &str| serde_json::from_str::<Question>(text).unwrap();
        for (text, exclude) in [
            (r#"{"user": 1, "exclude": "learned"}"#, Exclude::Learned),
            (r#"{"user": 1, "exclude": "none"}"#, Exclude::None),
            (r#"{"user": 1, "exclude_used": false}"#, Exclude::None),
            (r#"{"user": 1, "exclude_used": true}"#, Exclude::Seen),
        ] {
            assert_eq!((of(text).excluded(), of(text).check()), (Some(exclude), Ok(())));
        }
        let twice = of(r#"{"user": 1, "exclude": "seen", "exclude_used": true}"#);
        assert_eq!(twice.check(), Err(AnswerError::ExcludedTwice));
        assert!(serde_json::from_str::<Question>(r#"{"user": 1, "exclude": "used"}"#).is_err());
    }

    #[test]
    fn a_question_is_about_one_person_and_has_bounds() {
        let user = Question::of_user(Id::Int(1));
        assert!(user.check().is_ok());
        assert!(matches!(Question::default().check(), Err(AnswerError::Nobody)));
        let both = Question { history: Some(Vec::new()), ..user.clone() };
        assert!(matches!(both.check(), Err(AnswerError::Both)));
        for n in [0, MOST_ITEMS + 1] {
            assert!(matches!(Question { n, ..user.clone() }.check(), Err(AnswerError::Number { .. })));
        }
        let long = Question { deny: vec![Id::Int(1); MOST_IDS + 1], ..user };
        assert!(matches!(long.check(), Err(AnswerError::TooLong { field: "deny", .. })));
    }
}
