//! `adepts simulate`: a community whose tastes are known.

use std::path::PathBuf;

use adepts::Error;
use adepts::config::override_key;
use adepts::contract::{ConfigError, config};
use adepts::data::{self, SimulationConfig};
use adepts::page::table::TextTable;
use clap::Args;

use crate::output;
use crate::progress::Terminal;

/// Simulate the log of a community with mainstream and niche tastes of known membership.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts simulate --out log.csv
  adepts simulate --out big.parquet --users 100000 --items 20000 --set interactions=80 --set niches=8

Keys of --set: users, items, interactions, least, spread, popularity, head, topics, topical, niches, niche_users,
niche_items, niche_taste, days, stay, ratings, seed. The defaults imitate published statistics of real logs.")]
pub(crate) struct Options {
    /// The log to write: .csv, .csv.gz or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number of users [default: 2000]
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// Size of the catalogue [default: 1000]
    #[arg(long, value_name = "N")]
    items: Option<usize>,
    /// Seed of every draw [default: 2024]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Override a key of the simulation, such as `niche_users=0.3`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let made = data::simulate(&self.config()?, &self.out, &mut terminal.progress()).map_err(Error::from)?;
        terminal.clear();
        if self.json {
            return output::json(&made);
        }
        let mut table = TextTable::new(["community", "users", "interactions"]);
        for community in &made.communities {
            table.row([community.name.clone(), community.users.to_string(), community.rows.to_string()]);
        }
        table.row(["all".to_owned(), made.users.to_string(), made.rows.to_string()]);
        output::text(&format!("{}\n{} items; log: {}", table.render(), made.items, self.out.display()))
    }

    fn config(&self) -> Result<SimulationConfig, Error> {
        let mut table = toml::Table::new();
        let wrong = |set: &str| {
            let file = format!("--set {set}");
            |source: ConfigError| Error::Config { file, source }
        };
        for set in &self.set {
            override_key(&mut table, set).map_err(wrong(set))?;
        }
        let mut config: SimulationConfig =
            config::read(table).map_err(|source| Error::Config { file: "simulate".into(), source })?;
        config.users = self.users.unwrap_or(config.users);
        config.items = self.items.unwrap_or(config.items);
        config.seed = self.seed.unwrap_or(config.seed);
        Ok(config)
    }
}
