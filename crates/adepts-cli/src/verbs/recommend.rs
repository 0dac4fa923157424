//! `adepts recommend`: what does a run offer to whom?

use std::path::{Path, PathBuf};

use adepts::answers::Excluding;
use adepts::data::{Id, counted};
use adepts::serve::batch::{Done, Job, PART, Skipped, TableFile, Whom};
use adepts::serve::{AnswerError, Answerer, Exclude, HistoryAnswerer, NothingKnown, Question};
use adepts::{Artefact, Error, tabular};
use clap::{Args, ValueEnum, value_parser};

use crate::exclude::ExcludeName;
use crate::options::{BadRows, Encoding};
use crate::output::{self, lists};
use crate::progress::Terminal;
use crate::signals::{Again, typed};
use crate::verbs::finalize::hint;

/// Recommend items to a user of the run, for a history, for the rows of a file, or to everyone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts recommend runs/tall --user u00042
  adepts recommend runs/tall --history 17,42,1024 -n 5 --explain
  adepts recommend runs/tall --item 'Paris, Texas' --item 'Big' --json
  adepts recommend runs/tall --all --out lists.parquet                        or .csv
  adepts recommend runs/tall --all --seen purchases-of-today.csv --out lists.parquet
  adepts recommend runs/tall --users users.csv --out lists.parquet            a column of users
  adepts recommend runs/tall --users baskets.jsonl --out lists.jsonl          {\"history\": [17, 42]} a line
  adepts recommend runs/tall --users baskets.csv --separator ' ' --out lists.parquet --resume

A known user gets no item that the user has in the log: no training or validation item, no test item, and no item of
filtered rows (low ratings, --seen-events). `--exclude learned` allows test items and filtered rows, to evaluate the lists
elsewhere; `--exclude none` allows everything. `--seen FILE` adds pairs of user and item, such as recent purchases.

A given history needs no training. Unknown items are counted and named; a history without any known item gets the most
popular items, and the output says so. Unknown users get no list. With `--fallback popular` they get the most popular
items too; with `--fallback error` neither gets a list.

--users reads CSV, JSON lines or Parquet (or a folder of them) as a stream: a column of users, or a column of
histories (a list, or text with --separator between the ids); a column of users is then only a label. The output has
a row per user and rank (.parquet, .csv) or an object per row (.jsonl). The column popular, or the key fallback, marks
lists of the most popular items. --resume continues stopped work.")]
#[command(
    override_usage = "adepts recommend [OPTIONS] <RUN> <--user <ID>|--history <ID,…>|--item <ID>|--all|--users <FILE>>"
)]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["user", "history", "item", "all", "users"])))]
#[command(group(clap::ArgGroup::new("many").args(["all", "users"])))]
#[command(group(clap::ArgGroup::new("files").args(["users", "seen"]).multiple(true)))]
#[expect(clippy::struct_excessive_bools, reason = "options are independent switches")]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// A user of the run, by id
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: Option<String>,
    /// Items that someone has used, by id, separated by commas, the latest last
    #[arg(long, value_name = "ID,…", value_delimiter = ',', allow_hyphen_values = true)]
    history: Option<Vec<String>>,
    /// As --history, one item, whose id may hold commas; may be repeated
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    item: Vec<String>,
    /// Every user of the run
    #[arg(long, requires = "out")]
    all: bool,
    /// The users or histories in this file, glob or folder, or - for stdin
    #[arg(long, value_name = "FILE", requires = "out")]
    users: Option<String>,
    /// With --users: the column of users, by name or position [default: as it is usually called]
    #[arg(long, value_name = "COLUMN", requires = "users")]
    user_column: Option<String>,
    /// With --users: the column of histories, by name or position [default: history or items]
    #[arg(long, value_name = "COLUMN", requires = "users")]
    history_column: Option<String>,
    /// With --users: separator between the ids of a history that is text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "users", default_value = "|")]
    separator: String,
    /// With --users: what to do with rows that cannot be read: stop with an error, or count and skip them
    #[arg(long, value_enum, value_name = "WHAT", requires = "users", default_value = "fail")]
    bad_rows: BadRows,
    /// Encoding of the text files of --users and --seen
    #[arg(long, value_enum, value_name = "ENCODING", requires = "files", default_value = "auto")]
    encoding: Encoding,
    /// With --all or --users: the file to write, .parquet, .csv or .jsonl
    #[arg(long, value_name = "FILE", requires = "many")]
    out: Option<PathBuf>,
    /// Continue lists that were stopped
    #[arg(long, requires = "out")]
    resume: bool,
    /// Overwrite the file of --out
    #[arg(long, requires = "out", conflicts_with = "resume")]
    overwrite: bool,
    /// Number of items
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..))]
    number: u32,
    /// Which items of the user to leave out [default: seen]
    #[arg(long, value_enum, value_name = "WHAT")]
    exclude: Option<ExcludeName>,
    /// As --exclude none
    #[arg(long, conflicts_with = "exclude")]
    include_used: bool,
    /// More items that users have seen: a file with a column of users and one of items
    #[arg(long, value_name = "FILE")]
    seen: Option<String>,
    /// Answer for unknown users and for histories without a known item [default: error for users, popular for histories]
    #[arg(long, value_enum, value_name = "WHAT")]
    fallback: Option<FallbackName>,
    /// Recommend only these items
    #[arg(long, value_name = "ID,…", value_delimiter = ',', allow_hyphen_values = true)]
    allow: Option<Vec<String>>,
    /// Do not recommend these items
    #[arg(long, value_name = "ID,…", value_delimiter = ',', allow_hyphen_values = true)]
    deny: Vec<String>,
    /// Explain: the items of the history that contributed most to each item, the shares of the experts, and the user's group
    #[arg(long)]
    explain: bool,
    /// Print as JSON
    #[arg(long, conflicts_with = "many")]
    json: bool,
}

/// Answer for unknown users and for histories without a known item.
#[derive(Clone, Copy, ValueEnum)]
enum FallbackName {
    /// The items that most users have
    Popular,
    /// No list
    Error,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        self.check_family()?;
        let exclude = self.exclude();
        if self.seen.is_some() && exclude != Exclude::Seen {
            let wrong = "--seen adds to what is left out as seen; leave out --include-used and --exclude, or --seen";
            return Err(Error::Request(wrong.into()).into());
        }
        let excluding = Excluding { exclude, seen: self.seen.clone(), encoding: self.encoding.of_data() };
        let answerer = Artefact::open(&self.run)?.answerer_excluding(&excluding, &mut terminal.progress())?;
        terminal.clear();
        seen_note(&answerer, terminal);
        let items = answerer.parts().catalogue.ids.len();
        hint(&self.run, terminal);
        if let Some(out) = &self.out {
            terminal.go_on_with(again(out));
            let whom = self.users.as_ref().map_or(Whom::Everyone, |source| Whom::Table(self.table(source)));
            let job = Job { out, resume: self.resume, overwrite: self.overwrite, part: PART };
            let done = answerer.batch(&whom, &self.question(items, None, None), job, &mut terminal.progress());
            let done = done.map_err(Error::from)?;
            terminal.clear();
            notes(&done, terminal);
            return output::text(&format!("{}: {}", told(&done, self.fallback), out.display()));
        }
        let history = self.user.is_none().then(|| {
            let listed = self.history.iter().flatten().map(|id| id.trim()).filter(|id| !id.is_empty());
            listed.chain(self.item.iter().map(String::as_str)).map(id).collect()
        });
        let question = self.question(items, self.user.as_deref().map(id), history);
        let answer = answerer.answer(&[question.into()]).remove(0).map_err(|error| hinted(error, &answerer))?;
        if self.json { output::json(&answer) } else { output::text(&lists::shown(&answer, output::width())) }
    }

    fn exclude(&self) -> Exclude {
        if self.include_used { Exclude::None } else { self.exclude.map(ExcludeName::of).unwrap_or_default() }
    }

    /// `items` are in the catalogue, and no list is longer.
    fn question(&self, items: usize, user: Option<Id>, history: Option<Vec<Id>>) -> Question {
        Question {
            user,
            history,
            n: (self.number as usize).min(items.max(1)),
            exclude: Some(self.exclude()),
            fallback: self.fallback.map(|name| match name {
                FallbackName::Popular => NothingKnown::Popular,
                FallbackName::Error => NothingKnown::Error,
            }),
            exclude_used: None,
            allow: self.allow.as_ref().map(|ids| ids.iter().map(|text| id(text)).collect()),
            deny: self.deny.iter().map(|text| id(text)).collect(),
            explain: self.explain,
        }
    }

    fn table(&self, source: &str) -> TableFile {
        let (user, history) = (self.user_column.clone(), self.history_column.clone());
        let bad_rows = self.bad_rows.of_data();
        let (separator, encoding) = (self.separator.clone(), self.encoding.of_data());
        TableFile { source: source.to_owned(), user, history, separator, bad_rows, encoding }
    }

    /// Points a tabular run to where it belongs.
    fn check_family(&self) -> Result<(), Error> {
        if tabular::run::manifest(&self.run).is_err() {
            return Ok(());
        }
        let (folder, retrieval) = (self.run.display(), tabular::run::experiment(&self.run)?.retrieval.is_some());
        let (what, top) = if retrieval {
            ("finds the items for the rows of a file", " --top 10")
        } else {
            ("gives the rows of a file their probabilities", "")
        };
        Err(Error::Request(format!(
            "{folder} is a run of a tabular model, which knows no histories; `adepts predict {folder} FILE{top}` {what}"
        )))
    }
}

/// What goes on with lists that were interrupted: the same command with `--resume`.
fn again(out: &Path) -> Again {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words = words.filter(|word| !["--resume", "--overwrite"].contains(&word.as_str()));
    let command =
        typed(std::iter::once("adepts".to_owned()).chain(words).chain(std::iter::once("--resume".to_owned())));
    let mut parts = out.as_os_str().to_owned();
    parts.push(".parts");
    Again { once: parts.into(), verb: "continue with", command }
}

fn id(text: &str) -> Id {
    Id::Text(text.trim().into())
}

/// An error in the words of this verb, with an id as they look.
fn hinted(error: AnswerError, answerer: &HistoryAnswerer) -> Error {
    let example = answerer.parts().histories.as_ref().map(|histories| histories.users.id(0));
    match (error, example) {
        (AnswerError::UnknownUser { user, users }, Some(example)) => Error::Request(format!(
            "there is no user `{user}` among the {users} users of the run (one is `{example}`); for someone new, give --history, or --fallback popular for what most users have"
        )),
        (AnswerError::NothingKnown, _) => {
            Error::Request("the history holds no known item, and --fallback error asks for no list in its place".into())
        }
        (error, _) => error.into(),
    }
}

/// What of --seen is known, if it was given.
fn seen_note(answerer: &HistoryAnswerer, terminal: &Terminal) {
    let Some(seen) = &answerer.parts().seen else { return };
    terminal.note(&seen.summary(answerer.parts().histories.as_ref().map(|histories| &histories.users)));
}

/// What was wrong with a table, or seems to be.
fn notes(done: &Done, terminal: &Terminal) {
    let Skipped { rows, first } = &done.skipped;
    if *rows > 0 {
        terminal.note(&format!("{} could not be read and {}, such as", counted(*rows, "row"), output::skipped(*rows)));
        for message in first {
            terminal.note(&format!("  {message}"));
        }
    }
    if let Some(separator) = &done.separator {
        // A tab that is copied from a terminal is spaces.
        let typed = if separator == "\t" { r"$'\t'".to_owned() } else { format!("'{separator}'") };
        terminal.note(&format!(
            "no item of any history is known, but the histories contain {typed}: with --separator {typed} some items are known"
        ));
    }
}

/// What a batch did, in words.
fn told(done: &Done, fallback: Option<FallbackName>) -> String {
    let mut parts = vec![format!("lists for {} of {}", done.answered, counted(done.rows, "user"))];
    if done.popular > 0 {
        parts.push(format!("{} without a known item got what most users have", done.popular));
    }
    if done.refused > 0 {
        parts.push(format!("{} without a known item got none", done.refused));
    }
    if !done.unknown_users.is_empty() {
        let hint = if fallback.is_none() { "; --fallback popular gives them what most users have" } else { "" };
        parts.push(format!("{}{hint}", done.unknown_users.named("unknown user")));
    }
    if !done.unknown_items.is_empty() {
        parts.push(done.unknown_items.named("unknown item"));
    }
    parts.join("; ")
}
