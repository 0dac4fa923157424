//! `adepts export-events`: what a server was told, as a log.

use std::io::{BufWriter, stdout};
use std::path::PathBuf;

use adepts::serve::events::{EventsError, export};
use clap::Args;

/// Print the events that a server has stored, as CSV.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts export-events --state state > events.csv
  adepts prepare --input events.csv --user user --item item --time time --out prepared

The columns are user, item, time (seconds since 1970) and id, in order of arrival. A server may keep storing events
meanwhile; all events that it acknowledged before are included.")]
pub(crate) struct Options {
    /// The --state folder of `adepts serve`
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
