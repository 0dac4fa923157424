//! `adepts recommend`: what does a run offer to whom?

use std::path::PathBuf;

use adepts::page::table::TextTable;
use adepts::recommend::{Answer, Recommender};
use adepts::{Error, Run};
use clap::{Args, value_parser};

use crate::output;
use crate::progress::Terminal;

/// Recommend items to a user of the run, for a history, or to everyone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts recommend runs/tall --user u00042
  adepts recommend runs/tall --history 17,42,1024 -n 5 --json
  adepts recommend runs/tall --item 'Paris, Texas' --item 'Big'
  adepts recommend runs/tall --all --out lists.parquet

A known user's history is his training and validation items; test items stay unknown, so that lists can be judged.
Items of the history are never recommended. A gate trained on validation items looks at the user's own, or, without any,
at a fifth of the history. Without a known item in the history the answer is the items that most users have.")]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["user", "history", "item", "all"])))]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// A user of the run, by id
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Items that someone has used, by id, separated by commas
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    history: Option<Vec<String>>,
    /// As --history, one item, whose id may hold commas; may be repeated
    #[arg(long, value_name = "ID")]
    item: Vec<String>,
    /// Every user of the run
    #[arg(long, requires = "out")]
    all: bool,
    /// With --all: the file to write, .parquet (a row per user and rank) or .jsonl (an object per user)
    #[arg(long, value_name = "FILE", requires = "all")]
    out: Option<PathBuf>,
    /// Number of items
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..))]
    number: u32,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        if self.out.is_some() && !self.all {
            return Err(Error::Request("--out goes with --all; a single list is printed".into()).into());
        }
        let number = self.number as usize;
        let run = Run::open(&self.run)?;
        let recommender = Recommender::new(&run);
        if let Some(out) = &self.out {
            let users = recommender.everyone(out, number, &mut terminal.progress())?;
            terminal.clear();
            return output::text(&format!("lists for {users} users: {}", out.display()));
        }
        let answer = match (&self.user, &self.history) {
            (Some(user), _) => recommender.user(user, number)?,
            (None, history) => {
                let listed = history.iter().flatten().map(|id| id.trim()).filter(|id| !id.is_empty());
                let ids: Vec<&str> = listed.chain(self.item.iter().map(String::as_str)).collect();
                recommender.history(&ids, number)
            }
        };
        if self.json { output::json(&answer) } else { output::text(&shown(&answer)) }
    }
}

fn shown(answer: &Answer) -> String {
    let mut table = TextTable::new(["rank", "item", "score"]);
    for (rank, row) in answer.items.iter().enumerate() {
        table.row([(rank + 1).to_string(), row.item.to_string(), format!("{:.4}", row.score)]);
    }
    let quoted: Vec<String> = answer.unknown.iter().map(|id| format!("`{id}`")).collect();
    let unknown = (!quoted.is_empty()).then(|| format!("not in the catalogue: {}", quoted.join(", ")));
    let notes = unknown.into_iter().chain(answer.note.map(str::to_owned)).map(|note| format!("\n{note}"));
    table.render() + &notes.collect::<String>()
}
