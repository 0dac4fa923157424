//! An inspection for the terminal, and the `[data]` table it proposes.

use std::fmt::{self, Write};

use super::Inspection;
use crate::config::{BadRows, Column, DataConfig, SplitConfig};
use crate::source::{Source, default_delimiter};
use crate::words::counted;

/// The `[data]` table that reads the log as it was understood.
pub(super) fn toml(data: &DataConfig, source: &Source, split: Option<&SplitConfig>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = format!("[data]\nsource = {}\n", quoted(&data.source));
    let mut line = |key: &str, value: String| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(out, "{key} = {value}");
    };
    if !data.encoding.is_auto() {
        line("encoding", quoted(data.encoding.name()));
    }
    if let Some(delimiter) = source.delimiter() {
        if delimiter != default_delimiter(&source.files()[0].suffix) {
            line("delimiter", quoted(delimiter));
        }
        if data.header == Some(false) {
            line("header", "false".into());
        }
    }
    for (key, column) in columns(data) {
        match column {
            Some(Column::Name(name)) => line(key, quoted(name)),
            Some(Column::Position(position)) => line(key, position.to_string()),
            None => {}
        }
    }
    if data.bad_rows == BadRows::Skip {
        line("bad_rows", quoted("skip"));
    }
    let _infallible = match data.filter.min_rating {
        Some(least) => writeln!(out, "\n[data.filter]\nmin_rating = {least}"),
        None => Ok(()),
    };
    if let Some(kind) = split.and_then(split_name) {
        let _infallible = writeln!(out, "\n[split]\nkind = {}", quoted(kind));
    }
    out
}

/// The name of a split by time.
fn split_name(split: &SplitConfig) -> Option<&'static str> {
    match split {
        SplitConfig::Temporal { .. } => Some("temporal"),
        SplitConfig::LeaveLast { .. } => Some("leave-last"),
        _ => None,
    }
}

/// The command that prepares the log as it was understood; `COLUMN` stands where no column was.
pub(super) fn prepare(data: &DataConfig, source: &Source, split: Option<&SplitConfig>) -> String {
    let mut words = vec!["adepts prepare --input".to_owned(), shell(&data.source)];
    for (key, column) in columns(data) {
        let value = match column {
            Some(Column::Name(name)) => shell(name),
            Some(Column::Position(position)) => position.to_string(),
            None if matches!(key, "user" | "item") => "COLUMN".to_owned(),
            None => continue,
        };
        words.push(format!("--{key} {value}"));
    }
    if let Some(delimiter) = source.delimiter() {
        if delimiter != default_delimiter(&source.files()[0].suffix) {
            words.push(format!("--delimiter {}", shell(&delimiter.replace('\t', "\\t"))));
        }
        if data.header == Some(false) {
            words.push("--no-header".to_owned());
        }
    }
    if !data.encoding.is_auto() {
        words.push(format!("--encoding {}", data.encoding.name()));
    }
    if data.bad_rows == BadRows::Skip {
        words.push("--bad-rows skip".to_owned());
    }
    words.extend(data.filter.min_rating.map(|least| format!("--min-rating {least}")));
    words.extend(split.and_then(split_name).map(|kind| format!("--split {kind}")));
    words.push("--out prepared".to_owned());
    words.join(" ")
}

/// Text as one word of a POSIX shell.
pub(super) fn shell(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:,@%+=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn columns(data: &DataConfig) -> [(&'static str, &Option<Column>); 5] {
    [("user", &data.user), ("item", &data.item), ("rating", &data.rating), ("event", &data.event), ("time", &data.time)]
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.files.as_slice() {
            [file] => write!(f, "{file}: {}", self.format)?,
            files => write!(f, "{} files from {}: {}", files.len(), files.first().map_or("", |f| f), self.format)?,
        }
        if let Some(delimiter) = &self.delimiter {
            write!(f, " separated by `{}`", delimiter.escape_default())?;
        }
        match self.header {
            Some(true) => write!(f, ", with a header")?,
            Some(false) => write!(f, ", without a header")?,
            None => {}
        }
        write!(f, "\n{}", counted(self.rows, "row"))?;
        if let (Some(users), Some(items)) = (self.users, self.items) {
            write!(f, ", {}, {}", counted(users, "user"), counted(items, "item"))?;
        }
        let looked_at = match self.looked_at {
            1 => "the row was".to_owned(),
            rows => format!("all {rows} rows were"),
        };
        writeln!(f, "; {looked_at} looked at, {} cannot be read\n", self.bad_rows)?;
        let mut table = vec![
            ["column", "role", "type", "distinct", "min", "max", "missing", "examples"].map(str::to_owned).to_vec(),
        ];
        for c in &self.columns {
            table.push(vec![
                c.name.clone(),
                c.role.map_or("", crate::source::Role::key).to_owned(),
                c.kind.to_owned(),
                format!("{}{}", if c.distinct_exact { "" } else { ">= " }, c.distinct),
                c.min.clone().unwrap_or_default(),
                c.max.clone().unwrap_or_default(),
                c.missing.to_string(),
                c.examples.join(", "),
            ]);
        }
        aligned(f, &table)?;
        writeln!(f)?;
        let mut rows = vec![self.columns.iter().map(|c| c.name.clone()).collect()];
        rows.extend(self.sample.iter().cloned());
        aligned(f, &rows)?;
        self.distributions(f)?;
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        for warning in &self.warnings {
            write!(f, "\nwarning: {warning}")?;
        }
        if !(self.warnings.is_empty() && self.notes.is_empty()) {
            writeln!(f)?;
        }
        write!(f, "\n{}\n{}\n", self.toml, self.prepare)
    }
}

impl Inspection {
    /// How often each rating and each kind of event stands, and how long histories are.
    fn distributions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More ratings are shown by their tens in the table of columns alone.
        const SHOWN: usize = 21;
        let share = |part: u64, all: u64| format!("{:.1} %", 100.0 * part as f64 / all.max(1) as f64);
        if (2..=SHOWN).contains(&self.ratings.len()) {
            let all = self.ratings.iter().map(|count| count.rows).sum();
            let mut table = vec![["rating", "rows", "share"].map(str::to_owned).to_vec()];
            let row = |c: &super::RatingCount| vec![c.rating.to_string(), c.rows.to_string(), share(c.rows, all)];
            table.extend(self.ratings.iter().map(row));
            writeln!(f)?;
            aligned(f, &table)?;
        }
        if (2..=SHOWN).contains(&self.events.len()) {
            let all = self.events.iter().map(|count| count.rows).sum();
            let mut table = vec![["event", "rows", "share"].map(str::to_owned).to_vec()];
            let row = |c: &super::EventCount| vec![c.event.clone(), c.rows.to_string(), share(c.rows, all)];
            table.extend(self.events.iter().map(row));
            writeln!(f)?;
            aligned(f, &table)?;
        }
        if !self.history_lengths.is_empty() {
            let all = self.history_lengths.iter().map(|count| count.users as u64).sum();
            let mut table = vec![["items of a user", "users", "share"].map(str::to_owned).to_vec()];
            for count in self.history_lengths.iter().filter(|count| count.users > 0) {
                let range = match count.to {
                    Some(to) if to == count.from => to.to_string(),
                    Some(to) => format!("{} to {to}", count.from),
                    None => format!("{} or more", count.from),
                };
                table.push(vec![range, count.users.to_string(), share(count.users as u64, all)]);
            }
            writeln!(f)?;
            aligned(f, &table)?;
        }
        Ok(())
    }
}

/// Columns of equal width, at most 28 characters each, or as wide as their values with `{:#}`.
fn aligned(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let widest = if f.alternate() { usize::MAX } else { 28 };
    let cut =
        |text: &String| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(widest).collect::<String>();
    let width =
        |at: usize| rows.iter().map(|r| r.get(at).map_or(0, |t| t.chars().count().min(widest))).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(text, &w)| format!("{:<w$}", cut(text))).collect();
        writeln!(f, "  {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
