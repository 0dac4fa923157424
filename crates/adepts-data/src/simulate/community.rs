//! Who likes what: the tastes of a community and its users one by one.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Exp1, LogNormal, StandardNormal};

use super::config::SimulationConfig;
use crate::seed;

/// 2020-01-01 00:00:00 UTC, the first moment of a simulation.
const START: i64 = 1_577_836_800;
const DAY: f64 = 86_400.0;

/// A user has at most this share of the items, as in ML-1M, where the most active has rated .62 of them.
const MOST: f64 = 0.6;

/// Standard deviations of ratings, see [`SimulationConfig::ratings`].
const MEAN_RATING: f32 = 3.58;
const USER_LEANING: f32 = 0.43;
const ITEM_QUALITY: f32 = 0.55;
const CHANCE: f32 = 0.87;

/// The tastes that users are drawn from.
pub(super) struct Community<'a> {
    config: &'a SimulationConfig,
    names: Vec<String>,
    everybody: Taste,
    topics: Vec<Taste>,
    niches: Vec<Taste>,
    /// Cumulative shares of the users up to each niche.
    niche_up_to: Vec<f64>,
    quality: Vec<f32>,
    activity: Option<LogNormal<f64>>,
}

/// A distribution over items.
struct Taste {
    items: Vec<u32>,
    /// Share of each of `items`, sum 1.
    shares: Vec<f64>,
    alias: WeightedAliasIndex<f64>,
}

/// A simulated user: items in the order of the times.
pub(super) struct User {
    pub(super) number: usize,
    /// Index into [`Community::names`].
    pub(super) community: u16,
    pub(super) items: Vec<u32>,
    pub(super) times: Vec<i64>,
    /// Empty without ratings.
    pub(super) ratings: Vec<u8>,
}

/// What drawing a user needs to remember; one per thread, and of no influence on the result.
#[derive(Default)]
pub(super) struct Scratch {
    /// `seen[item] == stamp` if the present user has the item.
    seen: Vec<u32>,
    stamp: u32,
}

impl<'a> Community<'a> {
    /// The community that a checked config describes.
    pub(super) fn new(config: &'a SimulationConfig) -> Self {
        let mut stream = seed::stream(config.seed, "simulate items", &[]);
        let mut by_rank: Vec<u32> = (0..config.items as u32).collect();
        by_rank.shuffle(&mut stream);
        let everybody = Taste::by_rank(by_rank.clone(), config);
        let mut of_topic = vec![Vec::new(); config.topics];
        for &item in &by_rank {
            of_topic[stream.random_range(0..config.topics)].push(item);
        }
        let weight = |rank: usize| weight(rank, config.items, config);
        let mut rank_of = vec![0; config.items];
        by_rank.iter().enumerate().for_each(|(rank, &item)| rank_of[item as usize] = rank);
        let topics = of_topic.into_iter().filter(|items| !items.is_empty());
        let topics = topics.map(|items| {
            let weights = items.iter().map(|&item| weight(rank_of[item as usize])).collect();
            Taste::new(items, weights)
        });
        let topics = topics.collect();
        let mut tail: Vec<usize> = (config.items / 5..config.items).collect();
        tail.shuffle(&mut stream);
        let niches = (0..config.niches).map(|niche| {
            let mut ranks = tail[niche * config.cluster()..(niche + 1) * config.cluster()].to_vec();
            ranks.sort_unstable();
            Taste::by_rank(ranks.into_iter().map(|rank| by_rank[rank]).collect(), config)
        });
        let niches: Vec<Taste> = niches.collect();
        let sizes: Vec<f64> = (1..=config.niches).map(|k| 1.0 / k as f64).collect();
        let whole: f64 = sizes.iter().sum();
        let mut sum = 0.0;
        let niche_up_to = sizes.iter().map(|size| {
            sum += size / whole * config.niche_users;
            sum
        });
        let niche_up_to = niche_up_to.collect();
        let quality = (0..config.items).map(|_| ITEM_QUALITY * normal(&mut stream)).collect();
        // Mean m of a log-normal of spread s: its logarithm has mean ln m - s²/2.
        let excess = config.interactions - config.least as f64;
        let activity = LogNormal::new(excess.ln() - config.spread.powi(2) / 2.0, config.spread).ok();
        let activity = activity.filter(|_| excess > 0.0);
        let digits = config.niches.to_string().len();
        let niche_names = (1..=config.niches).map(|k| format!("niche-{k:0digits$}"));
        let names = std::iter::once("mainstream".to_owned()).chain(niche_names).collect();
        Self { config, names, everybody, topics, niches, niche_up_to, quality, activity }
    }

    /// `mainstream`, then the niches, ascending.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The user with a number: always the same one, however many there are.
    pub(super) fn user(&self, number: usize, scratch: &mut Scratch) -> User {
        let mut stream = seed::stream(self.config.seed, "simulate user", &[number as u64]);
        let place: f64 = stream.random();
        let niche = self.niche_up_to.iter().position(|&up_to| place < up_to);
        let topic = stream.random_range(0..self.topics.len());
        let (own, share) = match niche {
            Some(niche) => (&self.niches[niche], self.config.niche_taste),
            None => (&self.topics[topic], self.config.topical),
        };
        let above = self.activity.map_or(0.0, |activity| activity.sample(&mut stream));
        let most = (self.config.items as f64 * MOST) as usize;
        let count = (self.config.least + above.round() as usize).min(most.max(self.config.least));
        let items = self.draw(own, share, count, &mut stream, scratch);
        let times = self.times(items.len(), &mut stream);
        let ratings = if self.config.ratings { self.rate(&items, &mut stream) } else { Vec::new() };
        User { number, community: niche.map_or(0, |niche| niche as u16 + 1), items, times, ratings }
    }

    /// Draws `count` distinct items one after the other, each from `own` with probability `share` and from everybody's
    /// taste otherwise, among those not drawn yet.
    fn draw(&self, own: &Taste, share: f64, count: usize, stream: &mut ChaCha8Rng, scratch: &mut Scratch) -> Vec<u32> {
        scratch.next(self.config.items);
        let mut items = Vec::with_capacity(count);
        for _ in 0..4 * count {
            let taste = if stream.random::<f64>() < share { own } else { &self.everybody };
            let item = taste.items[taste.alias.sample(stream)];
            if scratch.is_new(item) {
                items.push(item);
                if items.len() == count {
                    return items;
                }
            }
        }
        // Most draws hit what the user has: draw the rest at once. With exponential variates e, the order of e/w is that
        // of drawing one after the other with weights w without putting back.
        let mut weights = vec![0.0; self.config.items];
        for (taste, part) in [(own, share), (&self.everybody, 1.0 - share)] {
            for (&item, &of_taste) in taste.items.iter().zip(&taste.shares) {
                weights[item as usize] += part * of_taste;
            }
        }
        let mut rest: Vec<(f64, u32)> = Vec::new();
        for (item, &weight) in weights.iter().enumerate() {
            let exponential: f64 = Exp1.sample(stream);
            if weight > 0.0 && scratch.is_new(item as u32) {
                rest.push((exponential / weight, item as u32));
            }
        }
        rest.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        items.extend(rest.iter().take(count - items.len()).map(|&(_, item)| item));
        items
    }

    /// Ascending times from a random first moment on.
    fn times(&self, count: usize, stream: &mut ChaCha8Rng) -> Vec<i64> {
        let days = f64::from(self.config.days);
        let from = days * stream.random::<f64>();
        let stay: f64 = Exp1.sample(stream);
        let until = (from + self.config.stay * stay).min(days);
        let mut times: Vec<i64> =
            (0..count).map(|_| START + ((from + (until - from) * stream.random::<f64>()) * DAY) as i64).collect();
        times.sort_unstable();
        times
    }

    fn rate(&self, items: &[u32], stream: &mut ChaCha8Rng) -> Vec<u8> {
        let leaning = MEAN_RATING + USER_LEANING * normal(stream);
        let rating = |&item: &u32| leaning + self.quality[item as usize] + CHANCE * normal(stream);
        items.iter().map(rating).map(|rating| rating.round().clamp(1.0, 5.0) as u8).collect()
    }
}

fn normal(stream: &mut ChaCha8Rng) -> f32 {
    StandardNormal.sample(stream)
}

fn weight(rank: usize, items: usize, config: &SimulationConfig) -> f64 {
    (rank as f64 + 1.0 + config.head * items as f64).powf(-config.popularity)
}

impl Taste {
    /// Items in the order of their popularity.
    fn by_rank(items: Vec<u32>, config: &SimulationConfig) -> Self {
        let weights = (0..items.len()).map(|rank| weight(rank, items.len(), config)).collect();
        Self::new(items, weights)
    }

    fn new(items: Vec<u32>, weights: Vec<f64>) -> Self {
        let whole: f64 = weights.iter().sum();
        let shares = weights.iter().map(|weight| weight / whole).collect();
        let alias = WeightedAliasIndex::new(weights).expect("a taste has items, and their weights are above zero");
        Self { items, shares, alias }
    }
}

impl Scratch {
    fn next(&mut self, items: usize) {
        if self.seen.len() != items || self.stamp == u32::MAX {
            self.seen = vec![0; items];
            self.stamp = 0;
        }
        self.stamp += 1;
    }

    /// Whether the item is new to the user, who now has it.
    fn is_new(&mut self, item: u32) -> bool {
        std::mem::replace(&mut self.seen[item as usize], self.stamp) != self.stamp
    }
}
