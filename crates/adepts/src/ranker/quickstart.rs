//! The whole path on simulated domains, in under three minutes: simulate, prepare, train three models, report.

use std::path::{Path, PathBuf};

use adepts_data::examples::{DomainsConfig, DomainsSummary, ExampleSet, ExamplesManifest, simulate_domains};
use adepts_eval::Summary;

use super::config::RankerExperiment;
use super::experiment::run_on;
use super::report;
use crate::error::Error;
use crate::experiment::Work;
use crate::folder::lock;
use crate::quickstart::claim;
use crate::report::{PAGE, open_all};

/// What the columns of the simulated examples mean.
const DATA: &str = r#"
[data]
source = ""
label = "label"
domain = "domain"
user = "user"
fields = ["user", "item", "category", { column = "tags", separator = "|" }, "hour"]
dense = ["price"]
"#;

/// The models, simple ones first.
pub const MODELS: [(&str, &str); 3] = [
    ("mlp", "[model]\nkind = \"mlp\"\n"),
    ("mmoe", "[model]\nkind = \"mmoe\"\n"),
    ("cesaa", "[model]\nkind = \"cesaa\"\n"),
];

/// How they are trained: smaller batches than the default, for there are few rows.
const TRAIN: &str = "[train]\nbatch = 1024\nepochs = 20\n";

/// What the quickstart left behind.
#[derive(Clone, Debug)]
pub struct Quickstart {
    /// The simulated examples.
    pub log: PathBuf,
    /// What is in them.
    pub simulated: DomainsSummary,
    /// The prepared folder.
    pub data: PathBuf,
    /// How it was prepared.
    pub prepared: ExamplesManifest,
    /// The run folders.
    pub runs: Vec<PathBuf>,
    /// How the models serve the domains.
    pub summary: Summary,
    /// The page.
    pub page: PathBuf,
}

/// Simulates domains in `folder`, trains [`MODELS`] on them, for at most `epochs` where given, and reports.
pub fn quickstart(folder: &Path, epochs: Option<usize>, work: &mut Work<'_>) -> Result<Quickstart, Error> {
    let _lock = lock(folder)?;
    claim(folder, work.overwrite)?;
    let (log, data, runs) = (folder.join("examples.csv"), folder.join("data"), folder.join("runs"));
    let simulated = simulate_domains(&DomainsConfig::default(), &log, work.progress)?;
    let first = experiment("data", MODELS[0].1, &log, None)?;
    let set = ExampleSet::prepare(&first.data, &first.split, first.seed, &data, work.progress)?;
    let mut summary = Summary::default();
    let folders: Vec<PathBuf> = MODELS.iter().map(|(name, _)| runs.join(name)).collect();
    for ((name, model), folder) in MODELS.iter().zip(&folders) {
        (work.progress)(&format!("train {name}"), 0, None);
        let experiment = experiment(name, model, &log, epochs)?;
        summary.runs.push(run_on(&experiment, &set, 0.0, folder, work)?);
        report::write(&folder.join(PAGE), "", &open_all(std::slice::from_ref(folder))?, None, None)?;
    }
    let page = folder.join(PAGE);
    report::write(&page, "Quickstart: simulated domains", &open_all(&folders)?, None, None)?;
    Ok(Quickstart { log, simulated, data, prepared: set.manifest().clone(), runs: folders, summary, page })
}

fn experiment(name: &str, model: &str, source: &Path, epochs: Option<usize>) -> Result<RankerExperiment, Error> {
    let mut sets = vec![format!("name={}", toml::Value::from(name))];
    sets.push(format!("data.source={}", toml::Value::from(source.to_string_lossy().as_ref())));
    sets.extend(epochs.map(|epochs| format!("train.epochs={epochs}")));
    RankerExperiment::read("quickstart", &format!("{DATA}{model}{TRAIN}"), &sets, &|_| None)
}
