//! `adepts models`: which models are there?

use adepts::{Error, models};
use clap::Args;
use serde_json::json;

use crate::output;

/// List the models, or describe one with its settings.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts models
  adepts models tall")]
pub(crate) struct Options {
    /// The model to describe
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let Some(name) = &self.name else {
            if self.json {
                let all = models::MODELS
                    .iter()
                    .map(|spec| json!({"name": spec.name, "summary": spec.summary, "paper": spec.paper}));
                return output::json(&all.collect::<Vec<_>>());
            }
            let lines = models::MODELS.iter().map(|spec| format!("{:<12}{}\n", spec.name, spec.summary));
            return output::text(
                &(lines.collect::<String>() + "\n`adepts models NAME` describes one with its settings."),
            );
        };
        let spec = models::find(name).ok_or_else(|| {
            let near = models::nearest(name).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
            let names: Vec<_> = models::MODELS.iter().map(|spec| spec.name).collect();
            Error::Request(format!("there is no model `{name}`{near}; there are {}", names.join(", ")))
        })?;
        let settings = settings(spec.example);
        if self.json {
            let (name, summary, paper) = (spec.name, spec.summary, spec.paper);
            return output::json(&json!({"name": name, "summary": summary, "paper": paper, "settings": settings}));
        }
        output::text(&format!(
            "{}: {}\n\n{}\n\nIts settings with their defaults:\n\n{settings}",
            spec.name, spec.summary, spec.paper
        ))
    }
}

/// The example as it stands in an experiment file: tables below `[model]`.
fn settings(example: &str) -> String {
    let line =
        |line: &str| line.strip_prefix('[').map_or_else(|| format!("{line}\n"), |rest| format!("[model.{rest}\n"));
    format!("[model]\n{}", example.lines().map(line).collect::<String>())
}
