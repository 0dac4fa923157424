//! Cuts a log into what is learnt from, what is chosen by and what is judged by.
//!
//! Each kind of split is one file that says for every interaction, in an order that does not depend on the
//! order of the rows, to which part it belongs. That a split is a partition therefore holds by construction.

mod column;
mod instead;
mod leave_last;
mod random;
mod temporal;
mod users;

pub use crate::config::FEWEST_TO_JUDGE;
pub use crate::error::SplitError;

use crate::config::SplitConfig;
use crate::error::DataError;
use crate::id::Id;
use crate::interactions::{Interactions, Part};
use crate::rows::Rows;

/// A log that has been cut; the rows are by user index.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// What a model sees of each user.
    pub train: Rows,
    /// Held-out items for choosing.
    pub validation: Rows,
    /// Held-out items for judging.
    pub test: Rows,
    /// Whether a model may learn from the user; false for whole users held out.
    pub learns: Vec<bool>,
    /// From when on an interaction lies in a held-out part.
    pub starts: Starts,
    /// Users with fewer than three interactions, of whom nothing is held out.
    pub train_only_users: usize,
    /// The split with its seed filled in.
    pub split: SplitConfig,
}

/// Cuts `log` as `config` says; `seed` stands in where the split has none of its own.
///
/// The result depends on the set of interactions only, not on the order of the rows, and what is drawn for a user
/// by `random` depends on the seed, the user's id and the user's items only, so it stays when other users join.
///
/// # Errors
/// Shares out of range, no times or no column where the kind needs them, and a part that would be empty.
///
/// # Panics
/// If the columns of `log` differ in length or a user-item pair stands twice.
pub fn split(log: &Interactions, config: &SplitConfig, seed: u64) -> Result<Cut, DataError> {
    Ok(cut(log, config, seed).map_err(|error| instead::with_instead(error, log, config, seed))?)
}

/// As [`split`]; the error does not say yet what works instead.
fn cut(log: &Interactions, config: &SplitConfig, seed: u64) -> Result<Cut, SplitError> {
    let rows = ByUser::new(log);
    let mut learns = vec![true; rows.users()];
    let mut resolved = config.clone();
    let (kind, parts) = match &mut resolved {
        SplitConfig::Random { validation, test, seed: own } => {
            let seed = *own.get_or_insert(seed);
            ("random", random::cut(log, &rows, *validation, *test, seed)?)
        }
        SplitConfig::LeaveLast { validation, test } => ("leave-last", leave_last::cut(log, &rows, *validation, *test)?),
        SplitConfig::Temporal { validation, test } => ("temporal", temporal::cut(log, &rows, *validation, *test)?),
        SplitConfig::Users { validation, test, input, known, seed: own } => {
            let shares = users::Shares { validation: *validation, test: *test, input: *input, known: *known };
            let seed = *own.get_or_insert(seed);
            ("users", users::cut(log, &rows, &shares, seed, &mut learns)?)
        }
        SplitConfig::Column { .. } => ("column", column::cut(log, &rows)?),
        SplitConfig::All {} => return Err(SplitError::All),
    };
    rows.assemble(kind, &parts, learns, resolved)
}

/// From when on an interaction lies in the validation and in the test part, in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starts {
    /// The split does not go by time.
    Never,
    /// From the same moments on for all users.
    Together([i64; 2]),
    /// From moments of their own for each user.
    Each(Vec<[i64; 2]>),
}

impl Starts {
    /// The part in whose time a moment of a user lies; always training where the split does not go by time.
    #[must_use]
    pub fn part(&self, user: usize, time: i64) -> Part {
        let [validation, test] = match self {
            Self::Never => return Part::Train,
            Self::Together(starts) => *starts,
            Self::Each(starts) => starts[user],
        };
        match time {
            _ if time >= test => Part::Test,
            _ if time >= validation => Part::Validation,
            _ => Part::Train,
        }
    }
}

/// The positions of the log's rows, ordered by user and then by item.
struct ByUser<'a> {
    log: &'a Interactions,
    /// `starts[u]..starts[u + 1]` are the places of user `u` in `order`.
    starts: Vec<usize>,
    order: Vec<u32>,
}

impl<'a> ByUser<'a> {
    fn new(log: &'a Interactions) -> Self {
        let rows = log.user.len();
        assert_eq!(rows, log.item.len(), "interactions: {rows} users but {} items", log.item.len());
        assert!(u32::try_from(rows).is_ok(), "interactions: {rows} rows, at most {} are supported", u32::MAX);
        let mut starts = vec![0_usize; log.users.len() + 1];
        for &user in &log.user {
            starts[user as usize + 1] += 1;
        }
        for user in 0..log.users.len() {
            starts[user + 1] += starts[user];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; rows];
        for (row, &user) in log.user.iter().enumerate() {
            let place = &mut next[user as usize];
            order[*place] = row as u32;
            *place += 1;
        }
        for user in 0..log.users.len() {
            order[starts[user]..starts[user + 1]].sort_unstable_by_key(|&row| log.item[row as usize]);
        }
        Self { log, starts, order }
    }

    fn users(&self) -> usize {
        self.starts.len() - 1
    }

    /// The places of a user's interactions, by item.
    fn places(&self, user: usize) -> std::ops::Range<usize> {
        self.starts[user]..self.starts[user + 1]
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn times(&self, kind: &'static str) -> Result<Vec<i64>, SplitError> {
        let times = self.log.time.as_ref().ok_or(SplitError::WithoutTimes { kind })?;
        Ok(self.order.iter().map(|&row| times[row as usize]).collect())
    }

    /// When the held-out parts begin; never for a user of whom nothing is held out.
    fn starts(&self, split: &SplitConfig, parts: &[Part]) -> Starts {
        let Some(times) = &self.log.time else { return Starts::Never };
        let earliest = |places: std::ops::Range<usize>| {
            [Part::Validation, Part::Test].map(|part| {
                let of_part = places.clone().filter(|&place| parts[place] == part);
                of_part.map(|place| times[self.order[place] as usize]).min().unwrap_or(i64::MAX)
            })
        };
        match split {
            SplitConfig::Temporal { .. } => Starts::Together(earliest(0..self.len())),
            SplitConfig::LeaveLast { .. } => {
                Starts::Each((0..self.users()).map(|user| earliest(self.places(user))).collect())
            }
            _ => Starts::Never,
        }
    }

    fn assemble(
        &self,
        kind: &'static str,
        parts: &[Part],
        learns: Vec<bool>,
        split: SplitConfig,
    ) -> Result<Cut, SplitError> {
        let rows_of = |part: Part| {
            let mut rows = Rows::empty(0);
            let mut row = Vec::new();
            for user in 0..self.users() {
                row.clear();
                row.extend(
                    self.places(user)
                        .filter(|&place| parts[place] == part)
                        .map(|place| self.log.item[self.order[place] as usize]),
                );
                rows.push(&row);
            }
            if rows.pairs() == 0 {
                let (part, rows, users) = (name(part), self.len(), self.users());
                return Err(SplitError::PartEmpty { kind, part, rows, users, instead: String::new() });
            }
            Ok(rows)
        };
        let (train, validation, test) = (rows_of(Part::Train)?, rows_of(Part::Validation)?, rows_of(Part::Test)?);
        let train_only_users = (0..self.users())
            .filter(|&user| {
                self.places(user).len() < FEWEST_TO_JUDGE && self.places(user).len() == train.row(user).len()
            })
            .count();
        let starts = self.starts(&split, parts);
        Ok(Cut { train, validation, test, learns, starts, train_only_users, split })
    }
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Train => "train",
        Part::Validation => "validation",
        Part::Test => "test",
    }
}

/// Refuses shares that are not above 0 or leave nothing to train on.
pub(crate) fn check_shares(kind: &'static str, validation: f64, test: f64) -> Result<(), SplitError> {
    for (share, value) in [("validation", validation), ("test", test)] {
        check_share(kind, share, value)?;
    }
    if validation + test >= 1.0 {
        return Err(SplitError::SharesTooLarge { kind, validation, test });
    }
    Ok(())
}

fn check_share(kind: &'static str, share: &'static str, value: f64) -> Result<(), SplitError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(SplitError::Share { kind, share, value }) }
}

/// `share` of `n`, rounded half up, at least one.
fn at_least_one(n: usize, share: f64) -> usize {
    ((n as f64 * share + 0.5).floor() as usize).max(1)
}

/// What stands for an id in the key of a random stream; the same for `7` as number and as text.
fn place_of(id: &Id) -> u64 {
    let hash = blake3::hash(id.to_string().as_bytes());
    u64::from_le_bytes(std::array::from_fn(|i| hash.as_bytes()[i]))
}

#[cfg(test)]
mod tests;
