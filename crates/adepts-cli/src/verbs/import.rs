//! `adepts import`: public data in its official form.

use std::path::PathBuf;

use adepts::Error;
use adepts::data::import;
use clap::{Args, Subcommand};

use crate::output;
use crate::progress::Terminal;

/// Convert public data that you have downloaded to the Parquet files that the experiment files use.
#[derive(Args)]
#[command(after_help = "\
Example:
  adepts import movielens-1m ~/Downloads/ml-1m --out data/ml-1m.parquet
  ADEPTS_DATA=data adepts train experiments/ease-ml-1m.toml")]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// MovieLens-1M: ratings.dat, users.dat and movies.dat of <https://grouplens.org/datasets/movielens/1m/>
    #[command(name = "movielens-1m")]
    MovieLens1M {
        /// The folder of the official files
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The Parquet file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        let What::MovieLens1M { dir, out } = &self.what;
        import::movielens_1m(dir, out, &mut terminal.progress()).map_err(Error::from)?;
        terminal.clear();
        output::text(&out.display().to_string())
    }
}
