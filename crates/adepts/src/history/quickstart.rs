//! The whole path on simulated data, in under three minutes: simulate, prepare, train four models, report.

use std::path::{Path, PathBuf};

use adepts_data::{HistoryDataset, Manifest, SimulationConfig, SimulationSummary, prepare, simulate};
use adepts_eval::Summary;

use super::config::HistoryExperiment;
use super::experiment::run_on;
use super::report;
use crate::error::Error;
use crate::files::PAGE;
use crate::folder::lock;
use crate::quickstart::{MADE, claim};
use crate::record::open_all;
use crate::work::Work;

macro_rules! train {
    () => {
        "[train]\nbatch = 256\nepochs = 150\noptimizer = { kind = \"adam\", learning_rate = 1e-3, l2 = 1e-3 }\n"
    };
}

/// The models, simple ones first, with their settings: the published ones, but for fewer and smaller experts and a shorter
/// gap, and `MultVAE` with the divergence summed as in TALL, with which it is the better one.
pub const HISTORY_MODELS: &[(&str, &str)] = &[
    ("popularity", "[model]\nkind = \"popularity\"\n"),
    ("ease", "[model]\nkind = \"ease\"\n"),
    ("multvae", concat!("[model]\nkind = \"multvae\"\nhidden = [50]\nkl = { reduce = \"sum\" }\n", train!())),
    (
        "tall",
        concat!(
            "[model]\nkind = \"tall\"\nexperts = 8\nhidden = [50]\nweights = { kind = \"adaptive\", gap = 20 }\n",
            train!()
        ),
    ),
];

/// What the quickstart left behind.
#[derive(Clone, Debug)]
pub struct Quickstart {
    /// The simulated log.
    pub log: PathBuf,
    /// What is in it.
    pub simulated: SimulationSummary,
    /// The prepared folder.
    pub data: PathBuf,
    /// How it was prepared.
    pub prepared: Manifest,
    /// The run folders.
    pub runs: Vec<PathBuf>,
    /// How the models serve their users.
    pub summary: Summary,
    /// The page.
    pub page: PathBuf,
}

/// Does all of it in `folder`; `epochs` bounds the training further.
pub fn quickstart(folder: &Path, epochs: Option<usize>, work: &mut Work<'_>) -> Result<Quickstart, Error> {
    let _lock = lock(folder)?;
    claim(folder, work.overwrite)?;
    let [log, data, runs, page, ..] = MADE.map(|name| folder.join(name));
    let simulated = simulate(&SimulationConfig::default(), &log, work.progress)?;
    let dataset = prepared(&log, &data, work)?;
    let mut summary = Summary::default();
    let folders: Vec<PathBuf> = HISTORY_MODELS.iter().map(|(name, _)| runs.join(name)).collect();
    for ((name, settings), folder) in HISTORY_MODELS.iter().zip(&folders) {
        (work.progress)(&format!("train {name}"), 0, None);
        let experiment = experiment(name, settings, &data, epochs)?;
        summary.runs.push(run_on(&experiment, &dataset, 0.0, folder, work)?);
        report::write(&folder.join(PAGE), "", &open_all(std::slice::from_ref(folder))?, None, None)?;
    }
    report::write(&page, "Quickstart: a simulated community", &open_all(&folders)?, None, None)?;
    Ok(Quickstart { log, simulated, data, prepared: dataset.manifest, runs: folders, summary, page })
}

fn prepared(log: &Path, folder: &Path, work: &mut Work<'_>) -> Result<HistoryDataset, Error> {
    let mut experiment = experiment("data", HISTORY_MODELS[0].1, log, None)?;
    experiment.data.user = Some(adepts_data::Column::Name("user".into()));
    experiment.data.item = Some(adepts_data::Column::Name("item".into()));
    experiment.data.groups = vec![adepts_data::Column::Name("community".into())];
    let data = prepare(&experiment.data, &experiment.split, experiment.seed, work.progress)?;
    data.save(folder)?;
    Ok(data)
}

fn experiment(name: &str, settings: &str, source: &Path, epochs: Option<usize>) -> Result<HistoryExperiment, Error> {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut sets = vec![format!("name={}", quoted(name))];
    sets.extend(epochs.map(|epochs| format!("train.epochs={epochs}")));
    let groups =
        "mainstream activity mainstream_within_activity".split(' ').map(|by| format!("{{ by = \"{by}\", parts = 5 }}"));
    let groups =
        groups.chain(["{ by = \"column\", column = \"community\" }".to_owned()]).collect::<Vec<_>>().join(", ");
    sets.push(format!("eval.groups=[{groups}]"));
    let mut experiment = HistoryExperiment::read("quickstart", settings, &sets, &|_| None)?;
    experiment.data.source = source.to_string_lossy().into_owned();
    Ok(experiment)
}
