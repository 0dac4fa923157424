//! `adepts simulate`: a community whose tastes are known.

use std::path::PathBuf;

use adepts::contract::{ConfigError, config};
use adepts::data::SimulationConfig;
use adepts::data::tabular::{DomainsConfig, simulate_domains};
use adepts::overrides::override_key;
use adepts::page::table::TextTable;
use adepts::{Error, data};
use clap::Args;
use serde::de::DeserializeOwned;

use crate::output;
use crate::progress::Terminal;

/// Simulate the log of a community with mainstream and niche users, whose groups are known.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts simulate --out log.csv
  adepts simulate --tabular --out rows.csv
  adepts simulate --out big.parquet --users 100000 --items 20000 --set interactions=80 --set niches=8

Keys of --set: users, items, interactions, least, spread, popularity, head, topics, topical, niches, niche_users,
niche_items, niche_taste, days, stay, ratings, seed; with --tabular: rows, users, items, domains, fall, lowest_rate,
highest_rate, alike, shared, own, categories, tags, factors, missing, seed. The defaults imitate published statistics of
real logs.")]
pub(crate) struct Options {
    /// The log to write: .csv, .csv.gz or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number of users [default: 2000, with --tabular 5000]
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// Size of the catalogue [default: 1000, with --tabular 2000]
    #[arg(long, value_name = "N")]
    items: Option<usize>,
    /// Random seed [default: 2024]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Override a key of the simulation, such as `niche_users=0.3`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Simulate tabular data of several domains instead, for models such as cesaa
    #[arg(long, alias = "multi-domain")]
    tabular: bool,
    /// Print a summary as JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        if self.tabular {
            return self.domains(terminal);
        }
        let config: SimulationConfig = self.config()?;
        let config = SimulationConfig {
            users: self.users.unwrap_or(config.users),
            items: self.items.unwrap_or(config.items),
            seed: self.seed.unwrap_or(config.seed),
            ..config
        };
        let made = data::simulate(&config, &self.out, &mut terminal.progress()).map_err(Error::from)?;
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

    fn domains(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let config: DomainsConfig = self.config()?;
        let config = DomainsConfig {
            users: self.users.unwrap_or(config.users),
            items: self.items.unwrap_or(config.items),
            seed: self.seed.unwrap_or(config.seed),
            ..config
        };
        let made = simulate_domains(&config, &self.out, &mut terminal.progress()).map_err(Error::from)?;
        terminal.clear();
        if self.json {
            return output::json(&made);
        }
        let mut table = TextTable::new(["domain", "rows", "positive", "effects of its own", "best AUC"]);
        for domain in &made.domains {
            let (positive, own) = (format!("{:.1} %", 100.0 * domain.base_rate), if domain.own { "yes" } else { "no" });
            let best = domain.best_auc.map_or(String::new(), |auc| format!("{auc:.4}"));
            table.row([domain.name.clone(), domain.rows.to_string(), positive, own.to_owned(), best]);
        }
        output::text(&format!("{}\n{} rows: {}", table.render(), made.rows, self.out.display()))
    }

    fn config<C: DeserializeOwned>(&self) -> Result<C, Error> {
        let mut table = toml::Table::new();
        let wrong = |set: &str| {
            let file = format!("--set {set}");
            |source: ConfigError| Error::Config { file, source }
        };
        for set in &self.set {
            override_key(&mut table, set).map_err(wrong(set))?;
        }
        config::read(table).map_err(|source| Error::Config { file: "simulate".into(), source })
    }
}
