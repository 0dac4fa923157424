//! Answers of a history model.
//!
//! Whoever is asked about, a user of the training data or someone with a history, the model is shown one thing, the known
//! items, by one function ([`adepts_core::fold_in`]), so a user and his history sent as items have the same list. What is
//! shown to a gate is a part of that history.

mod explain;
mod lists;
mod resolve;
mod search;

use std::sync::OnceLock;

use adepts_core::{HistoryModel, ProbeSplit};
use adepts_data::{Catalogue, Community, Histories, Id, Titles};

use crate::answer::{Answer, Fallback, Group, Reason, Recommended};
use crate::answerer::{Answerer, Facts, ItemFound, Page};
use crate::error::AnswerError;
use crate::question::{Asked, Exclude};
use crate::rank::{RankQuestion, Ranking};
use crate::retrieval::{Retrieval, RetrievalQuestion};
use crate::seen::SeenPairs;

pub use explain::EXPLAINED;
pub use lists::{List, Wish, most_rows};
pub(crate) use resolve::Person;

/// Groups of users by mainstream score, niche first.
pub const GROUPS: [&str; 5] = ["low", "med-low", "medium", "med-high", "high"];

/// The note where there was no history to go by.
pub const POPULAR: &str = "no known item in the history, so these are the items that most users have";

/// The note where the user is one that the run does not know.
pub const STRANGER: &str = "the run does not know this user, so these are the items that most users have";

/// What a run has that answers need.
pub struct Parts {
    /// What is to be known of it.
    pub facts: Facts,
    /// Seed of the split of histories that a gate looks at.
    pub seed: u64,
    /// How that split draws.
    pub split: ProbeSplit,
    /// The trained model.
    pub model: Box<dyn HistoryModel>,
    /// The items.
    pub catalogue: Catalogue,
    /// Their titles.
    pub titles: Option<Titles>,
    /// The users.
    pub histories: Option<Histories>,
    /// The mainstream scores at which a group ends and the next begins; empty where they are not known.
    pub limits: Vec<f32>,
    /// What is left out of lists where a question does not say.
    pub exclude: Exclude,
    /// What users have seen beyond what the run knows.
    pub seen: Option<SeenPairs>,
    /// The report as a page.
    pub report: Page,
}

/// A history model that answers.
pub struct HistoryAnswerer {
    parts: Parts,
    popularity: Vec<f32>,
    community: OnceLock<Community>,
    search: OnceLock<search::Index>,
}

impl HistoryAnswerer {
    /// Prepares to answer.
    ///
    /// # Panics
    /// If the model is of another catalogue.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (items, of_model) = (parts.catalogue.users.len(), parts.model.items());
        assert_eq!(of_model, items, "a model of {of_model} items, a catalogue of {items}");
        let popularity = parts.catalogue.users.iter().map(|users| *users as f32).collect();
        Self { parts, popularity, community: OnceLock::new(), search: OnceLock::new() }
    }

    /// What it was made of.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    fn title(&self, item: u32) -> Option<String> {
        self.parts.titles.as_ref().and_then(|titles| titles.get(item)).map(str::to_owned)
    }

    fn found(&self, item: u32) -> ItemFound {
        let Catalogue { ids, users, .. } = &self.parts.catalogue;
        ItemFound { item: ids.id(item), title: self.title(item), users: users[item as usize].into() }
    }

    /// The answer that a list is.
    #[must_use]
    pub fn told(&self, asked: &Asked, wish: &Wish, list: &List) -> Answer {
        let ids = &self.parts.catalogue.ids;
        let mut because = if wish.explain { self.because(wish, list) } else { Vec::new() }.into_iter();
        let items = list.items.iter().zip(&list.scores).map(|(&item, &score)| {
            let reason = |(item, effect)| Reason { item: ids.id(item), title: self.title(item), effect };
            let because = because.next().unwrap_or_default().into_iter().map(reason).collect();
            Recommended { item: ids.id(item), title: self.title(item), score, because }
        });
        let experts = list.shares.len() as f32;
        let relative = || list.shares.iter().map(|share| share * experts).collect();
        Answer {
            user: asked.question.user.clone().map(|user| self.user_id(user)),
            items: items.collect(),
            unknown: wish.unknown.clone(),
            fallback: list.popular.then_some(Fallback::Popularity),
            experts: (wish.explain && !list.shares.is_empty()).then(relative),
            group: if wish.explain { self.group(wish) } else { None },
            note: list.popular.then(|| if wish.stranger { STRANGER } else { POPULAR }.to_owned()),
            gate_entropy: list.entropy(),
        }
    }

    /// How mainstream a history is among those that the run holds.
    fn group(&self, wish: &Wish) -> Option<Group> {
        let Parts { histories, limits, catalogue, seed, .. } = &self.parts;
        let histories = histories.as_ref().filter(|_| !limits.is_empty() && !wish.history.is_empty())?;
        let items = catalogue.users.len();
        let community =
            self.community.get_or_init(|| Community::new(&histories.items, &histories.learns, items, *seed));
        let score = community.score(&wish.history, wish.stored);
        let name = GROUPS[limits.partition_point(|limit| *limit <= score).min(GROUPS.len() - 1)].to_owned();
        Some(Group { name, score })
    }
}

impl Answerer for HistoryAnswerer {
    fn facts(&self) -> &Facts {
        &self.parts.facts
    }

    fn answer(&self, asked: &[Asked]) -> Vec<Result<Answer, AnswerError>> {
        let wishes: Vec<Result<Wish, AnswerError>> = asked.iter().map(|asked| self.resolve(asked)).collect();
        let good: Vec<&Wish> = wishes.iter().filter_map(|wish| wish.as_ref().ok()).collect();
        let mut lists = self.lists(&good).into_iter();
        let told = |(wish, asked): (&Result<Wish, AnswerError>, &Asked)| match wish {
            Ok(wish) => Ok(self.told(asked, wish, &lists.next().unwrap_or_default())),
            Err(error) => Err(error.clone()),
        };
        wishes.iter().zip(asked).map(told).collect()
    }

    fn rank(&self, questions: &[RankQuestion]) -> Vec<Result<Ranking, AnswerError>> {
        let hint = "ask for recommendations with \"allow\": [ID, …] to rank given items";
        questions.iter().map(|_| Err(AnswerError::Family { found: "history", hint })).collect()
    }

    fn retrieve(&self, questions: &[RetrievalQuestion]) -> Vec<Result<Retrieval, AnswerError>> {
        let hint = "ask POST /v1/recommend with \"user\": ID or \"history\": [ID, …]";
        questions.iter().map(|_| Err(AnswerError::Family { found: "history", hint })).collect()
    }

    fn history(&self, user: &Id) -> Result<Vec<Id>, AnswerError> {
        let (histories, index) = self.user(user)?;
        let ids = &self.parts.catalogue.ids;
        Ok(histories.items.row(index as usize).iter().map(|item| ids.id(*item)).collect())
    }

    fn seen(&self, user: &Id) -> Vec<Id> {
        let ids = &self.parts.catalogue.ids;
        let of_run = self.user(user).map(|(histories, index)| histories.seen.row(index as usize)).unwrap_or_default();
        let more = self.parts.seen.as_ref().map_or(&[][..], |seen| seen.of(user));
        let history = self.user(user).map(|(histories, index)| histories.items.row(index as usize)).unwrap_or_default();
        let mut seen = [of_run, more].concat();
        seen.sort_unstable();
        seen.dedup();
        seen.into_iter().filter(|item| history.binary_search(item).is_err()).map(|item| ids.id(item)).collect()
    }

    fn user_id(&self, id: Id) -> Id {
        match &self.parts.histories {
            Some(histories) => histories.users.typed(id),
            None => id,
        }
    }

    fn item_id(&self, id: Id) -> Id {
        self.parts.catalogue.ids.typed(id)
    }

    fn item(&self, id: &Id) -> Option<ItemFound> {
        Some(self.found(self.parts.catalogue.ids.index(id)?))
    }

    fn items(&self, query: &str, limit: usize) -> Vec<ItemFound> {
        let index = self.search.get_or_init(|| search::Index::new(&self.parts.catalogue, self.parts.titles.as_ref()));
        let exact = self.parts.catalogue.ids.index(&Id::Text(query.trim().into()));
        let others = index.matching(query).filter(|item| Some(*item) != exact);
        exact.into_iter().chain(others).take(limit).map(|item| self.found(item)).collect()
    }

    fn report(&self) -> &Page {
        &self.parts.report
    }
}
