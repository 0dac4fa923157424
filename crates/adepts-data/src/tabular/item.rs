//! Which fields describe the item, for retrieval.

use serde::{Deserialize, Serialize};

use super::batch::ItemColumns;
use super::config::{TabularConfig, Transform, shown};
use crate::config::{Column, Encoding};
use crate::error::DataError;
use crate::error::TabularError;

/// What is to be found: the column of the item's id and the other fields that describe it. All other fields describe who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemConfig {
    /// The column of the item's id, one of the categorical fields.
    pub column: Column,
    /// The columns of other fields, categorical or dense, that describe the item. Without a catalogue an item has the values of the
    /// first row of the source in which it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Column>,
    /// A file, a glob or a folder of files with the items, a row each: the column of the id and those of `fields`. These are then
    /// not read from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
    /// The encoding of the catalogue, where it is text.
    #[serde(default, skip_serializing_if = "Encoding::is_auto")]
    pub encoding: Encoding,
    /// Whether users have seen the items of their rows with label 0, so that these are not recommended. By default they have where
    /// the label is a threshold of ratings (`at_least`), and not where it is a column of 0 and 1, in which 0 often means that an
    /// item was shown and not chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives_seen: Option<bool>,
}

impl From<Column> for ItemConfig {
    fn from(column: Column) -> Self {
        Self { column, fields: Vec::new(), catalogue: None, encoding: Encoding::Auto, negatives_seen: None }
    }
}

impl TabularConfig {
    /// Whether users have seen the items of their rows with label 0; see [`ItemConfig::negatives_seen`].
    pub(super) fn negatives_seen(&self) -> bool {
        let rated = self.label.at_least.is_some();
        self.item.as_ref().is_some_and(|item| item.negatives_seen.unwrap_or(rated))
    }

    /// Whether a field of this column is read from the source and not from a catalogue of its own.
    pub(super) fn reads(&self, column: &Column) -> bool {
        !self.item.as_ref().is_some_and(|item| item.catalogue.is_some() && item.has(column))
    }
}

impl ItemConfig {
    /// Whether a column describes the item.
    fn has(&self, column: &Column) -> bool {
        self.column == *column || self.fields.contains(column)
    }

    /// Refuses columns that are no fields, and data of which one side has no fields.
    pub(super) fn check(&self, config: &TabularConfig) -> Result<(), DataError> {
        let wrong = |column: &Column, key, value: String, expected| {
            Err(TabularError::Setting { column: shown(column), key, value, expected }.into())
        };
        let Some(id) = config.fields.iter().find(|field| field.column == self.column) else {
            return wrong(&self.column, "item", "set".into(), "one of the columns of `fields`");
        };
        if id.separator.is_some() {
            return wrong(
                &self.column,
                "separator",
                "set".into(),
                "none for the id of an item, of which a row has one",
            );
        }
        let known = |column: &Column| {
            config.fields.iter().any(|f| f.column == *column) || config.dense.iter().any(|d| d.column == *column)
        };
        if let Some(column) = self.fields.iter().find(|column| !known(column)) {
            return wrong(column, "item.fields", "set".into(), "columns of `fields` or `dense`");
        }
        if self.catalogue.as_ref().is_some_and(String::is_empty) {
            return wrong(&self.column, "item.catalogue", "empty".into(), "the file with the items");
        }
        let mut own = self.fields.iter().chain([&self.column]);
        if self.catalogue.is_some()
            && let Some(position) = own.find(|column| matches!(column, Column::Position(_)))
        {
            let expected = "a name, which the column has in the catalogue too";
            return wrong(position, "item", "a position".into(), expected);
        }
        let mut all = config.fields.iter().map(|f| &f.column).chain(config.dense.iter().map(|d| &d.column));
        if all.all(|column| self.has(column)) {
            return wrong(
                &self.column,
                "item",
                "set".into(),
                "at least one field that describes who asks, not the item",
            );
        }
        Ok(())
    }

    /// Where the item's columns stand among the prepared ones, those of ranges of numbers behind the categorical fields.
    pub(super) fn columns(&self, config: &TabularConfig, count: usize) -> ItemColumns {
        let categorical = config.fields.iter().map(|field| &field.column);
        let dense = |ranges: bool| {
            let of_kind = config.dense.iter().filter(move |dense| (dense.transform == Transform::Quantile) == ranges);
            of_kind.map(|dense| &dense.column)
        };
        let places = |columns: &mut dyn Iterator<Item = &Column>| {
            columns.enumerate().filter(|(_, column)| self.has(column)).map(|(place, _)| place).collect()
        };
        let fields = places(&mut categorical.chain(dense(true)));
        ItemColumns { count, fields, dense: places(&mut dense(false)) }
    }
}
