//! Groups of users: who is compared with whom.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::dataset::HistoryDataset;
use crate::error::DataError;
pub use crate::error::{GroupError, MOST_PARTS};

/// The value of users in whose rows a column of groups is empty.
const NO_VALUE: &str = "(no value)";

/// The most shares of the users by activity within which `MainstreamWithinActivity` ranks.
const DECILES: usize = 10;

/// How users are put into groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum GroupBy {
    /// Equal parts by mainstream score, ascending: the first is the niche.
    Mainstream {
        /// Number of groups.
        #[serde(default = "five")]
        parts: usize,
    },
    /// Equal parts by length of the training history, ascending.
    Activity {
        /// Number of groups.
        #[serde(default = "five")]
        parts: usize,
    },
    /// Equal parts by mainstream score within each decile of activity, so that a group is not just short histories.
    MainstreamWithinActivity {
        /// Number of groups.
        #[serde(default = "five")]
        parts: usize,
    },
    /// Users that were learned from and users held out whole, each in equal parts by mainstream score: what a model loses on
    /// users that it has not seen.
    Newness {
        /// Number of groups of either kind.
        #[serde(default = "five")]
        parts: usize,
    },
    /// The values of a column of the user's own, constant for each user; those without a value are a group of their own, the last.
    Column {
        /// The name of the column.
        column: String,
    },
}

fn five() -> usize {
    5
}

/// A partition of the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// What it is by: `mainstream`, `activity`, `mainstream_within_activity` or the name of a column.
    pub by: String,
    /// The names of the groups in order. Groups by mainstream score are named plainly (`low`, `med-low`,
    /// `medium`, `med-high`, `high`, or `1/4` … for another number of parts); those of other kinds carry a
    /// prefix (`activity:low`, `within-activity:low`, `community:jazz`), so that names are unique in a report.
    pub names: Vec<String>,
    /// The group of each user; `None` for a user without training history.
    pub of_user: Vec<Option<u16>>,
}

impl HistoryDataset {
    /// The users in groups. Users without training history have no group.
    ///
    /// Equal parts are by rank: of `n` users, the one with rank `r` is in part `r * parts / n`; users with equal values
    /// rank in the order of their ids. Within activity there are ten shares of the users, or as many as leave a user for
    /// each group in each.
    ///
    /// Where whole users are held out, those who are learned from, who validate and who test are ranked each among
    /// themselves: of those held out only a part of the history is seen, so their values are not those of the others,
    /// and those who are judged would fill the groups unequally.
    ///
    /// # Errors
    /// If the number of parts is not 2 to [`MOST_PARTS`], or there is no such column.
    pub fn grouping(&self, by: &GroupBy) -> Result<Grouping, DataError> {
        let ranked = self.ranked_together();
        let mut of_user = vec![None; self.train.len()];
        let activity = |&a: &usize, &b: &usize| self.train.row(a).len().cmp(&self.train.row(b).len());
        let mainstream = |&a: &usize, &b: &usize| self.mainstream[a].total_cmp(&self.mainstream[b]);
        let (by, prefix, parts) = match by {
            GroupBy::Mainstream { parts } => {
                check_parts("mainstream", *parts)?;
                for users in &ranked {
                    put(users, mainstream, *parts, &mut of_user);
                }
                ("mainstream", "", *parts)
            }
            GroupBy::Activity { parts } => {
                check_parts("activity", *parts)?;
                for users in &ranked {
                    put(users, activity, *parts, &mut of_user);
                }
                ("activity", "activity:", *parts)
            }
            GroupBy::MainstreamWithinActivity { parts } => {
                check_parts("mainstream_within_activity", *parts)?;
                for users in &ranked {
                    for share in equal_parts(users, activity, (users.len() / parts).clamp(1, DECILES)) {
                        put(&share, mainstream, *parts, &mut of_user);
                    }
                }
                ("mainstream_within_activity", "within-activity:", *parts)
            }
            GroupBy::Newness { parts } => {
                check_parts("newness", *parts)?;
                for users in &ranked {
                    put(users, mainstream, *parts, &mut of_user);
                }
                for (group, _) in of_user.iter_mut().zip(&self.learns).filter(|(_, learns)| !**learns) {
                    *group = group.map(|group: u16| group + *parts as u16);
                }
                let names = ["known", "new"]
                    .iter()
                    .flat_map(|kind| part_names(*parts).into_iter().map(move |name| format!("newness:{kind}, {name}")));
                return Ok(Grouping { by: "newness".to_owned(), names: names.collect(), of_user });
            }
            GroupBy::Column { column } => return self.by_column(column, &ranked.concat()),
        };
        let names = part_names(parts).into_iter().map(|name| format!("{prefix}{name}")).collect();
        Ok(Grouping { by: by.to_owned(), names, of_user })
    }

    /// The users with training history: those who are learned from, who validate and who test.
    fn ranked_together(&self) -> [Vec<usize>; 3] {
        let mut users = [const { Vec::new() }; 3];
        for user in (0..self.train.len()).filter(|&user| !self.train.row(user).is_empty()) {
            let kind = match (self.learns[user], self.validation.row(user).is_empty()) {
                (true, _) => 0,
                (false, false) => 1,
                (false, true) => 2,
            };
            users[kind].push(user);
        }
        users
    }

    fn by_column(&self, name: &str, present: &[usize]) -> Result<Grouping, DataError> {
        let Some(column) = self.columns.iter().find(|column| column.name == name) else {
            let have: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
            let nearest = have.iter().max_by(|a, b| likeness(a, name).total_cmp(&likeness(b, name)));
            let nearest = nearest.filter(|near| likeness(near, name) >= 0.7).cloned();
            return Err(GroupError::UnknownColumn { column: name.to_owned(), nearest, have }.into());
        };
        let mut values = column.values.clone();
        let mut of_user = vec![None; self.train.len()];
        for &user in present {
            of_user[user] = column.of_user[user].or_else(|| {
                let at = values.iter().position(|value| value == NO_VALUE).unwrap_or_else(|| {
                    values.push(NO_VALUE.to_owned());
                    values.len() - 1
                });
                u16::try_from(at).ok()
            });
        }
        let names = values.iter().map(|value| format!("{name}:{value}")).collect();
        Ok(Grouping { by: name.to_owned(), names, of_user })
    }
}

fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(&a.to_lowercase(), &b.to_lowercase())
}

fn check_parts(by: &'static str, parts: usize) -> Result<(), GroupError> {
    if (2..=MOST_PARTS).contains(&parts) { Ok(()) } else { Err(GroupError::Parts { by, parts }) }
}

/// The users in `parts` parts, ascending by `order`, those of equal rank in the order in which they stand.
fn equal_parts(users: &[usize], order: impl Fn(&usize, &usize) -> Ordering, parts: usize) -> Vec<Vec<usize>> {
    let mut ranked = users.to_vec();
    ranked.sort_by(order);
    let mut out = vec![Vec::new(); parts];
    for (rank, &user) in ranked.iter().enumerate() {
        out[rank * parts / ranked.len()].push(user);
    }
    for part in &mut out {
        part.sort_unstable();
    }
    out
}

fn put(users: &[usize], order: impl Fn(&usize, &usize) -> Ordering, parts: usize, of_user: &mut [Option<u16>]) {
    for (part, members) in equal_parts(users, order, parts).into_iter().enumerate() {
        for user in members {
            of_user[user] = Some(part as u16);
        }
    }
}

fn part_names(parts: usize) -> Vec<String> {
    if parts == 5 {
        return ["low", "med-low", "medium", "med-high", "high"].map(str::to_owned).to_vec();
    }
    (1..=parts).map(|part| format!("{part}/{parts}")).collect()
}

#[cfg(test)]
mod tests;
