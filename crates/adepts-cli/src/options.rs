//! Options that verbs share.

use std::path::PathBuf;
use std::str::FromStr;

use adepts::any::AnyExperiment;
use adepts::contract::Probe;
use adepts::history::request::ProbeChoice;
use adepts::work::Work;
use adepts::{Error, HistoryExperiment, data};
use clap::{Args, Parser, ValueEnum, value_parser};

pub(crate) use crate::encoding::Encoding;
use crate::machine::available_memory;
use crate::progress::{Terminal, Watcher};
use crate::verbs::Verb;

mod split;

pub(crate) use split::SplitOptions;

/// From a raw interaction log to a trained mixture of experts, and an honest report of who is served well.
#[derive(Parser)]
#[command(
    name = "adepts",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
First steps:
  adepts quickstart                                   simulated data, four models, one report
  adepts inspect log.csv                              what is in your own log
  adepts prepare --input log.csv --user customer --item sku --out prepared
  adepts train --model tall --data prepared --out runs/tall
  adepts finalize runs/tall --out runs/prod           the model to use, trained on all data
  adepts recommend runs/prod --history 17,42

Exit codes: 0 success, 1 failure (or a --fail-if condition holds), 2 wrong usage, 130 ended by Ctrl-C, 143 by SIGTERM."
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
    #[arg(long, global = true, value_name = "N", help_heading = "Everywhere", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Print no progress on stderr
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
}

/// How a log is laid out.
#[derive(Args)]
#[command(next_help_heading = "Layout of the log")]
pub(crate) struct LayoutOptions {
    /// Column of the user's id: its name, or its position from 1 where there is no header
    #[arg(long, value_name = "COLUMN")]
    user: Option<String>,
    /// Column of the item's id
    #[arg(long, value_name = "COLUMN")]
    item: Option<String>,
    /// Column of the rating
    #[arg(long, value_name = "COLUMN")]
    rating: Option<String>,
    /// Column of the kind of event
    #[arg(long, value_name = "COLUMN")]
    event: Option<String>,
    /// Column of the time
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Delimiter of a text file; `whitespace` for one or more blanks [default: detected from the file's name and first lines]
    #[arg(long, value_name = "TEXT")]
    delimiter: Option<String>,
    /// The text file has no header line [default: detected from its first lines]
    #[arg(long)]
    no_header: bool,
    /// Format of the files [default: detected from their content]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Encoding of text files [default: UTF-8, or UTF-16 where the first bytes say so]
    #[arg(long, value_enum, value_name = "ENCODING")]
    encoding: Option<Encoding>,
}

/// How a log is laid out, and what is kept of it.
#[derive(Args)]
pub(crate) struct LogOptions {
    #[command(flatten)]
    layout: LayoutOptions,
    #[command(flatten)]
    kept: KeptOptions,
}

/// What is kept of a log.
#[derive(Args)]
#[command(next_help_heading = "What is kept of the log")]
struct KeptOptions {
    /// Keep only rows with at least this rating
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    min_rating: Option<f64>,
    /// Keep only these kinds of event, separated by commas
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', allow_hyphen_values = true)]
    events: Vec<String>,
    /// Kinds of event that are not learned from but count as seen, so their items are not recommended; needs --events
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    seen_events: Vec<String>,
    /// Keep only rows at or after this moment (2024-03-01, or seconds since 1970)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Keep only rows before this moment
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// What to do with rows that cannot be read: stop with an error, or count and skip them [default: fail]
    #[arg(long, value_enum, value_name = "WHAT")]
    bad_rows: Option<BadRows>,
    /// k-core filter: keep only users and items with at least N interactions, repeated until nothing changes
    #[arg(long, value_name = "N")]
    core: Option<usize>,

    /// Column with a group of users to report on, one value per user; may be repeated
    #[arg(long, value_name = "COLUMN")]
    group: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FileFormat {
    Csv,
    Jsonl,
    Parquet,
}

/// What happens to rows that cannot be read.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum BadRows {
    Fail,
    Skip,
}

impl BadRows {
    pub(crate) fn of_data(self) -> data::BadRows {
        match self {
            Self::Fail => data::BadRows::Fail,
            Self::Skip => data::BadRows::Skip,
        }
    }
}

impl LayoutOptions {
    /// A column as the value of a key.
    fn column(&self, name: &str) -> String {
        match name.parse::<usize>() {
            Ok(position) if self.no_header => position.to_string(),
            _ => quoted(name),
        }
    }

    /// As overrides of an experiment's keys.
    pub(crate) fn sets(&self) -> Vec<String> {
        let column = |name: &Option<String>| name.as_ref().map(|name| self.column(name));
        keyed([
            ("user", column(&self.user)),
            ("item", column(&self.item)),
            ("rating", column(&self.rating)),
            ("event", column(&self.event)),
            ("time", column(&self.time)),
            ("delimiter", self.delimiter.as_deref().map(|text| quoted(&text.replace("\\t", "\t")))),
            ("header", self.no_header.then(|| "false".into())),
            ("format", self.format.and_then(name_of)),
            ("encoding", self.encoding.and_then(name_of)),
        ])
    }
}

impl LogOptions {
    /// Refuses what is said of a log of users' histories where tabular data is meant.
    pub(crate) fn refuse_for_tabular(&self) -> Result<(), Error> {
        let Self { layout, kept } = self;
        let asked = [
            ("--item", layout.item.is_some()),
            ("--rating", layout.rating.is_some()),
            ("--event", layout.event.is_some()),
            ("--min-rating", kept.min_rating.is_some()),
            ("--events", !kept.events.is_empty()),
            ("--seen-events", !kept.seen_events.is_empty()),
            ("--from", kept.from.is_some()),
            ("--until", kept.until.is_some()),
            ("--core", kept.core.is_some()),
            ("--group", !kept.group.is_empty()),
        ];
        let Some((option, _)) = asked.iter().find(|(_, asked)| *asked) else { return Ok(()) };
        Err(Error::Request(format!(
            "{option} is for logs of users' histories, and this is a tabular model. {EXAMPLES}"
        )))
    }

    /// As overrides of an experiment's keys.
    pub(crate) fn sets(&self) -> Vec<String> {
        let Self { layout, kept } = self;
        let moment = |text: &String| text.parse::<i64>().map_or_else(|_| quoted(text), |seconds| seconds.to_string());
        let list = |values: Vec<String>| (!values.is_empty()).then(|| format!("[{}]", values.join(", ")));
        let mut sets = layout.sets();
        sets.extend(keyed([
            ("filter.min_rating", kept.min_rating.map(|x| format!("{x:?}"))),
            ("filter.events", list(kept.events.iter().map(|event| quoted(event)).collect())),
            ("filter.seen_events", list(kept.seen_events.iter().map(|event| quoted(event)).collect())),
            ("filter.from", kept.from.as_ref().map(moment)),
            ("filter.until", kept.until.as_ref().map(moment)),
            ("filter.core", kept.core.map(|n| n.to_string())),
            ("bad_rows", kept.bad_rows.and_then(name_of)),
            ("groups", list(kept.group.iter().map(|name| layout.column(name)).collect())),
        ]));
        sets
    }
}

/// The keys of `[data]` that have a value.
fn keyed<const N: usize>(values: [(&str, Option<String>); N]) -> Vec<String> {
    values.into_iter().filter_map(|(key, value)| Some(format!("data.{key}={}", value?))).collect()
}

/// The name of a value as it is typed, in quotes.
fn name_of<T: ValueEnum + Copy>(value: T) -> Option<String> {
    Some(quoted(value.to_possible_value()?.get_name()))
}

/// Text as a TOML value.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// How training is done; none of it changes the result.
#[derive(Args, Clone, Copy)]
pub(crate) struct WorkOptions {
    /// Overwrite an existing run
    #[arg(long, conflicts_with = "resume")]
    pub(crate) overwrite: bool,
    /// Continue a stopped or killed run, with the same result bit for bit; its folder has all settings
    #[arg(long)]
    pub(crate) resume: bool,
    /// Minimum seconds between checkpoints
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

/// Where the columns of tabular data are said.
pub(crate) const EXAMPLES: &str = "What the columns of tabular data mean is said in [data] of an experiment file: \
    `adepts inspect FILE --tabular` proposes one";

/// What the options say of a log, as an experiment that only reads it.
pub(crate) fn experiment(sets: &[String]) -> Result<HistoryExperiment, Error> {
    HistoryExperiment::read("the command line", "", sets, &|_| None)
}

/// An experiment from a file, or from overrides alone.
pub(crate) fn planned(file: Option<&PathBuf>, sets: &[String]) -> Result<AnyExperiment, Error> {
    #[allow(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    let variable = |name: &str| std::env::var(name).ok();
    match file {
        Some(file) => AnyExperiment::open(file, sets, &variable),
        None => AnyExperiment::read("the command line", "", sets, &variable),
    }
}

/// As [`planned`], with what the options say of a log, which must be of the family that the model is of.
pub(crate) fn planned_on(file: Option<&PathBuf>, sets: &[String], log: &LogOptions) -> Result<AnyExperiment, Error> {
    let all: Vec<String> = sets.iter().cloned().chain(log.sets()).collect();
    let planned = planned(file, &all);
    // What is said of a log may be what is wrong; then the model alone says of which family it is.
    if !matches!(planned, Ok(AnyExperiment::History(_)))
        && matches!(self::planned(file, sets), Ok(AnyExperiment::Tabular(_)))
    {
        log.refuse_for_tabular()?;
    }
    planned
}

/// What a gate may be made to look at.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ProbeName {
    /// The validation items
    Validation,
    /// A fifth of the history
    History,
    /// Nothing: the experts are mixed equally
    None,
}

impl ProbeName {
    pub(crate) fn choice(self) -> ProbeChoice {
        match self {
            Self::Validation => ProbeChoice::At(Probe::Validation),
            Self::History => ProbeChoice::At(Probe::History),
            Self::None => ProbeChoice::Nothing,
        }
    }
}

/// Values that are typed as text.
pub(crate) fn parsed<T: FromStr>(texts: &[String]) -> Result<Vec<T>, Error>
where
    Error: From<T::Err>,
{
    texts.iter().map(|text| text.parse().map_err(Error::from)).collect()
}
