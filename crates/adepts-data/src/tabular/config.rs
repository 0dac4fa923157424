//! The `[data]` and `[split]` tables of an experiment with a tabular model.

use serde::{Deserialize, Serialize};

use super::item::ItemConfig;
use super::short::{each_short_or_full, short_or_full, some_short_or_full};
use crate::config::{BadRows, Column, Encoding, Format};
use crate::error::DataError;
use crate::error::TabularError;

/// The `[data]` table: where the rows are, and what their columns mean. `source`, `label` and `domain` have to be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TabularConfig {
    /// A file, a glob, a folder of files, or a prepared folder of tabular data.
    pub source: String,
    /// Format of the files; `auto` goes by the content.
    pub format: Format,
    /// The encoding of text files.
    #[serde(skip_serializing_if = "Encoding::is_auto")]
    pub encoding: Encoding,
    /// What stands between the values of a text file; by default what its first lines hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Whether text files begin with the names of the columns; by default they do, unless no column is given by name
    /// and the first row looks like data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The column of the label.
    #[serde(deserialize_with = "short_or_full")]
    pub label: LabelConfig,
    /// The column of the domain.
    pub domain: Column,
    /// The domains that are learned and judged; rows of others are left out. By default all that there are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// The column of the user's id, for measures by user and the split `users`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Column>,
    /// The column of the time (as in [`crate::time`]), for the split `temporal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Column>,
    /// The categorical fields.
    #[serde(deserialize_with = "each_short_or_full")]
    pub fields: Vec<FieldConfig>,
    /// The dense fields.
    #[serde(deserialize_with = "each_short_or_full")]
    pub dense: Vec<DenseConfig>,
    /// For retrieval: which of the fields describe the item. The rows with label 1, or all where there is no label, are then
    /// what is learned from, and an item is what is to be found.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some_short_or_full")]
    pub item: Option<ItemConfig>,
    /// What happens to rows that cannot be read.
    pub bad_rows: BadRows,
}

impl Default for TabularConfig {
    fn default() -> Self {
        Self::new("", unnamed(), unnamed())
    }
}

/// What is learned: a column of 0 and 1 (or of truth values), or a number with a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelConfig {
    /// The column.
    pub column: Column,
    /// The label is 1 where the column is at least this, and 0 elsewhere; without it the column holds the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
}

/// A categorical field: values become codes from 1; code 0 is shared by what is unknown or missing.
///
/// Lists (of Parquet and JSON, or text with a `separator`) become lists of codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// The column.
    pub column: Column,
    /// Values that stand less often than this in the training part share the code 0.
    #[serde(default = "one")]
    pub min_count: u64,
    /// What stands between the values of a list that is written as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Instead of a vocabulary, this many codes to which values are hashed; for columns with ever new values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<u32>,
}

/// A dense field: a number, by default standardised. Missing values become the mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseConfig {
    /// The column.
    pub column: Column,
    /// What is made of the number.
    #[serde(default)]
    pub transform: Transform,
    /// For `quantile`: how many ranges, by default 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<u32>,
}

/// What is made of a number; statistics are those of the training part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// Less the mean, divided by the standard deviation.
    #[default]
    Standard,
    /// `sign(x) ln(1 + |x|)`, then as `standard`; for amounts and counts, of either sign.
    Log,
    /// The range between quantiles in which it lies, as a categorical field; missing values have the code 0.
    Quantile,
}

/// The `[split]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TabularSplit {
    /// Each row by a draw of its own, so that rows need not be held: the shares are met up to chance (of a million rows,
    /// a tenth is 100,000 ± 300).
    Random {
        /// Share of the rows for validation.
        #[serde(default = "tenth")]
        validation: f64,
        /// Share of the rows for test.
        #[serde(default = "tenth")]
        test: f64,
        /// Seed of the draws; by default the seed of the experiment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// By two moments, so that everything trained on happened before everything tested on.
    Temporal {
        /// Share of the rows, the ones before the test, for validation.
        #[serde(default = "tenth")]
        validation: f64,
        /// Share of the rows, the latest, for test.
        #[serde(default = "tenth")]
        test: f64,
    },
    /// Whole users, each by a draw from his id, so that a user stays in his part when others join.
    Users {
        /// Share of the users for validation.
        #[serde(default = "tenth")]
        validation: f64,
        /// Share of the users for test.
        #[serde(default = "tenth")]
        test: f64,
        /// Seed of the draws; by default the seed of the experiment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Nothing is held out: what a final model is trained on ([`super::TabularDataset::prepare_whole`]).
    All {},
}

impl Default for TabularSplit {
    fn default() -> Self {
        Self::Random { validation: tenth(), test: tenth(), seed: None }
    }
}

impl TabularSplit {
    /// The name of the kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Random { .. } => "random",
            Self::Temporal { .. } => "temporal",
            Self::Users { .. } => "users",
            Self::All {} => "all",
        }
    }

    /// The same, with `seed` where a seed is needed and none is set.
    #[must_use]
    pub(super) fn resolved(&self, seed: u64) -> Self {
        let mut resolved = self.clone();
        if let Self::Random { seed: own, .. } | Self::Users { seed: own, .. } = &mut resolved {
            own.get_or_insert(seed);
        }
        resolved
    }
}

impl TabularConfig {
    /// A configuration with defaults and without fields.
    #[must_use]
    pub fn new(source: impl Into<String>, label: impl Into<LabelConfig>, domain: Column) -> Self {
        Self {
            source: source.into(),
            format: Format::Auto,
            encoding: Encoding::Auto,
            delimiter: None,
            header: None,
            label: label.into(),
            domain,
            domains: Vec::new(),
            user: None,
            time: None,
            fields: Vec::new(),
            dense: Vec::new(),
            item: None,
            bad_rows: BadRows::Fail,
        }
    }

    /// Whether a column says which rows are positive.
    #[must_use]
    pub fn labelled(&self) -> bool {
        self.label.column != unnamed()
    }

    /// The columns of the source that are given.
    pub(super) fn columns(&self) -> Vec<Column> {
        let label = Some(&self.label.column).filter(|_| self.labelled());
        let single = [label, Some(&self.domain), self.user.as_ref(), self.time.as_ref()];
        let fields = self.fields.iter().map(|field| &field.column).chain(self.dense.iter().map(|dense| &dense.column));
        let item = self.item.iter().map(|item| &item.column);
        single.into_iter().flatten().chain(fields.filter(|column| self.reads(column))).chain(item).cloned().collect()
    }

    /// Refuses settings that cannot be meant, and splits that need a column which is not named.
    pub(super) fn check(&self, split: &TabularSplit) -> Result<(), DataError> {
        for (column, role) in [(&self.label.column, "label"), (&self.domain, "domain")] {
            if *column == unnamed() && !(role == "label" && self.item.is_some()) {
                return Err(TabularError::NeedsColumn { what: "a tabular model".into(), role }.into());
            }
        }
        split.check_shares()?;
        let what = format!("the split `{}`", split.kind());
        match split {
            TabularSplit::Temporal { .. } if self.time.is_none() => {
                return Err(TabularError::NeedsColumn { what, role: "time" }.into());
            }
            TabularSplit::Users { .. } if self.user.is_none() => {
                return Err(TabularError::NeedsColumn { what, role: "user" }.into());
            }
            _ => {}
        }
        let mut listed = self.domains.iter().enumerate();
        if let Some((_, twice)) = listed.find(|(nth, domain)| self.domains[..*nth].contains(domain)) {
            return Err(TabularError::ListedTwice { domain: twice.clone() }.into());
        }
        if self.fields.is_empty() && self.dense.is_empty() {
            return Err(TabularError::NoFields.into());
        }
        for field in &self.fields {
            field.check()?;
        }
        for dense in &self.dense {
            dense.check()?;
        }
        self.item.iter().try_for_each(|item| item.check(self))
    }
}

impl FieldConfig {
    fn check(&self) -> Result<(), TabularError> {
        let wrong = |key, value: String, expected| {
            Err(TabularError::Setting { column: shown(&self.column), key, value, expected })
        };
        if self.min_count == 0 {
            return wrong("min_count", "0".into(), "at least 1");
        }
        if self.separator.as_deref() == Some("") {
            return wrong("separator", "empty".into(), "the text between the values of a list");
        }
        match self.hash {
            Some(codes @ (0 | u32::MAX)) => wrong("hash", codes.to_string(), "1 to 4294967294 codes"),
            Some(_) if self.min_count > 1 => {
                wrong("min_count", self.min_count.to_string(), "nothing: `hash` counts no values")
            }
            _ => Ok(()),
        }
    }
}

impl DenseConfig {
    /// Into how many ranges quantiles cut.
    #[must_use]
    pub(super) fn ranges(&self) -> usize {
        self.buckets.unwrap_or(16) as usize
    }

    fn check(&self) -> Result<(), TabularError> {
        let expected = match (self.transform, self.buckets) {
            (_, None) | (Transform::Quantile, Some(2..=10_000)) => return Ok(()),
            (Transform::Quantile, _) => "2 to 10000",
            _ => "none unless `transform` is `quantile`",
        };
        let value = self.buckets.unwrap_or_default().to_string();
        Err(TabularError::Setting { column: shown(&self.column), key: "buckets", value, expected })
    }
}

/// A column in a message.
pub(super) fn shown(column: &Column) -> String {
    match column {
        Column::Position(position) => position.to_string(),
        Column::Name(name) => name.clone(),
    }
}

impl From<Column> for LabelConfig {
    fn from(column: Column) -> Self {
        Self { column, at_least: None }
    }
}

impl From<Column> for FieldConfig {
    fn from(column: Column) -> Self {
        Self { column, min_count: 1, separator: None, hash: None }
    }
}

impl From<Column> for DenseConfig {
    fn from(column: Column) -> Self {
        Self { column, transform: Transform::default(), buckets: None }
    }
}

/// Stands for a column that has to be set.
fn unnamed() -> Column {
    Column::Name(String::new())
}
fn one() -> u64 {
    1
}
fn tenth() -> f64 {
    0.1
}
