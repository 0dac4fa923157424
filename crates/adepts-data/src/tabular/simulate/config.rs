//! What simulated domains are like.

use serde::{Deserialize, Serialize};

use crate::error::SimulationError;

/// What simulated domains are like; every field has a default.
///
/// Sizes and base rates are as uneven as published ones: the fifteen tabs of `KuaiRand`-27K have from 14,991 to
/// 215,925,023 exposures and click rates from below .001 to above .5 (Gao et al. 2022).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DomainsConfig {
    /// Number of tabular data.
    pub rows: usize,
    /// Number of users; each may appear in every domain.
    pub users: usize,
    /// Size of the catalogue, which all domains share.
    pub items: usize,
    /// Number of domains; `domain-1` is the largest.
    pub domains: usize,
    /// Size of a domain as a share of the next larger one. The default gives .56, .25, .11, .05 and .02 of the rows.
    pub fall: f64,
    /// Base rate of the largest domain; rates rise, evenly in log odds, as domains get smaller.
    pub lowest_rate: f64,
    /// Base rate of the smallest domain.
    pub highest_rate: f64,
    /// How many domains, the largest ones, follow the shared effects alone; the others have effects of their own.
    pub alike: usize,
    /// Strength of the effects that all domains share: about the standard deviation in log odds.
    pub shared: f64,
    /// Strength of the effects that one domain alone has: about the standard deviation in log odds.
    pub own: f64,
    /// Number of categories of items.
    pub categories: usize,
    /// Number of tags, of which an item has none to four.
    pub tags: usize,
    /// Number of latent factors of a user and an item.
    pub factors: usize,
    /// Share of the rows whose price is missing.
    pub missing: f64,
    /// Seed of every draw.
    pub seed: u64,
}

impl Default for DomainsConfig {
    fn default() -> Self {
        Self {
            rows: 200_000,
            users: 5_000,
            items: 2_000,
            domains: 5,
            fall: 0.45,
            lowest_rate: 0.01,
            highest_rate: 0.6,
            alike: 1,
            shared: 1.0,
            own: 1.0,
            categories: 20,
            tags: 30,
            factors: 4,
            missing: 0.05,
            seed: 2024,
        }
    }
}

impl DomainsConfig {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`SimulationError`] with the field, its value and its range.
    pub fn check(&self) -> Result<(), SimulationError> {
        let ranges = [
            ("rows", self.rows as f64, 1.0, 1e10),
            ("users", self.users as f64, 1.0, 1e8),
            ("items", self.items as f64, 1.0, 1e7),
            ("domains", self.domains as f64, 1.0, 1_000.0),
            ("fall", self.fall, 0.01, 1.0),
            ("lowest_rate", self.lowest_rate, 1e-4, 0.999),
            ("highest_rate", self.highest_rate, self.lowest_rate, 0.999),
            ("alike", self.alike as f64, 0.0, self.domains as f64),
            ("shared", self.shared, 0.0, 10.0),
            ("own", self.own, 0.0, 10.0),
            ("categories", self.categories as f64, 1.0, 10_000.0),
            ("tags", self.tags as f64, 4.0, 10_000.0),
            ("factors", self.factors as f64, 1.0, 256.0),
            ("missing", self.missing, 0.0, 1.0),
        ];
        match ranges.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((field, value, least, most)) => Err(SimulationError::Field { field, value, least, most }),
            None => Ok(()),
        }
    }

    /// The share of the rows that each domain has.
    pub(super) fn shares(&self) -> Vec<f64> {
        let sizes: Vec<f64> = (0..self.domains).map(|nth| self.fall.powi(nth as i32)).collect();
        let whole: f64 = sizes.iter().sum();
        sizes.into_iter().map(|size| size / whole).collect()
    }

    /// The base rate of a domain.
    pub(super) fn rate(&self, domain: usize) -> f64 {
        let odds = |rate: f64| (rate / (1.0 - rate)).ln();
        let place = domain as f64 / (self.domains - 1).max(1) as f64;
        let log_odds = odds(self.lowest_rate) + place * (odds(self.highest_rate) - odds(self.lowest_rate));
        1.0 / (1.0 + (-log_odds).exp())
    }
}
