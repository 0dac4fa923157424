//! How is it asked for? One file per verb under [`verbs`]: options in, one call of the front hall, tables or JSON out.
//!
//! Results go to stdout, progress and messages to stderr. The exit code is 0 when it went well, 1 when it failed or a
//! condition of `--fail-if` holds, 2 when the request was wrong. This crate alone reads the environment and knows of
//! signals: the first Ctrl-C or SIGTERM ends the work at the next safe point, a second one at once.

mod exclude;
mod failure;
mod machine;
mod options;
mod output;
mod progress;
mod verbs;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use adepts::allocator::{MiMalloc, keep_memory};
use clap::Parser;

use crate::options::Cli;
use crate::progress::{Stopped, Terminal};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    keep_memory();
    let cli = Cli::parse();
    // What is unwound by `Stopped` has nothing to report; everything else is a bug and does.
    match catch_unwind(AssertUnwindSafe(|| run(&cli))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failure::report(&error),
        Err(payload) if payload.is::<Stopped>() => failure::stopped(),
        Err(payload) => resume_unwind(payload),
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    if let Some(threads) = cli.global.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global()?;
    }
    let terminal = Terminal::new(cli.global.quiet, stop);
    let processors = std::thread::available_parallelism().map_or(usize::MAX, std::num::NonZero::get);
    if let Some(threads) = cli.global.threads.filter(|threads| usize::from(*threads) > processors) {
        terminal
            .note(&format!("--threads {threads} is more than the {processors} processors here, which gains nothing"));
    }
    let done = cli.verb.run(&terminal, cli.global.threads);
    terminal.clear();
    done
}
