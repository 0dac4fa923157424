//! `adepts inspect`: what is in a log?

use std::path::Path;

use adepts::Error;
use adepts::data::examples::{ExampleSet, ExamplesConfig, propose};
use adepts::data::{self, DataConfig, Dataset, Manifest, SplitConfig};
use clap::Args;
use serde::Serialize;

use crate::options::{LayoutOptions, experiment};
use crate::output;

/// Look at a log: the guessed columns, counts, ranges, a few rows, and what looks wrong.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts inspect log.csv
  adepts inspect 'logs/2024-*.jsonl.gz'
  adepts inspect ratings.dat --delimiter '::' --no-header --json
  adepts inspect prepared                   how a prepared folder was made, and what is in it

The last line is the command that prepares the log. A log is read whole; nothing is written.")]
pub(crate) struct Options {
    /// A file, a glob or a folder: CSV, TSV, JSON lines or Parquet, plain, .gz or .zst
    #[arg(value_name = "FILE")]
    file: String,
    /// Propose the [data] table of an experiment with a model of examples (cesaa and its peers)
    #[arg(long)]
    multi_domain: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layout: LayoutOptions,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let folder = Path::new(&self.file);
        if ExampleSet::is_prepared(folder) {
            let set = ExampleSet::open(folder).map_err(Error::from)?;
            return if self.json {
                output::json(set.manifest())
            } else {
                output::text(&output::examples(set.manifest()))
            };
        }
        if data::store::is_prepared(folder) {
            let manifest = Dataset::open(folder)?.manifest;
            return if self.json { output::json(&manifest) } else { output::text(&prepared(&self.file, &manifest)?) };
        }
        let mut sets = self.layout.sets();
        sets.push("model.kind=popularity".into());
        let found = data::inspect(&self.file, &experiment(&sets)?.data)?;
        if self.multi_domain {
            let told = |why| Error::Request(format!("{}: no [data] table can be proposed: {why}", self.file));
            let proposed = propose(&found).map_err(told)?;
            let proposed = ExamplesConfig { source: self.file.clone(), ..proposed };
            return output::text(&format!("{}\n[model]\nkind = \"cesaa\"", proposed.to_toml()));
        }
        if self.json { output::json(&found) } else { output::text(&found.to_string()) }
    }
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
