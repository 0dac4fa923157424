//! How is it asked for? One file per verb under [`verbs`]: options in, one call of the front hall, tables or JSON out.
//!
//! Results go to stdout, progress and messages to stderr. The exit code is 0 when it went well, 1 when it failed or a
//! condition of `--fail-if` holds, 2 when the request was wrong, 130 and 143 when Ctrl-C or SIGTERM ended it. This crate alone
//! reads the environment and knows of signals: the first one ends long work at its next safe point, a second one at once.

mod encoding;
mod exclude;
mod failure;
mod machine;
mod options;
mod output;
mod progress;
mod runs;
mod signals;
mod verbs;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use adepts::allocator::{MiMalloc, keep_memory};
use clap::Parser;

use crate::options::Cli;
use crate::progress::{Stopped, Terminal};
use crate::signals::Signals;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    keep_memory();
    let cli = Cli::parse();
    let signals = match Signals::register() {
        Ok(signals) => signals,
        Err(error) => return failure::report(&error.into(), None),
    };
    let terminal = Terminal::new(cli.global.quiet, signals);
    // What is unwound by `Stopped` has nothing to report; everything else is a bug and does.
    match catch_unwind(AssertUnwindSafe(|| run(&cli, &terminal))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failure::report(&error, Some(&terminal)),
        Err(payload) if payload.is::<Stopped>() => failure::stopped(&terminal),
        Err(payload) => resume_unwind(payload),
    }
}

fn run(cli: &Cli, terminal: &Terminal) -> anyhow::Result<()> {
    if let Some(threads) = cli.global.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global()?;
    }
    let processors = std::thread::available_parallelism().map_or(usize::MAX, std::num::NonZero::get);
    if let Some(threads) = cli.global.threads.filter(|threads| usize::from(*threads) > processors) {
        terminal
            .note(&format!("--threads {threads} is more than the {processors} processors here, which gains nothing"));
    }
    let done = cli.verb.run(terminal, cli.global.threads);
    terminal.clear();
    done
}
