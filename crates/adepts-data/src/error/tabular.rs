//! What can be wrong with tabular data.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::place::listed;
use crate::words::counted;

/// What can be wrong with tabular data: what, where, and what was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TabularError {
    /// A column that is needed and not named.
    #[error(
        "{what} needs the column of the {role}: set `{role}` in [data] of an experiment file; `adepts inspect FILE \
         --tabular` proposes one"
    )]
    NeedsColumn {
        /// What needs it.
        what: String,
        /// The key of `[data]`: `label`, `domain`, `user`, `time`.
        role: &'static str,
    },
    /// Neither a categorical nor a dense field.
    #[error("[data] names no field: set `fields`, `dense` or both to columns to learn from")]
    NoFields,
    /// A setting of a field that cannot be meant.
    #[error("the field `{column}`: `{key}` is {value}; expected {expected}")]
    Setting {
        /// The column of the field.
        column: String,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Two fields of one name.
    #[error("the column `{column}` is named twice among the {kind} fields; expected each once")]
    Twice {
        /// The column.
        column: String,
        /// `categorical` (with quantiles among them) or `dense`.
        kind: &'static str,
    },
    /// A listed domain that no row has, or none that can be read.
    #[error(
        "no row that can be read has the domain `{domain}` of data.domains{}; the column has {}",
        hint.as_ref().map(|hint| format!(" (did you mean `{hint}`?)")).unwrap_or_default(),
        listed(found)
    )]
    NoSuchDomain {
        /// As listed.
        domain: String,
        /// The nearest that there is.
        hint: Option<String>,
        /// Those that there are.
        found: Vec<String>,
    },
    /// A domain that is listed twice.
    #[error("data.domains lists `{domain}` twice")]
    ListedTwice {
        /// The domain.
        domain: String,
    },
    /// A dense field with numbers that cannot be standardised.
    #[error(
        "the dense field `{column}` has numbers as large as {value:e} in many training rows, expected at most {most:e}; if that \
         number marks a missing value leave those cells empty, or set `transform = \"quantile\"`"
    )]
    TooLarge {
        /// The column of the field.
        column: String,
        /// The number.
        value: f64,
        /// The largest that can be.
        most: f64,
    },
    /// A column of domains with too many values.
    #[error(
        "the column `{column}` has more than {limit} values among the training rows; a domain is one of a few parts of \
         the business, such as a country, a tab or a category"
    )]
    TooManyDomains {
        /// The column.
        column: String,
        /// The most that are possible.
        limit: usize,
    },
    /// A part without rows.
    #[error(
        "split {kind}: the {part} part is empty after cutting {}; expected rows in every part: {}",
        counted(*rows, "row"),
        instead_of(kind, part, *rows)
    )]
    PartEmpty {
        /// The kind of split.
        kind: &'static str,
        /// The part.
        part: &'static str,
        /// Rows in all.
        rows: u64,
    },
    /// Labels of one class.
    #[error("all {rows} training rows have the label {label}; expected some of either class in the column `{column}`")]
    OneClass {
        /// Training rows.
        rows: u64,
        /// The label.
        label: u8,
        /// The column.
        column: String,
    },
    /// A source of which no row can be used.
    #[error("{origin}: {} bad: {}", if *rows == 1 { "its only row is".to_owned() } else { format!("all {rows} rows are") }, reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    AllSkipped {
        /// The source.
        origin: String,
        /// Its rows.
        rows: u64,
        /// Why, with counts.
        reasons: Vec<SkippedReason>,
    },
    /// A source that changed while it was read.
    #[error("{origin} changed while it was prepared: {first} rows when it was counted, {second} when it was written")]
    Changed {
        /// The source.
        origin: String,
        /// Rows of the first reading.
        first: u64,
        /// Rows of the second.
        second: u64,
    },
    /// More batches skipped than an epoch has left.
    #[error("cannot skip {batches} batches of an epoch: only {left} are left")]
    PastEnd {
        /// Batches to skip.
        batches: usize,
        /// Batches that are left.
        left: usize,
    },
    /// A domain that the training part does not have, among rows to be scored.
    #[error("{place}: the domain `{domain}` is none of those that were trained on: {}", listed(known))]
    UnknownDomain {
        /// Where.
        place: Box<crate::place::Place>,
        /// The domain.
        domain: String,
        /// Those that were trained on.
        known: Vec<String>,
    },
    /// A row whose item the catalogue does not have.
    #[error(
        "{place}: the item `{item}` is not in the catalogue {catalogue}; expected a row for it there{}",
        other.as_ref().map(|id| format!(" (it has `{id}`, which is another id: write both alike)")).unwrap_or_default()
    )]
    NotInCatalogue {
        /// Where.
        place: Box<crate::place::Place>,
        /// The item.
        item: String,
        /// The file.
        catalogue: String,
        /// An id of the catalogue that is the same number, written otherwise.
        other: Option<String>,
    },
    /// An item with two rows in the catalogue.
    #[error("{place}: the item `{item}` has a row already ({first}); expected one for each item of a catalogue")]
    ItemTwice {
        /// Where.
        place: Box<crate::place::Place>,
        /// The item.
        item: String,
        /// Its first row.
        first: Box<crate::place::Place>,
    },
    /// A catalogue without the column of the item's id.
    #[error(
        "{} has no column `{column}`{}; the item's id has the same name in the catalogue as in the source (data.item); it has {}",
        path.display(),
        hint.as_ref().map(|hint| format!(" (did you mean `{hint}`?)")).unwrap_or_default(),
        listed(columns)
    )]
    NoIdInCatalogue {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        column: String,
        /// The nearest name there is, if one is near.
        hint: Option<String>,
        /// The names that there are.
        columns: Vec<String>,
    },
    /// A prepared folder of another family.
    #[error(
        "{} holds prepared {found}; expected {expected}: train a model of that family, or prepare the log again with \
         `adepts prepare`{}", path.display(), if *expected == "tabular data" { " --config FILE" } else { "" }
    )]
    OtherFamily {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What was asked for: `tabular data`, or `histories`.
        expected: &'static str,
    },
    /// A file of a prepared folder that is not the one that was written.
    #[error("{} has changed since it was written: found {found}, the manifest says {expected}", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
        /// Its size or hash.
        found: String,
        /// The size or hash that it must have.
        expected: String,
    },
    /// A value in a prepared file that cannot be.
    #[error("{}, column `{column}`: found {found}; expected {expected}", path.display())]
    BadContent {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The value.
        found: String,
        /// What was expected.
        expected: String,
    },
}

/// Rows that were skipped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkippedReason {
    /// What is wrong with them.
    pub reason: String,
    /// How many they are.
    pub rows: u64,
    /// The first of them, as a message.
    pub first: String,
}

impl fmt::Display for SkippedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, rows, first } = self;
        write!(f, "{rows} × {reason} (first: {first})")
    }
}

/// What to change where a part came out empty.
fn instead_of(kind: &str, part: &str, rows: u64) -> String {
    const FEW: u64 = 20;
    if rows < FEW {
        return format!("there are too few rows to cut; give {FEW} or more");
    }
    let shares = match part {
        "training" => "smaller shares, such as `--validation 0.1 --test 0.1`",
        _ => "larger shares, such as `--validation 0.2 --test 0.2`",
    };
    let shares = format!("{shares} (split.validation, split.test)");
    let together = match kind {
        "users" => "the rows of a user",
        "temporal" => "rows of one time",
        _ => return format!("take {shares}"),
    };
    format!("{together} are not split; split row by row with `--split random` (split.kind), or take {shares}")
}
