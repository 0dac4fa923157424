//! How a log is cut.

use adepts::Error;
use clap::{Args, ValueEnum};

use super::{name_of, quoted};

/// How a log is cut.
#[derive(Args)]
#[command(next_help_heading = "Split")]
pub(crate) struct SplitOptions {
    /// How to split the log [default: random]; tabular models take random, temporal and users
    #[arg(long, value_enum, value_name = "KIND")]
    split: Option<SplitKind>,
    /// Share for validation [default: 0.1], or with leave-last items per user [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    validation: Option<String>,
    /// Share for test [default: 0.2, with users and for tabular models 0.1], or with leave-last items per user [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    test: Option<String>,
    /// With users: share of a held-out user's items that are given as history [default: 0.8]; not for tabular models
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    input_share: Option<f64>,
    /// With users: share of the items of all other users that is held out too, to report new users next to known ones
    /// [default: 0]; not for tabular models
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    known_share: Option<f64>,
    /// The column that says train, validation or test, for the split by column
    #[arg(long, value_name = "COLUMN")]
    split_column: Option<String>,
    /// Seed of the split [default: 2024]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitKind {
    /// Of each user's interactions, at random; of tabular data, row by row
    Random,
    /// The last items of each user by time
    LeaveLast,
    /// By two moments for the whole log
    Temporal,
    /// Hold out whole users
    Users,
    /// By a column of the log
    Column,
}

impl SplitOptions {
    /// As overrides of an experiment's keys. Without a kind, the settings are those of the kind that the experiment has, which a
    /// `file` may say.
    pub(crate) fn sets(&self, file: bool) -> Result<Vec<String>, Error> {
        // A column that is named is one to split by.
        let kind = self.split.or(self.split_column.as_ref().map(|_| SplitKind::Column));
        let of_users = [("--input-share", self.input_share), ("--known-share", self.known_share)];
        let of_users = of_users.iter().find(|(_, share)| share.is_some()).map(|(option, _)| option);
        let users = kind.map_or(file, |kind| matches!(kind, SplitKind::Users));
        if let Some(option) = of_users.filter(|_| !users) {
            return Err(Error::Request(format!("{option} is for the split that holds out whole users: --split users")));
        }
        let parts = [
            ("validation", self.part("validation", self.validation.as_deref())?),
            ("test", self.part("test", self.test.as_deref())?),
            ("input", self.input_share.map(|x| format!("{x:?}"))),
            ("known", self.known_share.map(|x| format!("{x:?}"))),
            ("column", self.split_column.as_deref().map(quoted)),
        ];
        let parts = parts.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let mut sets: Vec<String> = self.seed.map(|seed| format!("seed={seed}")).into_iter().collect();
        match kind.and_then(name_of) {
            None => sets.extend(parts.map(|(key, value)| format!("split.{key}={value}"))),
            Some(kind) => {
                let parts = parts.map(|(key, value)| format!("{key} = {value}"));
                let parts: Vec<String> = std::iter::once(format!("kind = {kind}")).chain(parts).collect();
                sets.push(format!("split={{ {} }}", parts.join(", ")));
            }
        }
        Ok(sets)
    }

    /// The size of a part: items with leave-last, a share otherwise, and either where the kind is not said.
    fn part(&self, name: &str, size: Option<&str>) -> Result<Option<String>, Error> {
        let Some(text) = size else { return Ok(None) };
        let count = || text.parse::<usize>().ok().map(|n| n.to_string());
        let share = || text.parse::<f64>().ok().filter(|x| x.is_finite()).map(|share| format!("{share:?}"));
        let (size, expected) = match self.split {
            Some(SplitKind::LeaveLast) => (count(), "a whole number of items for each user"),
            Some(_) => (share(), "a share such as 0.1"),
            None => (count().or_else(share), "a share such as 0.1"),
        };
        let wrong = || Error::Request(format!("`--{name}` (split.{name}) is `{text}`; expected {expected}"));
        Ok(Some(size.ok_or_else(wrong)?))
    }
}
