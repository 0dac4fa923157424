//! The whole path on simulated domains, in under a minute: simulate, prepare, train four models, report.

use std::path::{Path, PathBuf};

use adepts_data::tabular::{DomainsConfig, DomainsSummary, TabularDataset, TabularManifest, simulate_domains};
use adepts_eval::Summary;

use super::config::TabularExperiment;
use super::experiment::run_on;
use super::report;
use crate::error::Error;
use crate::files::PAGE;
use crate::folder::lock;
use crate::quickstart::claim;
use crate::record::open_all;
use crate::work::Work;

/// What the columns of the simulated rows mean.
const DATA: &str = r#"
[data]
source = ""
label = "label"
domain = "domain"
user = "user"
fields = ["user", "item", "category", { column = "tags", separator = "|" }, "hour"]
dense = ["price"]
"#;

/// The models with their learning rate and `l2`, simple ones first: a model of its own for each domain, which is what the others are compared with, and
/// three that learn from all domains together.
pub const HISTORY_MODELS: [(&str, f64, f64); 4] =
    [("single", 2e-3, 1e-3), ("mlp", 3e-3, 3e-4), ("mmoe", 3e-3, 3e-4), ("cesaa", 3e-3, 3e-4)];

/// How they are trained: smaller batches than the default, for there are few rows, and a stronger `l2`, without which the first epoch
/// would be the best. All of it was chosen on validation rows.
const TRAIN: &str = "[train]\nbatch = 1024\nepochs = 25\n";

/// What is simulated: users and items with so many rows each that a network can learn what they have in common, and effects of single
/// domains that are weaker than the shared ones, so that domains have something to learn from each other.
fn world() -> DomainsConfig {
    DomainsConfig { users: 1_000, items: 300, lowest_rate: 0.05, shared: 1.5, own: 0.3, ..DomainsConfig::default() }
}

/// What the quickstart left behind.
#[derive(Clone, Debug)]
pub struct Quickstart {
    /// The simulated rows.
    pub log: PathBuf,
    /// What is in them.
    pub simulated: DomainsSummary,
    /// The prepared folder.
    pub data: PathBuf,
    /// How it was prepared.
    pub prepared: TabularManifest,
    /// The run folders.
    pub runs: Vec<PathBuf>,
    /// How the models serve the domains.
    pub summary: Summary,
    /// The page.
    pub page: PathBuf,
}

/// Simulates domains in `folder`, trains [`HISTORY_MODELS`] on them, for at most `epochs` where given, and reports.
pub fn quickstart(folder: &Path, epochs: Option<usize>, work: &mut Work<'_>) -> Result<Quickstart, Error> {
    let _lock = lock(folder)?;
    claim(folder, work.overwrite)?;
    let (log, data, runs) = (folder.join("rows.csv"), folder.join("data"), folder.join("runs"));
    let simulated = simulate_domains(&world(), &log, work.progress)?;
    let first = experiment(HISTORY_MODELS[0], &log, None)?;
    let set = TabularDataset::prepare(&first.data, &first.split, first.seed, &data, work.progress)?;
    let mut summary = Summary::default();
    let folders: Vec<PathBuf> = HISTORY_MODELS.iter().map(|(name, ..)| runs.join(name)).collect();
    for (model, folder) in HISTORY_MODELS.into_iter().zip(&folders) {
        (work.progress)(&format!("train {}", model.0), 0, None);
        let experiment = experiment(model, &log, epochs)?;
        summary.runs.push(run_on(&experiment, &set, 0.0, folder, work)?);
        report::write(&folder.join(PAGE), "", &open_all(std::slice::from_ref(folder))?, None, None)?;
    }
    let page = folder.join(PAGE);
    report::write(&page, "Quickstart: simulated domains", &open_all(&folders)?, None, None)?;
    Ok(Quickstart { log, simulated, data, prepared: set.manifest().clone(), runs: folders, summary, page })
}

/// The experiment with one of [`HISTORY_MODELS`].
fn experiment(
    (name, learning_rate, l2): (&str, f64, f64),
    source: &Path,
    epochs: Option<usize>,
) -> Result<TabularExperiment, Error> {
    let mut sets = vec![format!("name={name}"), format!("train.optimizer.l2={l2}")];
    sets.push(format!("train.optimizer.learning_rate={learning_rate}"));
    sets.push(format!("data.source={}", toml::Value::from(source.to_string_lossy().as_ref())));
    sets.extend(epochs.map(|epochs| format!("train.epochs={epochs}")));
    let text = format!("{DATA}[model]\nkind = \"{name}\"\n{TRAIN}");
    TabularExperiment::read("quickstart", &text, &sets, &|_| None)
}
