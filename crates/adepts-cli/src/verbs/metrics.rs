//! `adepts metrics`: what can be measured?

use adepts::Error;
use adepts::contract::config::nearest;
use adepts::eval::{LIST_METRICS, METRICS, ROW_METRICS};
use clap::Args;
use serde_json::json;

use crate::output;

/// List the metrics with their definitions, or define one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts metrics
  adepts metrics ndcg

Options and experiment files write a ranking metric with its cut-off: ndcg@20.")]
pub(crate) struct Options {
    /// The metric to define
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let of_users = METRICS.iter().map(|metric| (metric.name, "of each user's list", metric.definition));
        let of_lists = LIST_METRICS.iter().map(|metric| (metric.name, "of all lists together", metric.definition));
        let of_rows = ROW_METRICS.iter().map(|metric| (metric.name, "of tabular data", metric.definition));
        let mut all: Vec<_> = of_users.chain(of_lists).chain(of_rows).collect();
        if let Some(asked) = &self.name {
            let name = asked.split_once('@').map_or(asked.as_str(), |(name, _)| name);
            let known: Vec<&str> = all.iter().map(|(name, ..)| *name).collect();
            all.retain(|(known, ..)| *known == name);
            if all.is_empty() {
                let near = nearest(name, known.iter().copied());
                let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
                let wrong = format!("there is no metric `{name}`{near}; there are {}", known.join(", "));
                return Err(Error::Request(wrong).into());
            }
        }
        if self.json {
            let object = |(name, of, definition)| json!({"name": name, "of": of, "definition": definition});
            return output::json(&all.into_iter().map(object).collect::<Vec<_>>());
        }
        let line = |(name, of, definition): (&str, &str, &str)| format!("{name:<12} ({of}) {definition}\n");
        output::text(&all.into_iter().map(line).collect::<String>())
    }
}
