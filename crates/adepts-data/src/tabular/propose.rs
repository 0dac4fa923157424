//! A `[data]` table for examples, proposed by what an inspection found.

use std::fmt::Write;

use super::config::{DenseConfig, FieldConfig, LabelConfig, TabularConfig, Transform, shown};
use super::vocabulary::MOST_READ;
use crate::config::{Column, Format};
use crate::inspect::{ColumnSummary, Inspection};
use crate::place::{Place, listed};
use crate::source::{Role, nearest};
use crate::words::{agreeing, counted};

/// Usual names of labels, the likeliest first, in lower case and without what separates words.
const LABELS: [&str; 12] = [
    "label",
    "click",
    "isclick",
    "clicked",
    "conversion",
    "converted",
    "purchase",
    "bought",
    "like",
    "liked",
    "target",
    "y",
];

/// Usual names of domains, likewise; any other name with one of them in it comes after.
const DOMAINS: [&str; 12] = [
    "domain", "scenario", "tab", "surface", "channel", "country", "market", "region", "site", "agegroup", "device",
    "category",
];

/// Usual names of whole numbers that are amounts and not names.
const AMOUNTS: [&str; 10] = ["age", "price", "amount", "duration", "views", "count", "year", "height", "length", "num"];

/// More domains than this are hardly domains.
const MOST_DOMAINS: u64 = 50;

/// A field with more values than this is hashed, to this many codes.
const LARGE: u64 = 1_000_000;

/// The names of columns that are known, for a proposal; without a header a column has its position for a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedColumns {
    /// The column of the label.
    pub label: Option<String>,
    /// The column of the domain, which may then have as many values as `prepare` takes.
    pub domain: Option<String>,
}

/// A `[data]` table for a tabular model, by the names and the content of the columns: a column of 0 and 1 with a usual
/// name, or a rating with four fifths of its greatest value as threshold, is the label; a column of two to fifty values
/// with a usual name the domain, unless they are `named`; fractions and usual amounts are dense, all other columns but times categorical. It is a
/// proposal: whether a field is known before the label is, nobody can tell from the file.
///
/// # Errors
/// If no column seems to be the label or none the domain, or a named one is not there or cannot be it.
pub fn propose(inspection: &Inspection, named: &NamedColumns) -> Result<TabularConfig, NoProposal> {
    let columns = &inspection.columns;
    let unnamed = inspection.header == Some(false);
    let column = |summary: &ColumnSummary| match summary.name.parse() {
        Ok(position) if unnamed => Column::Position(position),
        _ => Column::Name(summary.name.clone()),
    };
    let rating = columns.iter().position(|c| c.role == Some(Role::Rating));
    let binary =
        |c: &ColumnSummary| c.distinct == 2 && (c.kind == "bool" || (least(c), greatest(c)) == (Some(0.0), Some(1.0)));
    let by_name = LABELS.iter().find_map(|name| columns.iter().position(|c| plain(&c.name) == *name && binary(c)));
    let label = named.label.as_ref().map(|name| place(columns, name)).transpose()?;
    let (label, config) = match (label.or(by_name), rating) {
        (Some(label), _) if binary(&columns[label]) => (label, LabelConfig::from(column(&columns[label]))),
        (Some(label), rating) if rating != Some(label) => return Err(odd_label(&columns[label])),
        (_, Some(rating)) => {
            let greatest = greatest(&columns[rating]).ok_or_else(|| no_label(columns))?;
            (rating, LabelConfig { column: column(&columns[rating]), at_least: Some((greatest * 0.8).round()) })
        }
        (_, None) => return Err(no_label(columns)),
    };
    let free = |at: usize| at != label && columns[at].role.is_none() && few(&columns[at]);
    let exact = |name: &str| (0..columns.len()).find(|&at| free(at) && plain(&columns[at].name) == name);
    let within = |name: &str| (0..columns.len()).find(|&at| free(at) && plain(&columns[at].name).contains(name));
    let usual = || DOMAINS.iter().find_map(|name| exact(name)).or_else(|| DOMAINS.iter().find_map(|name| within(name)));
    let domain = match &named.domain {
        Some(name) => place(columns, name)?,
        None => usual().ok_or_else(|| no_domain(columns))?,
    };
    if domain == label {
        return Err(NoProposal::Both { column: columns[label].name.clone() });
    }
    if columns[domain].missing > 0 {
        return Err(missing_domain(&columns[domain]));
    }
    if columns[domain].kind == "number" || columns[domain].distinct > MOST_READ as u64 {
        return Err(NoProposal::OddDomain { column: columns[domain].name.clone(), values: held(&columns[domain]) });
    }

    let other = |at: &usize| *at != label && *at != domain;
    let with_role = |role| {
        (0..columns.len()).filter(other).find(|at| columns[*at].role == Some(role)).map(|at| column(&columns[at]))
    };
    let mut proposed = TabularConfig {
        user: with_role(Role::User),
        time: with_role(Role::Time),
        ..TabularConfig::new("", config, column(&columns[domain]))
    };
    for (at, summary) in columns.iter().enumerate() {
        // A rating beside a label tells it.
        let other = at == label || at == domain || Some(at) == rating || summary.role == Some(Role::Time);
        if other || matches!(summary.kind, "empty" | "time") || summary.distinct < 2 {
            continue;
        }
        let amount = summary.kind == "integer" && AMOUNTS.iter().any(|name| words(&summary.name).any(|w| w == *name));
        if summary.role.is_none() && (summary.kind == "number" || amount) {
            proposed.dense.push(column(summary).into());
            continue;
        }
        let list = summary.kind == "text" && summary.examples.iter().any(|value| value.contains('|'));
        proposed.fields.push(FieldConfig {
            separator: list.then(|| "|".to_owned()),
            hash: (summary.distinct > LARGE).then_some(LARGE as u32),
            ..column(summary).into()
        });
    }
    Ok(proposed)
}

/// Whether a column has as few values as domains have, in every row.
fn few(column: &ColumnSummary) -> bool {
    column.distinct_exact && (2..=MOST_DOMAINS).contains(&column.distinct) && column.missing == 0
}

/// The names of the other columns that could be the domain of a proposal, by their values.
#[must_use]
pub fn possible_domains(inspection: &Inspection, proposed: &TabularConfig) -> Vec<String> {
    let taken = [shown(&proposed.label.column), shown(&proposed.domain)];
    let possible = |c: &&ColumnSummary| {
        few(c) && c.role.is_none() && !matches!(c.kind, "number" | "time") && !taken.contains(&c.name)
    };
    inspection.columns.iter().filter(possible).map(|column| column.name.clone()).collect()
}

/// The place of a column that was named.
fn place(columns: &[ColumnSummary], name: &str) -> Result<usize, NoProposal> {
    columns.iter().position(|column| column.name == name).ok_or_else(|| {
        let columns: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        NoProposal::NoColumn { column: name.to_owned(), hint: nearest(name, &columns), columns }
    })
}

/// What speaks against the column whose name says that it is the label.
fn no_label(columns: &[ColumnSummary]) -> NoProposal {
    let usual = LABELS.iter().find_map(|name| columns.iter().find(|c| plain(&c.name) == *name && c.kind != "empty"));
    usual.map_or(NoProposal::Label, odd_label)
}

/// What speaks against a column as the label.
fn odd_label(column: &ColumnSummary) -> NoProposal {
    let odd = |(value, _): &(&String, &Place)| !matches!(value.to_lowercase().as_str(), "0" | "1" | "true" | "false");
    let name = column.name.clone();
    match column.examples.iter().zip(&column.places).find(odd) {
        Some((value, place)) => NoProposal::OddLabel { column: name, value: value.clone(), place: place.clone() },
        None => NoProposal::OneLabel { column: name, values: held(column) },
    }
}

/// The values of a column, as far as they are at hand.
fn held(column: &ColumnSummary) -> String {
    let values = column.examples.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" and ");
    if column.distinct > column.examples.len() as u64 {
        format!("{values} and others")
    } else {
        format!("{values} alone")
    }
}

/// What speaks against the column whose name says that it is the domain.
fn no_domain(columns: &[ColumnSummary]) -> NoProposal {
    let usual = DOMAINS.iter().find_map(|name| columns.iter().find(|c| plain(&c.name).contains(name)));
    let Some(column) = usual.filter(|column| column.role.is_none()) else { return NoProposal::Domain };
    if column.missing > 0 {
        return missing_domain(column);
    }
    let values =
        if column.distinct_exact { column.distinct.to_string() } else { format!("more than {}", column.distinct) };
    NoProposal::DomainValues { column: column.name.clone(), values }
}

fn missing_domain(column: &ColumnSummary) -> NoProposal {
    NoProposal::MissingDomain { column: column.name.clone(), rows: column.missing }
}

/// Why no table is proposed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoProposal {
    /// A name that no column has.
    #[error(
        "there is no column `{column}`{}; there are {}",
        hint.as_ref().map(|hint| format!(" (did you mean `{hint}`?)")).unwrap_or_default(),
        listed(columns)
    )]
    NoColumn {
        /// The name that was asked for.
        column: String,
        /// The nearest name there is, if one is near.
        hint: Option<String>,
        /// The names that there are.
        columns: Vec<String>,
    },
    /// One column for two things.
    #[error(
        "the column `{column}` cannot be both the label and the domain; name them with `--label COLUMN` and `--domain COLUMN`"
    )]
    Both {
        /// The column.
        column: String,
    },
    /// No column has the content, or the name, of a label.
    #[error(
        "no column seems to be the label: none with a usual name ({}) holds 0 and 1, and none is a rating; name it with `--label COLUMN`",
        LABELS.join(", ")
    )]
    Label,
    /// The column of the label holds another value.
    #[error(
        "the column `{column}` would be the label but holds `{value}` ({place}), and a label is 0 or 1, or a truth value; mend that row (or let `bad_rows = \"skip\"` leave such rows out), or if it is a number that counts from some value on, write label = {{ column = \"{column}\", at_least = … }}"
    )]
    OddLabel {
        /// The column.
        column: String,
        /// The first value that no label has.
        value: String,
        /// Where it stands first.
        place: Place,
    },
    /// The column of the label does not hold two values of one kind.
    #[error(
        "the column `{column}` would be the label but holds {values}; a label is both 0 and 1, or both truth values; another column is named with `--label COLUMN`"
    )]
    OneLabel {
        /// The column.
        column: String,
        /// What it holds.
        values: String,
    },
    /// No column has the content and the name of a domain.
    #[error(
        "no column seems to be the domain: none with a usual name ({}) has two to {MOST_DOMAINS} values; name it with `--domain COLUMN`",
        DOMAINS.join(", ")
    )]
    Domain,
    /// The column of the domain has rows without a value.
    #[error(
        "the column `{column}` would be the domain, but {}; every row is of a domain: give them one, such as `other`, or name another column with `--domain COLUMN`",
        format!("{} {} no value", counted(*rows, "row"), agreeing(*rows, "has", "have"))
    )]
    MissingDomain {
        /// The column.
        column: String,
        /// Rows without a value.
        rows: u64,
    },
    /// The column that was named as the domain holds fractions or too many values.
    #[error(
        "the column `{column}` cannot be the domain: it holds {values}, and there are at most {MOST_READ} domains, each a category"
    )]
    OddDomain {
        /// The column.
        column: String,
        /// What it holds.
        values: String,
    },
    /// A column with the name of a domain has too few or too many values.
    #[error(
        "the column `{column}` is named as a domain is, but has {values} different values; two to {MOST_DOMAINS} were expected; if it is the domain all the same, say `--domain {column}`"
    )]
    DomainValues {
        /// The column.
        column: String,
        /// How many different values it has.
        values: String,
    },
}

fn least(summary: &ColumnSummary) -> Option<f64> {
    summary.min.as_ref()?.parse().ok()
}

fn greatest(summary: &ColumnSummary) -> Option<f64> {
    summary.max.as_ref()?.parse().ok()
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase)
}

impl TabularConfig {
    /// The `[data]` table as text, with columns alone where they have no settings.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let named = |column: &Column| match column {
            Column::Position(position) => position.to_string(),
            Column::Name(_) => quoted(&shown(column)),
        };
        let entry = |column: &Column, settings: Vec<(&str, String)>| {
            if settings.is_empty() {
                return named(column);
            }
            let settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            format!("{{ column = {}, {} }}", named(column), settings.join(", "))
        };
        let mut lines = vec![("source", quoted(&self.source))];
        match self.format {
            Format::Auto => {}
            Format::Csv => lines.push(("format", quoted("csv"))),
            Format::Jsonl => lines.push(("format", quoted("jsonl"))),
            Format::Parquet => lines.push(("format", quoted("parquet"))),
        }
        lines.extend(self.delimiter.as_deref().map(|delimiter| ("delimiter", quoted(delimiter))));
        lines.extend(self.header.filter(|header| !header).map(|header| ("header", header.to_string())));
        let threshold = self.label.at_least.map(|at_least| ("at_least", at_least.to_string()));
        lines.push(("label", entry(&self.label.column, threshold.into_iter().collect())));
        lines.push(("domain", named(&self.domain)));
        lines.extend(self.user.as_ref().map(|user| ("user", named(user))));
        lines.extend(self.time.as_ref().map(|time| ("time", named(time))));
        let field = |field: &FieldConfig| {
            let mut settings = Vec::new();
            settings.extend((field.min_count > 1).then(|| ("min_count", field.min_count.to_string())));
            settings.extend(field.separator.as_deref().map(|separator| ("separator", quoted(separator))));
            settings.extend(field.hash.map(|codes| ("hash", codes.to_string())));
            entry(&field.column, settings)
        };
        let dense = |dense: &DenseConfig| {
            let mut settings = Vec::new();
            match dense.transform {
                Transform::Standard => {}
                Transform::Log => settings.push(("transform", quoted("log"))),
                Transform::Quantile => settings.push(("transform", quoted("quantile"))),
            }
            settings.extend(dense.buckets.map(|buckets| ("buckets", buckets.to_string())));
            entry(&dense.column, settings)
        };
        let list = |entries: Vec<String>| format!("[{}]", entries.join(", "));
        lines.push(("fields", list(self.fields.iter().map(field).collect())));
        lines.push(("dense", list(self.dense.iter().map(dense).collect())));
        let mut out = "[data]\n".to_owned();
        for (key, value) in lines {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{key} = {value}");
        }
        if self.bad_rows == crate::config::BadRows::Skip {
            out.push_str("bad_rows = \"skip\"\n");
        }
        out
    }
}
