//! The verbs.

mod evaluate;
mod train;

use clap::Subcommand;

use crate::progress::Terminal;

/// What can be asked for.
#[derive(Subcommand)]
pub(crate) enum Verb {
    Train(train::Options),
    Evaluate(evaluate::Options),
}

impl Verb {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        match self {
            Self::Train(options) => options.run(terminal),
            Self::Evaluate(options) => options.run(terminal),
        }
    }
}
