//! From ids to indices: who is asked about, what is known of him, and what the list is to be like.

use std::sync::Arc;

use adepts_data::{Histories, Id};

use super::{HistoryAnswerer, Wish};
use crate::answer::Unknown;
use crate::error::AnswerError;
use crate::question::{Asked, Question};

/// How many items of a history are left out one by one to see what they did.
pub(super) const LATEST: usize = 50;

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
        self.fill(self.pattern(&asked.question), user.as_ref(), history.as_deref().unwrap_or_default(), &asked.since)
    }

    /// What a list is to be like, without whom it is for.
    pub(crate) fn pattern(&self, question: &Question) -> Wish {
        let Question { n, exclude_used, allow, deny, explain, .. } = question;
        let mut unknown = Unknown::default();
        let mut sorted = |ids: &[Id]| {
            let mut items = self.indices(ids, &mut unknown);
            items.sort_unstable();
            items.dedup();
            Arc::from(items)
        };
        let (allow, deny) = (allow.as_deref().map(&mut sorted), sorted(deny));
        Wish { n: *n, exclude_used: *exclude_used, allow, deny, explain: *explain, unknown, ..Wish::default() }
    }

    /// Says whom a list is for.
    pub(crate) fn fill(
        &self,
        mut wish: Wish,
        user: Option<&Id>,
        history: &[Id],
        since: &[Id],
    ) -> Result<Wish, AnswerError> {
        let mut of_user = &[][..];
        if let Some(user) = user {
            match self.user(user) {
                Ok((histories, index)) => {
                    (wish.stored, of_user) = (Some(index), histories.items.row(index as usize));
                }
                // Someone who came after the training is known by what happened since.
                Err(_) if !since.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        let mut later = self.indices(history, &mut wish.unknown);
        later.extend(self.indices(since, &mut wish.unknown));
        wish.latest = if wish.explain { self.latest(of_user, &later) } else { Vec::new() };
        wish.history = of_user.to_vec();
        if !later.is_empty() {
            wish.history.extend(&later);
            wish.history.sort_unstable();
            wish.history.dedup();
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
