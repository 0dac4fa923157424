//! `adepts models`: which models are there?

use adepts::{Error, models, tabular};
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

/// A line of either registry.
struct Line {
    family: &'static str,
    name: &'static str,
    summary: &'static str,
    paper: &'static str,
    example: &'static str,
    /// How all models of the family are trained, where that is more than what an experiment file shows.
    training: &'static str,
}

fn all() -> Vec<Line> {
    let of_histories = models::HISTORY_MODELS.iter().map(|spec| Line {
        family: "history",
        name: spec.name,
        summary: spec.summary,
        paper: spec.paper,
        example: spec.example,
        training: "",
    });
    let of_tabular = models::TABULAR_MODELS.iter().map(|spec| Line {
        family: "tabular",
        name: spec.name,
        summary: spec.summary,
        paper: spec.paper,
        example: spec.example,
        training: tabular::config::TRAINING,
    });
    of_histories.chain(of_tabular).collect()
}

impl Options {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let all = all();
        let Some(name) = &self.name else {
            if self.json {
                let object = |line: &Line| json!({"name": line.name, "family": line.family, "summary": line.summary, "paper": line.paper});
                return output::json(&all.iter().map(object).collect::<Vec<_>>());
            }
            let of = |family: &str| -> String {
                let lines = all.iter().filter(|line| line.family == family);
                lines.map(|line| format!("{:<14}{}", line.name, line.summary)).collect::<Vec<_>>().join("\n")
            };
            return output::text(&format!(
                "History models (users' histories in, ranked lists out):\n{}\n\nTabular models (rows of fields with a domain in, probabilities or items out):\n{}\n\n`adepts models NAME` describes one with its settings.",
                of("history"),
                of("tabular")
            ));
        };
        let line = all.iter().find(|line| line.name == name).ok_or_else(|| {
            let near = models::nearest(name).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
            let names: Vec<_> = models::names().collect();
            Error::Request(format!("there is no model `{name}`{near}; there are {}", names.join(", ")))
        })?;
        let settings = settings(line.example) + line.training;
        if self.json {
            let Line { family, name, summary, paper, .. } = line;
            return output::json(
                &json!({"name": name, "family": family, "summary": summary, "paper": paper, "settings": settings}),
            );
        }
        output::text(&format!(
            "{}: {}\n\n{}\n\nIts settings with their defaults:\n\n{settings}",
            line.name, line.summary, line.paper
        ))
    }
}

/// The example as an experiment file has it: tables below `[model]`.
fn settings(example: &str) -> String {
    let line =
        |line: &str| line.strip_prefix('[').map_or_else(|| format!("{line}\n"), |rest| format!("[model.{rest}\n"));
    format!("[model]\n{}", example.lines().map(line).collect::<String>())
}
