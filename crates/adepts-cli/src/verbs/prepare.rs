//! `adepts prepare`: from a log to a prepared folder.

use std::path::PathBuf;

use adepts::any::AnyExperiment;
use adepts::data::Lock;
use adepts::data::tabular::TabularDataset;
use adepts::folder::spare_source;
use adepts::{Error, TabularExperiment, data};
use clap::Args;

use crate::options::{LogOptions, SplitOptions, planned_on, quoted};
use crate::output;
use crate::progress::Terminal;

/// Filter a log, split it into training, validation and test, and write the result to a folder.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts prepare --input log.csv --user customer --item sku --out prepared
  adepts prepare --input log.csv --user customer --item sku --rating stars --min-rating 4 --core 5 --out prepared
  adepts prepare --input shop.csv --event kind --events buy --seen-events return,view --out prepared
  adepts prepare --input log.jsonl.gz --user u --item i --time at --split leave-last --out prepared
  zcat log.csv.gz | adepts prepare --input - --user customer --item sku --out prepared
  adepts prepare --config experiments/tall-ml-1m.toml --out prepared
  adepts prepare --config experiments/cesaa-ml-1m.toml --split users --out prepared

An existing prepared folder is replaced. The delimiter and the header of a text file are detected from its first lines
unless they are given. No users or items are dropped unless you ask for it.

Rows that --min-rating or --from drops, and events that --seen-events names, count as seen: models do not learn from
them, and their items are not recommended to the user unless you ask for them. Rows from --until on are ignored.

Tabular data: the file given by --config describes the columns. Of the options on the log and the split, the user, the
time, the text layout, --bad-rows, --seed, --validation, --test and the splits random, temporal and users apply.")]
pub(crate) struct Options {
    /// The log: a file, a glob, a folder, or - for stdin
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    input: Option<String>,
    /// Take [data] and [split] from this experiment file; options on the command line override them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    split: SplitOptions,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let mut sets: Vec<String> = self.input.iter().map(|input| format!("data.source={}", quoted(input))).collect();
        sets.extend(self.split.sets(self.config.is_some())?);
        if self.config.is_none() {
            sets.push("model.kind=popularity".into());
        }
        let experiment = match planned_on(self.config.as_ref(), &sets, &self.log)? {
            AnyExperiment::History(experiment) => experiment,
            AnyExperiment::Tabular(experiment) => return self.tabular(&experiment, terminal),
        };
        spare_source(&experiment.data, std::slice::from_ref(&self.out))?;
        // Held from here on, so that a second preparation is told at once and not when it has done its work.
        let _lock = Lock::beside(&self.out).map_err(Error::from)?;
        let data = data::prepare(&experiment.data, &experiment.split, experiment.seed, &mut terminal.progress())
            .map_err(Error::from)?;
        data.save(&self.out).map_err(Error::from)?;
        terminal.clear();
        if self.json {
            return output::json(&data.manifest);
        }
        output::text(&format!("{}\nprepared: {}", output::preparation(&data.manifest), self.out.display()))
    }

    /// Prepares rows, for models of many domains.
    fn tabular(&self, experiment: &TabularExperiment, terminal: &Terminal) -> anyhow::Result<()> {
        let TabularExperiment { data, split, seed, .. } = experiment;
        let prepared =
            TabularDataset::prepare(data, split, *seed, &self.out, &mut terminal.progress()).map_err(Error::from)?;
        terminal.clear();
        if self.json {
            return output::json(prepared.manifest());
        }
        output::text(&format!("{}\nprepared: {}", output::tabular_data(prepared.manifest()), self.out.display()))
    }
}
