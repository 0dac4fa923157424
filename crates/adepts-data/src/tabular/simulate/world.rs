//! Users, items and domains, and how likely a label is.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, StandardNormal};

use super::config::DomainsConfig;
use crate::seed;

/// Weights of what makes up the shared effects; their squares sum to about one.
const SHARED_LATENT: f64 = 0.6;
const SHARED_CATEGORY: f64 = 0.5;
const SHARED_TAGS: f64 = 0.5;
const SHARED_PRICE: f64 = -0.35;

/// The same of the effects of one domain.
const OWN_LATENT: f64 = 0.4;
const OWN_CATEGORY: f64 = 0.65;
const OWN_HOUR: f64 = 0.9;

/// Mean and deviation of the logarithm of an item's price, and the deviation of a row's from it.
const PRICE: f64 = 3.0;
const PRICE_SPREAD: f64 = 0.8;
const PRICE_NOISE: f64 = 0.1;

/// Rows by which the base rate of a domain is set.
const TRIALS: usize = 1 << 14;

pub(super) struct World<'a> {
    config: &'a DomainsConfig,
    /// `[users, factors]`
    user_factors: Vec<f64>,
    pub(super) items: Vec<Item>,
    /// `[items, factors]`
    item_factors: Vec<f64>,
    categories: Vec<f64>,
    tags: Vec<f64>,
    domains: Vec<Domain>,
    of_domain: WeightedAliasIndex<f64>,
    of_user: WeightedAliasIndex<f64>,
    of_item: WeightedAliasIndex<f64>,
}

pub(super) struct Item {
    pub(super) category: u32,
    pub(super) tags: Vec<u32>,
    log_price: f64,
}

struct Domain {
    bias: f64,
    /// Effects of its own; `None` where it follows the shared ones alone.
    own: Option<Own>,
}

struct Own {
    /// `[items, factors]`
    item_factors: Vec<f64>,
    categories: Vec<f64>,
    /// The hour at which the label is likeliest.
    hour: f64,
}

/// A simulated row.
pub(super) struct SimulatedRow {
    pub(super) user: u32,
    pub(super) item: u32,
    pub(super) hour: u8,
    pub(super) price: Option<f64>,
    pub(super) domain: u16,
    pub(super) label: bool,
    /// Log odds of the label, with all effects and with the shared ones alone.
    pub(super) log_odds: f64,
    pub(super) shared: f64,
}

impl<'a> World<'a> {
    /// The world that a checked config describes.
    pub(super) fn new(config: &'a DomainsConfig) -> Self {
        let stream = |purpose: &str, place: &[u64]| seed::stream(config.seed, purpose, place);
        let mut of_items = stream("simulate domains items", &[]);
        let mut of_users = stream("simulate domains users", &[]);
        let mut effects = stream("simulate domains effects", &[]);
        let all_tags: Vec<u32> = (0..config.tags as u32).collect();
        let items = (0..config.items).map(|_| {
            let count = of_items.random_range(0..=4_usize);
            let mut tags = all_tags.clone();
            let (tags, _) = tags.partial_shuffle(&mut of_items, count);
            Item {
                category: of_items.random_range(0..config.categories as u32),
                tags: tags.to_vec(),
                log_price: PRICE + PRICE_SPREAD * normal(&mut of_items),
            }
        });
        let items: Vec<Item> = items.collect();
        let item_factors = normals(config.items * config.factors, &mut of_items);
        let mut ranks: Vec<usize> = (0..config.items).collect();
        ranks.shuffle(&mut of_items);
        let popularity = ranks.iter().map(|&rank| 1.0 / (rank as f64 + 1.0 + 0.02 * config.items as f64));
        let of_item = alias(popularity.collect());
        let activity = (0..config.users).map(|_| normal(&mut of_users).exp()).collect();
        let of_user = alias(activity);
        let user_factors = normals(config.users * config.factors, &mut of_users);
        let categories = normals(config.categories, &mut effects);
        let tags = normals(config.tags, &mut effects);
        let domains = (0..config.domains).map(|nth| {
            let mut own = stream("simulate domains own effects", &[nth as u64]);
            let own = (nth >= config.alike).then(|| Own {
                hour: own.random_range(0.0..24.0),
                categories: normals(config.categories, &mut own),
                item_factors: normals(config.items * config.factors, &mut own),
            });
            Domain { bias: 0.0, own }
        });
        let domains = domains.collect();
        let of_domain = alias(config.shares());
        let mut world =
            Self { config, user_factors, items, item_factors, categories, tags, domains, of_domain, of_user, of_item };
        for domain in 0..config.domains {
            world.domains[domain].bias = world.bias(domain);
        }
        world
    }

    /// Whether a domain has effects of its own that matter.
    pub(super) fn has_own(&self, domain: usize) -> bool {
        self.domains[domain].own.is_some() && self.config.own > 0.0
    }

    /// The bias with which a domain has its base rate, found by halving.
    fn bias(&self, domain: usize) -> f64 {
        let mut stream = seed::stream(self.config.seed, "simulate domains rate", &[domain as u64]);
        let log_odds: Vec<f64> = (0..TRIALS).map(|_| self.in_domain(domain, &mut stream).log_odds).collect();
        let (mut low, mut high) = (-60.0, 60.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            let rate = log_odds.iter().map(|odds| sigmoid(odds + middle)).sum::<f64>() / TRIALS as f64;
            if rate < self.config.rate(domain) { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }

    /// Draws a row.
    pub(super) fn draw(&self, stream: &mut ChaCha8Rng) -> SimulatedRow {
        let domain = self.of_domain.sample(stream);
        self.in_domain(domain, stream)
    }

    fn in_domain(&self, domain: usize, stream: &mut ChaCha8Rng) -> SimulatedRow {
        let (user, item) = (self.of_user.sample(stream), self.of_item.sample(stream));
        let hour = stream.random_range(0..24_u8);
        let log_price = self.items[item].log_price + PRICE_NOISE * normal(stream);
        let price = (stream.random::<f64>() >= self.config.missing).then(|| (log_price.exp() * 100.0).round() / 100.0);
        let of = &self.domains[domain];
        let shared = of.bias + self.config.shared * self.shared(user, item, price.map(|_| log_price));
        let own = of.own.as_ref().map_or(0.0, |own| self.own(own, user, item, hour));
        let log_odds = shared + self.config.own * own;
        let label = stream.random::<f64>() < sigmoid(log_odds);
        SimulatedRow {
            user: user as u32,
            item: item as u32,
            hour,
            price,
            domain: domain as u16,
            label,
            log_odds,
            shared,
        }
    }

    fn shared(&self, user: usize, item: usize, log_price: Option<f64>) -> f64 {
        let of = &self.items[item];
        let tags: f64 = of.tags.iter().map(|&tag| self.tags[tag as usize]).sum();
        SHARED_LATENT * self.latent(user, item, &self.item_factors)
            + SHARED_CATEGORY * self.categories[of.category as usize]
            + SHARED_TAGS * tags / of.tags.len().max(1) as f64
            + log_price.map_or(0.0, |price| SHARED_PRICE * (price - PRICE) / PRICE_SPREAD)
    }

    fn own(&self, own: &Own, user: usize, item: usize, hour: u8) -> f64 {
        let phase = (f64::from(hour) - own.hour) / 24.0 * std::f64::consts::TAU;
        OWN_LATENT * self.latent(user, item, &own.item_factors)
            + OWN_CATEGORY * own.categories[self.items[item].category as usize]
            + OWN_HOUR * phase.cos()
    }

    /// The product of the factors of user and item, of deviation 1.
    fn latent(&self, user: usize, item: usize, item_factors: &[f64]) -> f64 {
        let width = self.config.factors;
        let (user, item) = (&self.user_factors[user * width..][..width], &item_factors[item * width..][..width]);
        user.iter().zip(item).map(|(u, i)| u * i).sum::<f64>() / (width as f64).sqrt()
    }
}

fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

fn normal(stream: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(stream)
}

fn normals(count: usize, stream: &mut ChaCha8Rng) -> Vec<f64> {
    (0..count).map(|_| normal(stream)).collect()
}

fn alias(weights: Vec<f64>) -> WeightedAliasIndex<f64> {
    WeightedAliasIndex::new(weights).expect("there is at least one weight, and all are above zero")
}
