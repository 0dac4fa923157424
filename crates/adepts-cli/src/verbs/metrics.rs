//! `adepts metrics`: what can be measured?

use adepts::Error;
use adepts::contract::config::nearest;
use adepts::eval::about::{self, About};
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
        let described = |metric: &'static About| (metric.name, metric.scope.words(), metric.definition);
        let mut all: Vec<_> = about::all().map(described).collect();
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
