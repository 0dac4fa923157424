//! `adepts inspect`: what is in a log?

use std::path::Path;

use adepts::data::inspect::ColumnSummary;
use adepts::data::tabular::{
    DomainShare, LeftOut, NamedColumns, TabularConfig, TabularDataset, domain_shares, left_out, possible_domains,
    propose,
};
use adepts::data::{DataConfig, HistoryDataset, Inspection, Manifest, SplitConfig};
use adepts::{Error, data};
use clap::Args;
use serde::Serialize;

use crate::options::{LayoutOptions, experiment};
use crate::output;
use crate::progress::line;

/// Look at a log: detected columns, counts, ranges, a few rows, and what looks wrong.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts inspect log.csv
  adepts inspect 'logs/2024-*.jsonl.gz'
  adepts inspect ratings.dat --delimiter '::' --no-header --json
  adepts inspect rows.csv --tabular --label outcome --domain shop
  adepts inspect prepared                   how a prepared folder was made, and what is in it

The last line printed is the command that prepares the log. With --tabular, a [data] and a [model] table for an
experiment file are printed instead. The whole log is read; nothing is written.")]
pub(crate) struct Options {
    /// A file, a glob, a folder, or - for stdin: CSV, TSV, JSON lines or Parquet, plain, .gz or .zst
    #[arg(value_name = "FILE")]
    file: String,
    /// Propose the [data] table of an experiment with a tabular model (cesaa and its peers)
    #[arg(long, alias = "multi-domain")]
    tabular: bool,
    /// Column of the label (0 and 1, or true and false) [default: detected from its name]
    #[arg(long, value_name = "COLUMN", requires = "tabular")]
    label: Option<String>,
    /// Column of the domain [default: detected from its name]
    #[arg(long, value_name = "COLUMN", requires = "tabular")]
    domain: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layout: LayoutOptions,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let folder = Path::new(&self.file);
        if TabularDataset::is_prepared(folder) {
            let set = TabularDataset::open(folder).map_err(Error::from)?;
            return if self.json {
                output::json(set.manifest())
            } else {
                output::text(&output::tabular_data(set.manifest()))
            };
        }
        if data::store::is_prepared(folder) {
            let manifest = HistoryDataset::open(folder)?.manifest;
            return if self.json { output::json(&manifest) } else { output::text(&prepared(&self.file, &manifest)?) };
        }
        let mut sets = self.layout.sets();
        sets.push("model.kind=popularity".into());
        let found = data::inspect(&self.file, &experiment(&sets)?.data)?;
        if self.tabular {
            return self.propose(&found);
        }
        if self.json {
            return output::json(&found);
        }
        // Only what goes to a terminal is cut.
        output::text(&if output::width().is_some() { format!("{found}") } else { format!("{found:#}") })
    }

    /// Proposes the table of an experiment with a tabular model.
    fn propose(&self, found: &Inspection) -> anyhow::Result<()> {
        let told = |why| Error::Request(format!("{}: no [data] table can be proposed: {why}", self.file));
        let named = NamedColumns { label: self.label.clone(), domain: self.domain.clone() };
        let data = TabularConfig { source: self.file.clone(), ..propose(found, &named).map_err(told)? };
        if self.domain.is_none() {
            let others = possible_domains(found, &data);
            if !others.is_empty() {
                line(&format!(
                    "the domain is guessed by its name; by their values {} could be it too: --domain COLUMN names it",
                    others.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                ));
            }
        }
        let (domains, left_out) = (domain_shares(&data).map_err(Error::from)?, left_out(found, &data));
        let notes = proposal_notes(&domains, &left_out);
        let toml = format!("{notes}{}\n[model]\nkind = \"cesaa\"\n", data.to_toml());
        if !self.json {
            return output::text(&toml);
        }
        let Inspection { files, format, delimiter, header, looked_at, columns, sample, .. } = found;
        let seen =
            Proposed { files, format, delimiter, header, looked_at, columns, sample, domains, left_out, data, toml };
        output::json(&seen)
    }
}

/// What an inspection saw that holds for examples too, and the table that is proposed: as keys, and as the text of a file.
#[derive(Serialize)]
struct Proposed<'a> {
    files: &'a [String],
    format: &'a str,
    delimiter: &'a Option<String>,
    header: &'a Option<bool>,
    looked_at: &'a u64,
    columns: &'a [ColumnSummary],
    sample: &'a [Vec<String>],
    domains: Vec<DomainShare>,
    left_out: Vec<LeftOut>,
    data: TabularConfig,
    toml: String,
}

/// What a proposal rests on, as comments of its table.
fn proposal_notes(domains: &[DomainShare], left_out: &[LeftOut]) -> String {
    const SHOWN: usize = 20;
    let share = |domain: &DomainShare| 100.0 * domain.positive as f64 / domain.rows as f64;
    let more = domains.len().saturating_sub(SHOWN) as u64;
    let more = (more > 0).then(|| format!("#   and {} more\n", data::counted(more, "domain")));
    let rows = domains.iter().take(SHOWN).map(|domain| {
        let rows = data::counted(domain.rows, "row");
        format!(
            "#   {}: {rows}, {:.1} % with the label 1\n",
            domain.domain.replace(char::is_control, " "),
            share(domain)
        )
    });
    let out = left_out.iter().map(|LeftOut { column, why }| format!("# `{column}` is left out: {why}\n"));
    std::iter::once("# The domains:\n".to_owned()).chain(rows).chain(more).chain(out).collect()
}

/// A prepared folder: its counts, and the settings that made it.
fn prepared(path: &str, manifest: &Manifest) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Settings<'a> {
        data: &'a DataConfig,
        split: &'a SplitConfig,
    }
    let Manifest { users, items, data, split, .. } = manifest;
    let (counts, settings) = (output::preparation(manifest), toml::to_string(&Settings { data, split })?);
    let (users, items) = (data::counted(*users, "user"), data::counted(*items, "item"));
    Ok(format!("{path}: a prepared dataset of {users} and {items}\n\n{counts}\n{settings}"))
}
