//! `adepts serve`: answers over HTTP.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use adepts::answers;
use adepts::answers::Excluding;
use adepts::serve::{Limits, Server, Settings, Tokens};
use clap::{Args, value_parser};

use crate::exclude::ExcludeName;
use crate::options::Encoding;
use crate::output;
use crate::progress::Terminal;
use crate::verbs::finalize::hint;

/// Serve recommendations over HTTP, and store the events that users send.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts serve runs/tall --state state
  adepts serve runs/tall --state state --listen 0.0.0.0:8080 --tokens tokens.txt
  curl -s 127.0.0.1:8080/v1/recommend -H 'content-type: application/json' -d '{\"history\": [17, 42], \"n\": 5}'

http://127.0.0.1:8080/ is a page for people, /openapi.json describes the API; see docs/serving.md. The first Ctrl-C or
SIGTERM finishes the accepted requests. `adepts export-events` turns the stored events into a log.

Each line of the token file is a role and a token: `write TOKEN` may send events, `admin TOKEN` may also load another
model. Without the file the server listens on this machine only, and every local client may do both.")]
pub(crate) struct Options {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The folder for events; created if it does not exist
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A file of tokens that allow writing and administration
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Which items of the user to leave out, unless the request says so; for history models and retrieval
    #[arg(long, value_enum, value_name = "WHAT", default_value = "seen")]
    exclude: ExcludeName,
    /// More items that users have seen: a file with a column of users and one of items, read again at each reload
    #[arg(long, value_name = "FILE")]
    seen: Option<String>,
    /// Encoding of the file of --seen, where it is text
    #[arg(long, value_enum, value_name = "ENCODING", requires = "seen", default_value = "auto")]
    encoding: Encoding,
    #[command(flatten)]
    limits: LimitOptions,
}

/// How much the server takes on.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
struct LimitOptions {
    /// Maximum number of waiting questions; more are refused with 429
    #[arg(long, value_name = "N", default_value_t = Limits::default().queue, value_parser = count())]
    queue: usize,
    /// Maximum number of questions in one batch
    #[arg(long, value_name = "N", default_value_t = Limits::default().batch, value_parser = count())]
    batch: usize,
    /// Maximum number of connections; more wait to be accepted
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = count())]
    connections: usize,
    /// Maximum size of a request body in kilobytes
    #[arg(long, value_name = "KB", default_value_t = Limits::default().body >> 10, value_parser = count())]
    body: usize,
    /// Timeout of a request, and of an idle connection, in seconds
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = value_parser!(u16).range(1..=3600))]
    timeout: u16,
}

fn count() -> impl clap::builder::IntoResettable<clap::builder::ValueParser> {
    |text: &str| match text.parse::<usize>() {
        Ok(count @ 1..=1_000_000) => Ok(count),
        _ => Err("expected a number from 1 to 1000000".to_owned()),
    }
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal, threads: Option<u16>) -> anyhow::Result<()> {
        terminal.signals().heed();
        let LimitOptions { queue, batch, connections, body, timeout } = self.limits;
        let timeout = Duration::from_secs(timeout.into());
        let limits = Limits { queue, batch, connections, body: body << 10, timeout, ..Limits::default() };
        let tokens = self.tokens.as_deref().map(Tokens::read).transpose()?;
        let quiet = terminal.is_quiet();
        let note = move |text: &str| {
            if !quiet {
                crate::progress::line(text);
            }
        };
        let settings = Settings {
            run: self.run.clone(),
            listen: self.listen,
            state: self.state.clone(),
            tokens,
            limits,
            threads: threads.and_then(NonZeroU16::new).map_or(2, |threads| usize::from(threads.get()).min(8)),
            clock: Box::new(now),
            note: Box::new(note),
        };
        let encoding = self.encoding.of_data();
        let excluding = Excluding { exclude: self.exclude.of(), seen: self.seen.clone(), encoding };
        let server = Server::open(settings, answers::opener(excluding, note))?;
        hint(&self.run, terminal);
        terminal.clear();
        output::text(&format!("listening at http://{}", server.address()))?;
        Ok(server.run(|| terminal.stop())?)
    }
}

/// The moment, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the time of an event that brings none, which decides nothing")]
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
