//! The `[data]` and `[split]` tables of an experiment: where the log is, what to keep of it, how to cut it.

use serde::{Deserialize, Serialize};

/// A column of the log, by its name or, in files without a header, by its position (1 is the first).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column, or its position from 1")]
pub enum Column {
    /// By position, from 1.
    Position(usize),
    /// By name.
    Name(String),
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// A file, a glob, a folder of files (also one of folders `key=value`), `-` for stdin, or a prepared folder.
    pub source: String,
    /// Format of the files; `auto` goes by the content.
    pub format: Format,
    /// The encoding of text files.
    #[serde(skip_serializing_if = "Encoding::is_auto")]
    pub encoding: Encoding,
    /// What stands between the values of a text file, or `whitespace` for one or more blanks; by default what its first
    /// lines hold: `,` in CSV, tab in TSV and `::` in `.dat`, or another one where that does not fit.
    pub delimiter: Option<String>,
    /// Whether text files begin with the names of the columns; by default they do, unless no column is given by name
    /// and the first row looks like data.
    pub header: Option<bool>,
    /// The column of the user's id.
    pub user: Option<Column>,
    /// The column of the item's id.
    pub item: Option<Column>,
    /// The column of the rating.
    pub rating: Option<Column>,
    /// The column of the kind of event.
    pub event: Option<Column>,
    /// The column of the time: numbers of one unit (seconds to nanoseconds since 1970, or digits such as `20200930`), or
    /// dates with the year first; see [`crate::time`].
    pub time: Option<Column>,
    /// Columns that hold a group of the user's own, constant for each user.
    pub groups: Vec<Column>,
    /// What is kept of the log.
    pub filter: Filter,
    /// What happens to rows that cannot be read.
    pub bad_rows: BadRows,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            source: String::new(),
            format: Format::Auto,
            encoding: Encoding::Auto,
            delimiter: None,
            header: None,
            user: None,
            item: None,
            rating: None,
            event: None,
            time: None,
            groups: Vec::new(),
            filter: Filter::default(),
            bad_rows: BadRows::Fail,
        }
    }
}

/// Format of the files of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// By the first bytes of the file; its name is a hint.
    Auto,
    /// Text with a delimiter.
    Csv,
    /// JSON objects: one a line, or an array of them.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// The encoding of text files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, or UTF-16 where the first bytes say so.
    #[default]
    Auto,
    /// UTF-8.
    #[serde(rename = "utf-8", alias = "utf8")]
    Utf8,
    /// ISO 8859-1: each byte is the character of that number.
    #[serde(rename = "latin1", alias = "latin-1", alias = "iso-8859-1")]
    Latin1,
    /// Windows-1252, which is Latin-1 with more signs, such as the euro.
    #[serde(rename = "windows-1252", alias = "cp1252")]
    Windows1252,
    /// UTF-16; without a byte-order mark the first bytes say which of the two bytes of a character comes first.
    #[serde(rename = "utf-16", alias = "utf16")]
    Utf16,
}

impl Encoding {
    /// Whether nothing is said.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(crate) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// As it is written in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Utf8 => "utf-8",
            Self::Latin1 => "latin1",
            Self::Windows1252 => "windows-1252",
            Self::Utf16 => "utf-16",
        }
    }
}

/// What happens to rows that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadRows {
    /// The first one ends the work with an error.
    Fail,
    /// They are counted, and the first ones listed.
    Skip,
}

/// What is kept of the log, applied in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Only rows with at least this rating.
    pub min_rating: Option<f64>,
    /// Only rows with one of these kinds of event; empty keeps all.
    pub events: Vec<String>,
    /// Kinds of event that `events` drops and that still say that a user has seen an item, such as `view`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen_events: Vec<String>,
    /// Only rows at or after this time (a number since 1970, or a date).
    pub from: Option<TimeBound>,
    /// Only rows before this time.
    pub until: Option<TimeBound>,
    /// Only users and items with at least this many interactions, iterated until nothing changes.
    pub core: Option<usize>,
    /// As `core`, for users only.
    pub user_core: Option<usize>,
    /// As `core`, for items only.
    pub item_core: Option<usize>,
}

/// A moment: a number since 1970 or a date in text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected seconds since 1970, or a text such as `2024-03-01`")]
pub enum TimeBound {
    /// Seconds since 1970-01-01 UTC, or by its size milli-, micro- or nanoseconds, or digits such as `20240301`.
    Number(i64),
    /// `2024-03-01` or `2024-03-01T12:00:00Z`.
    Text(String),
}

/// Users with fewer interactions than this are not judged; they only train.
pub const FEWEST_TO_JUDGE: usize = 3;

/// The `[split]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitConfig {
    /// Over each user's interactions, at random; at least one validation and one test item per user.
    Random {
        /// Share of a user's items for validation.
        #[serde(default = "tenth")]
        validation: f64,
        /// Share of a user's items for test.
        #[serde(default = "fifth")]
        test: f64,
        /// Seed of the draw; by default the seed of the experiment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// The last items of each user by time: `test` for test, the `validation` before them for validation.
    LeaveLast {
        /// Items per user for validation.
        #[serde(default = "one")]
        validation: usize,
        /// Items per user for test.
        #[serde(default = "one")]
        test: usize,
    },
    /// By two moments in the whole log, so that everything trained on happened before everything tested on.
    Temporal {
        /// Share of all interactions, the ones before the test, for validation.
        #[serde(default = "tenth")]
        validation: f64,
        /// Share of all interactions, the latest, for test.
        #[serde(default = "fifth")]
        test: f64,
    },
    /// Whole users are held out: of their items, `input` is their history and the rest is to be found.
    Users {
        /// Share of the users for validation.
        #[serde(default = "tenth")]
        validation: f64,
        /// Share of the users for test.
        #[serde(default = "tenth")]
        test: f64,
        /// Share of a held-out user's items that are the history.
        #[serde(default = "four_fifths")]
        input: f64,
        /// Share of the items of every other user that is to be found too, so that new users can be compared with known
        /// ones; 0 for none.
        #[serde(default, skip_serializing_if = "is_zero")]
        known: f64,
        /// Seed of the draw; by default the seed of the experiment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// The split is in the log: a column with `train`, `validation` (or `valid`, `val`) and `test`.
    Column {
        /// The column.
        column: Column,
    },
    /// Nothing is held out: what a final model is trained on. It is made of prepared data ([`crate::HistoryDataset::whole`]), and a
    /// log is not cut so.
    All {},
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self::Random { validation: tenth(), test: fifth(), seed: None }
    }
}

fn tenth() -> f64 {
    0.1
}
fn fifth() -> f64 {
    0.2
}
fn four_fifths() -> f64 {
    0.8
}
fn one() -> usize {
    1
}
