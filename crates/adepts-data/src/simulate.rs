//! A simulated community with mainstream and niche tastes, in which it is known who belongs where.
//!
//! Most users follow the popularity of the whole catalogue with a mild preference for one topic. The others belong to
//! niches: each niche has a cluster of items of its own, from the less popular part of the catalogue, that takes a
//! share of what its members use; the rest are the same popular items that everybody uses. Popularity has a long tail
//! (Zipf-Mandelbrot) and activity is uneven (log-normal).
//!
//! The numbers are set from published statistics of real logs, or measured on such logs, each named where it is used;
//! none was chosen with a look at what a model makes of it. Every user is drawn from a stream of his own, so users do
//! not change when there are more of them.

mod community;
mod config;
mod write;

use std::path::Path;

use rayon::prelude::*;

use crate::atomic::write_atomically;
use crate::error::DataError;
pub use crate::error::SimulationError;
use crate::id::Vocabulary;
use crate::interactions::{Interactions, Part, UserColumn};
use crate::progress::Progress;

use community::{Community, Scratch, User};
pub use config::SimulationConfig;
use write::Layout;
pub(crate) use write::{Encoding, Formatted};

/// What a simulation made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SimulationSummary {
    /// Interactions.
    pub rows: u64,
    /// Users; each has at least one interaction.
    pub users: u64,
    /// Items that somebody used.
    pub items: u64,
    /// The communities: `mainstream`, then the niches.
    pub communities: Vec<CommunityCount>,
}

/// A community as it came out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CommunityCount {
    /// `mainstream` or `niche-1` …
    pub name: String,
    /// Its members.
    pub users: u64,
    /// Their interactions.
    pub rows: u64,
}

/// Users who are drawn and formatted by one thread at a time.
const CHUNK_USERS: usize = 64;

/// Interactions that are held at a time, about; the memory that a simulation needs follows from it.
const BLOCK_ROWS: f64 = 250_000.0;

/// Simulates a log and writes it to `out`: `.csv`, `.csv.gz` or `.parquet` by its suffix.
///
/// Columns: `user` (text such as `u00042`), `item` (`i00317`), `rating` (whole, 1 to 5, unless `ratings` is off),
/// `time` (seconds since 1970) and `community` (`mainstream`, `niche-1`, …), in the order of the users and for each of
/// them of the times. Equal configs give equal bytes for any number of threads. The file is written beside its place
/// and moved there when it is whole; memory does not grow with the number of users.
///
/// # Errors
/// [`SimulationError`] for a field or suffix that cannot be, [`DataError::Io`] if the file cannot be written.
pub fn simulate(config: &SimulationConfig, out: &Path, progress: Progress<'_>) -> Result<SimulationSummary, DataError> {
    config.check()?;
    let encoding = Encoding::of(out)?;
    let community = Community::new(config);
    let layout = Layout::new(config, community.names());
    let mut tally = Tally::new(config, community.names());
    let block = ((BLOCK_ROWS / config.interactions) as usize).max(1);
    let draw = |from: usize| -> Vec<Chunk> {
        let users: Vec<usize> = (from..config.users.min(from.saturating_add(block))).collect();
        let chunk = |scratch: &mut Scratch, users: &[usize]| {
            let users: Vec<User> = users.iter().map(|&user| community.user(user, scratch)).collect();
            Chunk { formatted: layout.format(&users, encoding), users }
        };
        users.par_chunks(CHUNK_USERS).map_init(Scratch::default, chunk).collect()
    };
    write_atomically(out, |file| {
        let mut sink = encoding.sink(file, layout.header(), &layout.schema)?;
        let mut drawn = draw(0);
        let mut from = 0;
        while !drawn.is_empty() {
            from += block;
            let write = || {
                drawn.into_iter().try_for_each(|chunk| {
                    tally.add(&chunk.users);
                    sink.write(chunk.formatted?)
                })
            };
            // While one block is written, the next is drawn.
            let (written, next) = rayon::join(write, || draw(from));
            written?;
            drawn = next;
            progress("simulate", from.min(config.users) as u64, Some(config.users as u64));
        }
        sink.finish()
    })?;
    Ok(tally.summary())
}

/// Some users and their rows as they go into the file.
struct Chunk {
    users: Vec<User>,
    formatted: std::io::Result<Formatted>,
}

/// Simulates a log in memory, for tests and small experiments; without ratings, which [`Interactions`] does not hold.
///
/// # Errors
/// [`SimulationError`] for a field that cannot be.
pub fn simulated(config: &SimulationConfig) -> Result<Interactions, DataError> {
    config.check()?;
    let community = Community::new(config);
    let layout = Layout::new(config, community.names());
    let users: Vec<User> = (0..config.users)
        .into_par_iter()
        .map_init(Scratch::default, |scratch, user| community.user(user, scratch))
        .collect();
    let mut tally = Tally::new(config, community.names());
    tally.add(&users);
    let mut index = vec![0; config.items];
    let mut items = Vec::new();
    for item in (0..config.items).filter(|&item| tally.used[item]) {
        index[item] = items.len() as u32;
        items.push(layout.item(item as u32).into());
    }
    let user_of_row = users.iter().flat_map(|user| std::iter::repeat_n(user.number as u32, user.items.len()));
    Ok(Interactions {
        user: user_of_row.collect(),
        item: users.iter().flat_map(|user| &user.items).map(|&item| index[item as usize]).collect(),
        time: Some(users.iter().flat_map(|user| &user.times).map(|seconds| seconds * 1_000_000_000).collect()),
        part: None,
        columns: vec![UserColumn {
            name: "community".to_owned(),
            values: community.names().to_vec(),
            of_user: users.iter().map(|user| Some(user.community)).collect(),
        }],
        users: Vocabulary::Text((0..config.users).map(|user| layout.user(user).into()).collect()),
        items: Vocabulary::Text(items),
    })
}

/// Counts what was made.
struct Tally {
    communities: Vec<CommunityCount>,
    used: Vec<bool>,
}

impl Tally {
    fn new(config: &SimulationConfig, names: &[String]) -> Self {
        let communities = names.iter().map(|name| CommunityCount { name: name.clone(), users: 0, rows: 0 });
        Self { communities: communities.collect(), used: vec![false; config.items] }
    }

    fn add(&mut self, users: &[User]) {
        for user in users {
            let community = &mut self.communities[usize::from(user.community)];
            community.users += 1;
            community.rows += user.items.len() as u64;
            for &item in &user.items {
                self.used[item as usize] = true;
            }
        }
    }

    fn summary(self) -> SimulationSummary {
        SimulationSummary {
            rows: self.communities.iter().map(|community| community.rows).sum(),
            users: self.communities.iter().map(|community| community.users).sum(),
            items: self.used.iter().filter(|&&used| used).count() as u64,
            communities: self.communities,
        }
    }
}

/// A community with a known right answer, for tests: even users like the even items, odd users the odd ones.
///
/// Every user has all items of his kind; of these the log's own split ([`crate::SplitConfig::Column`]) holds out one for
/// test and one for validation, another one for each user in turn, so an honest model ranks exactly these two first among
/// the items that the user does not train on, until it meets items of the other kind.
///
/// # Panics
/// If there are fewer than six items.
#[must_use]
pub fn checkerboard(users: usize, items: usize) -> Interactions {
    assert!(items >= 6, "checkerboard: {items} items, at least 6 are needed for three of each kind");
    let mut log = Interactions {
        users: Vocabulary::Int((0..users as i64).collect()),
        items: Vocabulary::Int((0..items as i64).collect()),
        user: Vec::new(),
        item: Vec::new(),
        time: None,
        part: None,
        columns: Vec::new(),
    };
    let mut parts = Vec::new();
    for user in 0..users {
        let liked: Vec<usize> = (user % 2..items).step_by(2).collect();
        for (nth, &item) in liked.iter().enumerate() {
            log.user.push(user as u32);
            log.item.push(item as u32);
            parts.push(match (nth + user / 2) % liked.len() {
                0 => Part::Test,
                1 => Part::Validation,
                _ => Part::Train,
            });
        }
    }
    log.part = Some(parts);
    log
}

#[cfg(test)]
mod tests;
