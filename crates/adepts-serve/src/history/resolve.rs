//! From ids to indices: who is asked about, what is known of him, and what the list is to be like.

use std::sync::Arc;

use adepts_data::{Histories, Id};

use super::{HistoryAnswerer, Wish};
use crate::answer::Unknown;
use crate::error::AnswerError;
use crate::question::{Asked, Exclude, NothingKnown, Question};

/// How many items of a history are left out one by one to see what they did.
pub(super) const LATEST: usize = 50;

/// Whom a list is for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Person<'a> {
    /// A user of the run.
    pub(crate) user: Option<&'a Id>,
    /// Whose history is given, which need not be a user of the run.
    pub(crate) label: Option<&'a Id>,
}

impl HistoryAnswerer {
    /// The histories of the run, and the user's place in them.
    pub(super) fn user(&self, user: &Id) -> Result<(&Histories, u32), AnswerError> {
        let Some(histories) = &self.parts.histories else {
            return Err(AnswerError::NoHistories { user: user.clone() });
        };
        let users = histories.users.len();
        let index =
            histories.users.index(user).ok_or_else(|| AnswerError::UnknownUser { user: user.clone(), users })?;
        Ok((histories, index))
    }

    /// What a question is about, in indices.
    pub fn resolve(&self, asked: &Asked) -> Result<Wish, AnswerError> {
        asked.question.check()?;
        let Question { user, history, .. } = &asked.question;
        let person = Person { user: user.as_ref(), ..Person::default() };
        self.fill(self.pattern(&asked.question), person, history.as_deref().unwrap_or_default(), &asked.since)
    }

    /// What a list is to be like, without whom it is for.
    pub(crate) fn pattern(&self, question: &Question) -> Wish {
        let Question { n, fallback, allow, deny, explain, .. } = question;
        let mut unknown = Unknown::default();
        let mut sorted = |ids: &[Id]| {
            let mut items = self.indices(ids, &mut unknown);
            items.sort_unstable();
            items.dedup();
            Arc::from(items)
        };
        let (allow, deny) = (allow.as_deref().map(&mut sorted), sorted(deny));
        let exclude = question.excluded().unwrap_or(self.parts.exclude);
        let (n, fallback, explain) = (*n, *fallback, *explain);
        Wish { n, exclude, fallback, allow, deny, explain, unknown, ..Wish::default() }
    }

    /// Says whom a list is for.
    pub(crate) fn fill(
        &self,
        mut wish: Wish,
        person: Person<'_>,
        history: &[Id],
        since: &[Id],
    ) -> Result<Wish, AnswerError> {
        let (mut of_user, mut seen) = (&[][..], &[][..]);
        if let Some(user) = person.user {
            match self.user(user) {
                Ok((histories, index)) => {
                    wish.stored = Some(index);
                    (of_user, seen) = (histories.items.row(index as usize), histories.seen.row(index as usize));
                }
                // Someone who came after the training is known by what happened since.
                Err(_) if !since.is_empty() => {}
                Err(_) if wish.fallback == Some(NothingKnown::Popular) => wish.stranger = true,
                Err(error) => return Err(error),
            }
        }
        let mut later = self.indices(history, &mut wish.unknown);
        // Events are kept as text; an id that is told of is of the type that the others have.
        let since: Vec<Id> = since.iter().map(|id| self.parts.catalogue.ids.typed(id.clone())).collect();
        later.extend(self.indices(&since, &mut wish.unknown));
        wish.latest = if wish.explain { self.latest(of_user, &later) } else { Vec::new() };
        wish.history = of_user.to_vec();
        if !later.is_empty() {
            wish.history.extend(&later);
            wish.history.sort_unstable();
            wish.history.dedup();
        }
        if wish.exclude == Exclude::Seen {
            let more = self.parts.seen.as_ref().zip(person.user.or(person.label));
            wish.seen = [seen, more.map_or(&[], |(seen, user)| seen.of(user))].concat();
        }
        if wish.history.is_empty() && wish.fallback == Some(NothingKnown::Error) {
            return Err(AnswerError::NothingKnown);
        }
        wish.stored = wish.stored.filter(|_| wish.history.len() == of_user.len());
        Ok(wish)
    }

    /// The items of the catalogue among these; the others are noted.
    fn indices(&self, ids: &[Id], unknown: &mut Unknown) -> Vec<u32> {
        let index = |id: &Id| {
            let index = self.parts.catalogue.ids.index(id);
            if index.is_none() {
                unknown.note(&self.parts.catalogue.ids.typed(id.clone()));
            }
            index
        };
        ids.iter().filter_map(index).collect()
    }

    /// The latest distinct items, the very latest first. What the run holds has no order, and its rarest items say most.
    fn latest(&self, of_user: &[u32], later: &[u32]) -> Vec<u32> {
        let mut rarest = of_user.to_vec();
        rarest.sort_by_key(|item| self.parts.catalogue.users[*item as usize]);
        let mut latest: Vec<u32> = Vec::with_capacity(LATEST);
        for item in later.iter().rev().chain(&rarest) {
            if latest.len() == LATEST {
                break;
            }
            if !latest.contains(item) {
                latest.push(*item);
            }
        }
        latest
    }
}
