//! `adepts doctor`: what does adepts find on this machine?

use adepts::Level;
use adepts::contract::Bytes;
use clap::Args;
use serde_json::json;

use crate::machine::{available_memory, group_memory, processor, total_memory};
use crate::output;

/// Show processor features, threads, memory and how this binary was built.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts doctor
  adepts doctor --threads 2 --json")]
pub(crate) struct Options {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let levels: Vec<&str> = Level::available().into_iter().map(Level::name).collect();
        let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let facts = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            "build": if cfg!(debug_assertions) { "debug (slow; build with --release)" } else { "release" },
            "device": "CPU (burn-flex)",
            "processor": processor(),
            "kernels": Level::best().name(),
            "kernels_available": levels,
            "processors": processors,
            "threads": rayon::current_num_threads(),
            "memory": { "total": total_memory(), "available": available_memory(), "group_limit": group_memory().map(|(_, limit)| limit) },
        });
        if self.json {
            return output::json(&facts);
        }
        let text = |key: &str| facts[key].as_str().unwrap_or("unknown").to_owned();
        let bytes =
            |key: &str| facts["memory"][key].as_u64().map_or("none".to_owned(), |bytes| Bytes(bytes).to_string());
        let lines = [
            ("adepts", format!("{}, {} build, {}", text("version"), text("build"), text("system"))),
            ("device", text("device")),
            ("processor", text("processor")),
            ("kernels", format!("{} (available: {})", text("kernels"), levels.join(", "))),
            ("threads", format!("{} of {processors} processors", rayon::current_num_threads())),
            (
                "memory",
                format!(
                    "{}, {} available, limit of the group: {}",
                    bytes("total"),
                    bytes("available"),
                    bytes("group_limit")
                ),
            ),
        ];
        output::text(&lines.map(|(name, value)| format!("{name:<12}{value}\n")).concat())
    }
}
