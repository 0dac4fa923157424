//! The domains that a configuration lists.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::config::TabularConfig;
use crate::error::TabularError;
use crate::source::{Cell, nearest};

/// Values of the column that are remembered for messages.
const REMEMBERED: usize = 1000;

/// Which rows a configuration means; by default all.
#[derive(Default)]
pub(super) struct Listed {
    /// The listed domains, ascending, and whether a row of each was met that can be read; empty where all are meant.
    domains: Vec<(String, bool)>,
    others: BTreeSet<String>,
}

impl Listed {
    pub(super) fn new(config: &TabularConfig) -> Self {
        let mut domains: Vec<_> = config.domains.iter().map(|domain| (domain.clone(), false)).collect();
        domains.sort();
        Self { domains, others: BTreeSet::new() }
    }

    /// The place of a domain among the listed ones; `None` if its rows are not meant.
    pub(super) fn find(&mut self, domain: Cell<'_>) -> Option<usize> {
        if self.domains.is_empty() {
            return Some(0);
        }
        let spelling = match domain {
            Cell::Raw(text) | Cell::Text(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.spelling()),
        };
        let place = self.domains.binary_search_by(|(listed, _)| listed.as_str().cmp(&spelling)).ok();
        if place.is_none() && self.others.len() < REMEMBERED && !self.others.contains(&*spelling) {
            self.others.insert(spelling.into_owned());
        }
        place
    }

    /// Notes that a row of the domain at this place can be read.
    pub(super) fn met(&mut self, place: usize) {
        self.domains.get_mut(place).into_iter().for_each(|(_, met)| *met = true);
    }

    /// Refuses a listed domain that no row had.
    pub(super) fn check(&self) -> Result<(), TabularError> {
        let Some((domain, _)) = self.domains.iter().find(|(_, met)| !met) else { return Ok(()) };
        let met = self.domains.iter().filter(|(_, met)| *met).map(|(name, _)| name);
        let found: Vec<String> = met.chain(&self.others).cloned().collect();
        Err(TabularError::NoSuchDomain { domain: domain.clone(), hint: nearest(domain, &found), found })
    }
}
