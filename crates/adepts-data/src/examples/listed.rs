//! The domains that a configuration lists.

use std::collections::{BTreeMap, BTreeSet};

use super::config::ExamplesConfig;
use super::error::ExamplesError;
use crate::source::{Cell, nearest};

/// Values of the column that are remembered for messages.
const REMEMBERED: usize = 1000;

/// Which rows a configuration means.
pub(super) struct Listed {
    /// Whether each listed domain was met; empty where all are meant.
    domains: BTreeMap<String, bool>,
    others: BTreeSet<String>,
}

impl Listed {
    pub(super) fn new(config: &ExamplesConfig) -> Self {
        let domains = config.domains.iter().map(|domain| (domain.clone(), false)).collect();
        Self { domains, others: BTreeSet::new() }
    }

    /// Whether a row of this domain is meant.
    pub(super) fn has(&mut self, domain: Cell<'_>) -> bool {
        if self.domains.is_empty() {
            return true;
        }
        let spelling = domain.spelling();
        if let Some(met) = self.domains.get_mut(&spelling) {
            *met = true;
            return true;
        }
        if self.others.len() < REMEMBERED {
            self.others.insert(spelling);
        }
        false
    }

    /// Refuses a listed domain that no row had.
    pub(super) fn check(&self) -> Result<(), ExamplesError> {
        let Some((domain, _)) = self.domains.iter().find(|(_, met)| !**met) else { return Ok(()) };
        let found: Vec<String> =
            self.domains.iter().filter(|(_, met)| **met).map(|(name, _)| name).chain(&self.others).cloned().collect();
        Err(ExamplesError::NoSuchDomain { domain: domain.clone(), hint: nearest(domain, &found), found })
    }
}
