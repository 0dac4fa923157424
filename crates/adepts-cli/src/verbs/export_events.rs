//! `adepts export-events`: what a server was told, as a log.

use std::io::{BufWriter, stdout};
use std::path::PathBuf;

use adepts::serve::events::{EventsError, export};
use clap::Args;

/// Print the events that a server keeps as CSV.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts export-events --state state > events.csv
  adepts prepare --input events.csv --user user --item item --time time --out prepared

The columns are user, item, time (seconds since 1970) and id, in the order in which the events came. A server may go on
keeping events meanwhile; those that it acknowledged before are in the log.")]
pub(crate) struct Options {
    /// The folder that `adepts serve` was given
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match export(&self.state, BufWriter::new(stdout().lock())) {
            Err(EventsError::Write(error)) => Err(error.into()),
            done => Ok(done.map(drop)?),
        }
    }
}
