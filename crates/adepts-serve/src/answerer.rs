//! Who answers: a run that was opened.

use std::path::Path;
use std::sync::Arc;

use adepts_data::Id;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::error::AnswerError;
use crate::http::schema::IdSchema;
use crate::question::Asked;
use crate::rank::{RankQuestion, Ranking};
use crate::retrieval::{Retrieval, RetrievalQuestion};

/// A trained model that answers. It may be asked by many threads at once.
pub trait Answerer: Send + Sync {
    /// What is to be known of the model.
    fn facts(&self) -> &Facts;

    /// An answer, or the reason why there is none, for each question, in their order. The answer to a question does not
    /// depend on the others, to the bit.
    fn answer(&self, asked: &[Asked]) -> Vec<Result<Answer, AnswerError>>;

    /// As [`Answerer::answer`], for tabular models.
    fn rank(&self, questions: &[RankQuestion]) -> Vec<Result<Ranking, AnswerError>>;

    /// As [`Answerer::answer`], for models for retrieval.
    fn retrieve(&self, questions: &[RetrievalQuestion]) -> Vec<Result<Retrieval, AnswerError>>;

    /// The user whom a question for retrieval names, known or not; `None` where a question does not say whose it is.
    fn asker(&self, question: &RetrievalQuestion) -> Option<Id> {
        let _ = question;
        None
    }

    /// As [`Answerer::retrieve`], where the user of each question has used these items since: they count as seen.
    fn retrieve_since(
        &self,
        questions: &[RetrievalQuestion],
        since: &[Vec<Id>],
    ) -> Vec<Result<Retrieval, AnswerError>> {
        let _ = since;
        self.retrieve(questions)
    }

    /// The stored history of a user of the training data, ascending: what an answer for the user goes by.
    fn history(&self, user: &Id) -> Result<Vec<Id>, AnswerError>;

    /// The other items that a user of the training data is known to have seen, ascending; empty where the run does not know.
    fn seen(&self, user: &Id) -> Vec<Id> {
        let _ = user;
        Vec::new()
    }

    /// A user's id, known or not, in the type of those that the model was trained on.
    fn user_id(&self, id: Id) -> Id {
        id
    }

    /// An item's id, known or not, in the type of those of the catalogue.
    fn item_id(&self, id: Id) -> Id {
        id
    }

    /// The item with this id, and its title.
    fn item(&self, id: &Id) -> Option<ItemFound>;

    /// Up to `limit` items whose title or id holds all words of the query, in any case: an item with exactly this id comes
    /// first, then those that most users have. An empty query finds the items that most users have.
    fn items(&self, query: &str, limit: usize) -> Vec<ItemFound>;

    /// The page of the run's report.
    fn report(&self) -> &Page;
}

/// The page of a run's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The run has none.
    Missing,
    /// There is one, and it is not the one that was written.
    Changed {
        /// What is wrong with it, without a place on the machine.
        reason: String,
    },
    /// One self-contained HTML page.
    Whole(Vec<u8>),
}

/// What is to be known of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Facts {
    /// Name of the run: that of its folder.
    pub run: String,
    /// The model, such as `tall`.
    pub model: String,
    /// What it is a model of.
    pub family: Family,
    /// Hash over the whole run but for its page: equal for equal runs, another for another.
    pub hash: String,
    /// Version of the run's format.
    pub format: u32,
    /// Version of adepts that trained it.
    pub adepts: String,
    /// Users that it was trained on; 0 for tabular models.
    pub users: usize,
    /// Items in the catalogue; 0 for tabular models that are not for retrieval.
    pub items: usize,
    /// Training pairs, or training rows.
    pub rows: usize,
    /// Experts that a gate mixes; 1 without a gate.
    pub experts: usize,
    /// Whether users of the training data can be asked about.
    pub histories: bool,
    /// Whether items have titles.
    pub titles: bool,
    /// The domains; empty for history models.
    pub domains: Vec<String>,
    /// The columns of a row; empty for history models.
    pub columns: Vec<String>,
    /// Those of them that describe who asks, which is all that retrieval needs; empty for models that are not for retrieval.
    pub user_columns: Vec<String>,
}

/// What a model is a model of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Users' histories: asked by [`Answerer::answer`].
    History,
    /// Rows of columns with a domain: asked by [`Answerer::rank`], for retrieval also by [`Answerer::retrieve`].
    Tabular,
}

/// An item of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ItemFound {
    /// The item.
    #[schema(value_type = IdSchema)]
    pub item: Id,
    /// Its title, where the run has titles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Users of the training data that have it.
    pub users: u64,
}

/// Why a run cannot be opened.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

/// Opens the run in a folder for answering.
pub type Opener = Arc<dyn Fn(&Path) -> Result<Arc<dyn Answerer>, OpenError> + Send + Sync>;
