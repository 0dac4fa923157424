//! Options that verbs share.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use adepts::experiment::Work;
use adepts::{Experiment, config};
use clap::{Args, Parser, ValueEnum};

use crate::machine::available_memory;
use crate::progress::{Terminal, Watcher};
use crate::verbs::Verb;

/// From a raw interaction log to a trained mixture of experts, and an honest report of who is served well.
#[derive(Parser)]
#[command(
    name = "adepts",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
First steps:
  adepts quickstart                                   simulated data, four models, one report: under three minutes
  adepts inspect log.csv                              what is in a log of your own
  adepts prepare --input log.csv --user customer --item sku --out prepared
  adepts train --model tall --data prepared --out runs/tall
  adepts recommend runs/tall --history 17,42

Exit codes: 0 done, 1 failed (or a condition of --fail-if holds), 2 wrong request."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Args)]
pub(crate) struct Global {
    /// Threads to use [default: one per processor]; results do not depend on it
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// No progress on stderr
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Where the columns of a log are, what is kept of it and how it is cut.
#[derive(Args, Default)]
#[command(next_help_heading = "The log")]
pub(crate) struct LogOptions {
    /// Column of the user's id: its name, or its position from 1 with --no-header
    #[arg(long, value_name = "COLUMN")]
    user: Option<String>,
    /// Column of the item's id
    #[arg(long, value_name = "COLUMN")]
    item: Option<String>,
    /// Column of the rating
    #[arg(long, value_name = "COLUMN")]
    rating: Option<String>,
    /// Keep only rows with at least this rating
    #[arg(long, value_name = "X")]
    min_rating: Option<f64>,
    /// Column of the kind of event
    #[arg(long, value_name = "COLUMN")]
    event: Option<String>,
    /// Keep only these kinds of event, separated by commas
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    events: Vec<String>,
    /// Column of the time
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Keep only rows at or after this moment (2024-03-01, or seconds since 1970)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Keep only rows before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Column with a group of users to report on, constant for each user; may be repeated
    #[arg(long, value_name = "COLUMN")]
    group: Vec<String>,
    /// What stands between the values of a text file [default: by the name of the file]
    #[arg(long, value_name = "TEXT")]
    delimiter: Option<String>,
    /// The text file does not begin with the names of the columns
    #[arg(long)]
    no_header: bool,
    /// Format of the files [default: by their names]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Rows that cannot be read: end with an error, or count and skip them [default: fail]
    #[arg(long, value_enum, value_name = "WHAT")]
    bad_rows: Option<BadRows>,
    /// Keep only users and items with at least N interactions, until nothing changes
    #[arg(long, value_name = "N")]
    core: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FileFormat {
    Csv,
    Jsonl,
    Parquet,
}

#[derive(Clone, Copy, ValueEnum)]
enum BadRows {
    Fail,
    Skip,
}

impl LogOptions {
    /// As overrides of an experiment's keys.
    pub(crate) fn sets(&self) -> Vec<String> {
        let mut sets = Vec::new();
        let column = |name: &String| match name.parse::<usize>() {
            Ok(position) if self.no_header => position.to_string(),
            _ => quoted(name),
        };
        let columns = [
            ("user", &self.user),
            ("item", &self.item),
            ("rating", &self.rating),
            ("event", &self.event),
            ("time", &self.time),
        ];
        sets.extend(columns.iter().filter_map(|(key, name)| Some(format!("data.{key}={}", column(name.as_ref()?)))));
        if !self.group.is_empty() {
            sets.push(format!("data.groups=[{}]", self.group.iter().map(column).collect::<Vec<_>>().join(", ")));
        }
        if !self.events.is_empty() {
            sets.push(format!(
                "data.filter.events=[{}]",
                self.events.iter().map(|e| quoted(e)).collect::<Vec<_>>().join(", ")
            ));
        }
        let moment = |text: &String| text.parse::<i64>().map_or_else(|_| quoted(text), |seconds| seconds.to_string());
        let mut set = |key: &str, value: Option<String>| sets.extend(value.map(|value| format!("data.{key}={value}")));
        set("filter.min_rating", self.min_rating.map(|x| format!("{x:?}")));
        set("filter.from", self.from.as_ref().map(moment));
        set("filter.until", self.until.as_ref().map(moment));
        set("filter.core", self.core.map(|n| n.to_string()));
        set("delimiter", self.delimiter.as_deref().map(|text| quoted(&text.replace("\\t", "\t"))));
        set("header", self.no_header.then(|| "false".into()));
        set("format", self.format.and_then(name_of));
        set("bad_rows", self.bad_rows.and_then(name_of));
        sets
    }
}

/// The name of a value as it is typed, in quotes.
fn name_of<T: ValueEnum>(value: T) -> Option<String> {
    Some(quoted(value.to_possible_value()?.get_name()))
}

/// Text as a TOML value.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// How training is done; none of it changes the result.
#[derive(Args, Clone, Copy)]
pub(crate) struct WorkOptions {
    /// Replace a run that is there
    #[arg(long, conflicts_with = "resume")]
    pub(crate) overwrite: bool,
    /// Continue a run that was stopped or killed, bit for bit as if it had not been
    #[arg(long)]
    pub(crate) resume: bool,
    /// Least seconds between checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    pub(crate) checkpoint_every: f64,
}

/// Hands `work` to `does`.
pub(crate) fn with_work<T>(terminal: &Terminal, options: WorkOptions, does: impl FnOnce(&mut Work<'_>) -> T) -> T {
    let mut progress = terminal.progress();
    does(&mut Work {
        progress: &mut progress,
        observer: &mut Watcher::new(terminal),
        stop: &|| terminal.stop(),
        available: available_memory(),
        checkpoint_every: options.checkpoint_every,
        resume: options.resume,
        overwrite: options.overwrite,
    })
}

/// An experiment from a file, or from overrides alone.
pub(crate) fn experiment(file: Option<&PathBuf>, sets: &[String]) -> Result<Experiment, adepts::Error> {
    #[allow(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    let variable = |name: &str| std::env::var(name).ok();
    match file {
        Some(file) => config::open(file, sets, &variable),
        None => Experiment::read("the command line", "", sets, &variable),
    }
}

/// A folder or file as a message names it.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
