//! The verbs: options in, one call of the front hall, tables or JSON out.

mod compare;
mod doctor;
mod evaluate;
mod export_events;
mod finalize;
mod import;
mod inspect;
mod metrics;
mod models;
mod predict;
mod prepare;
mod quickstart;
mod recommend;
mod report;
mod serve;
mod simulate;
mod titles;
mod train;

use clap::Subcommand;

use crate::progress::Terminal;

/// What can be asked for.
#[derive(Subcommand)]
pub(crate) enum Verb {
    Quickstart(quickstart::Options),
    Inspect(inspect::Options),
    Simulate(simulate::Options),
    Import(import::Options),
    Prepare(Box<prepare::Options>),
    Train(Box<train::Options>),
    Evaluate(evaluate::Options),
    Compare(compare::Options),
    Report(report::Options),
    Finalize(finalize::Options),
    Recommend(Box<recommend::Options>),
    Serve(serve::Options),
    ExportEvents(export_events::Options),
    Titles(titles::Options),
    Predict(predict::Options),
    Models(models::Options),
    Metrics(metrics::Options),
    Doctor(doctor::Options),
}

impl Verb {
    /// `threads` is the option of that name.
    pub(crate) fn run(&self, terminal: &Terminal, threads: Option<u16>) -> anyhow::Result<()> {
        if let Self::Serve(_) = self {
            // It waits for others most of the time.
            return self.compute(terminal, threads);
        }
        // On a thread of the pool: thousands of small pieces of work are not handed over from a thread outside it, which
        // would have to sleep and be woken for each.
        rayon::scope(|_| self.compute(terminal, threads))
    }

    fn compute(&self, terminal: &Terminal, threads: Option<u16>) -> anyhow::Result<()> {
        match self {
            Self::Quickstart(options) => options.run(terminal),
            Self::Inspect(options) => options.run(),
            Self::Simulate(options) => options.run(terminal),
            Self::Import(options) => options.run(terminal),
            Self::Prepare(options) => options.run(terminal),
            Self::Train(options) => options.run(terminal),
            Self::Evaluate(options) => options.run(terminal),
            Self::Compare(options) => options.run(),
            Self::Report(options) => options.run(),
            Self::Finalize(options) => options.run(terminal),
            Self::Recommend(options) => options.run(terminal),
            Self::Serve(options) => options.run(terminal, threads),
            Self::ExportEvents(options) => options.run(),
            Self::Titles(options) => options.run(terminal),
            Self::Predict(options) => options.run(terminal),
            Self::Models(options) => options.run(),
            Self::Metrics(options) => options.run(),
            Self::Doctor(options) => options.run(),
        }
    }
}
