//! The whole path on simulated data, in under three minutes: simulate, prepare, train four models, report.

use std::io::Write;
use std::path::{Path, PathBuf};

use adepts_data::atomic::write_atomically;
use adepts_data::lock::LOCK;
use adepts_data::{Dataset, Manifest, SimulationConfig, SimulationSummary, prepare, simulate};
use adepts_eval::Summary;

use crate::config::Experiment;
use crate::error::{Error, RunError};
use crate::experiment::{Work, run_on};
use crate::folder::lock;
use crate::report;

macro_rules! train {
    () => {
        "[train]\nbatch = 256\nepochs = 150\noptimizer = { kind = \"adam\", learning_rate = 1e-3, l2 = 1e-3 }\n"
    };
}

/// The models, simple ones first, with their settings: the published ones, but for fewer and smaller experts and a shorter
/// gap, and `MultVAE` with the divergence summed as in TALL, with which it is the better one.
pub const MODELS: &[(&str, &str)] = &[
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

/// Marks a folder as a quickstart's, so that nobody else's `data` or `runs` are ever removed.
const MARK: &str = ".adepts-quickstart";

/// The names of what is made in the folder.
const MADE: [&str; 5] = ["interactions.csv", "data", "runs", report::PAGE, "examples.csv"];

/// Does all of it in `folder`; `epochs` bounds the training further.
pub fn quickstart(folder: &Path, epochs: Option<usize>, work: &mut Work<'_>) -> Result<Quickstart, Error> {
    let _lock = lock(folder)?;
    claim(folder, work.overwrite)?;
    let [log, data, runs, page, _] = MADE.map(|name| folder.join(name));
    let simulated = simulate(&SimulationConfig::default(), &log, work.progress)?;
    let dataset = prepared(&log, &data, work)?;
    let mut summary = Summary::default();
    let folders: Vec<PathBuf> = MODELS.iter().map(|(name, _)| runs.join(name)).collect();
    for ((name, settings), folder) in MODELS.iter().zip(&folders) {
        (work.progress)(&format!("train {name}"), 0, None);
        let experiment = experiment(name, settings, &data, epochs)?;
        summary.runs.push(run_on(&experiment, &dataset, 0.0, folder, work)?);
        report::write(&folder.join(report::PAGE), "", &report::open_all(std::slice::from_ref(folder))?, None, None)?;
    }
    report::write(&page, "Quickstart: a simulated community", &report::open_all(&folders)?, None, None)?;
    Ok(Quickstart { log, simulated, data, prepared: dataset.manifest, runs: folders, summary, page })
}

/// Makes a folder ready for a quickstart: new, empty, or one of a quickstart that is to be replaced.
pub(crate) fn claim(folder: &Path, overwrite: bool) -> Result<(), Error> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| Error::from(RunError::Io { action, path, source })
    };
    let mut occupied = false;
    if folder.exists() {
        for entry in folder.read_dir().map_err(io("read", folder))? {
            let name = entry.map_err(io("read", folder))?.file_name();
            occupied |= !name.to_string_lossy().starts_with(LOCK);
        }
    }
    if occupied && !overwrite {
        let folder = folder.display();
        return Err(Error::Request(format!(
            "{folder} exists and is not empty; use another folder with --out, or --overwrite"
        )));
    }
    if occupied && !folder.join(MARK).exists() {
        return Err(Error::Request(format!("{} is not of a quickstart; it is not overwritten", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(io("create", folder))?;
    write_atomically(&folder.join(MARK), |out| {
        out.write_all(b"Made by adepts quickstart; --overwrite replaces it.\n")
    })?;
    for path in MADE.map(|name| folder.join(name)) {
        if path.is_dir() {
            std::fs::remove_dir_all(&path).map_err(io("remove", &path))?;
        } else if path.exists() {
            std::fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}

fn prepared(log: &Path, folder: &Path, work: &mut Work<'_>) -> Result<Dataset, Error> {
    let mut experiment = experiment("data", MODELS[0].1, log, None)?;
    experiment.data.user = Some(adepts_data::Column::Name("user".into()));
    experiment.data.item = Some(adepts_data::Column::Name("item".into()));
    experiment.data.groups = vec![adepts_data::Column::Name("community".into())];
    let data = prepare(&experiment.data, &experiment.split, experiment.seed, work.progress)?;
    data.save(folder)?;
    Ok(data)
}

fn experiment(name: &str, settings: &str, source: &Path, epochs: Option<usize>) -> Result<Experiment, Error> {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut sets = vec![format!("name={}", quoted(name))];
    sets.extend(epochs.map(|epochs| format!("train.epochs={epochs}")));
    let groups =
        "mainstream activity mainstream_within_activity".split(' ').map(|by| format!("{{ by = \"{by}\", parts = 5 }}"));
    let groups =
        groups.chain(["{ by = \"column\", column = \"community\" }".to_owned()]).collect::<Vec<_>>().join(", ");
    sets.push(format!("eval.groups=[{groups}]"));
    let mut experiment = Experiment::read("quickstart", settings, &sets, &|_| None)?;
    experiment.data.source = source.to_string_lossy().into_owned();
    Ok(experiment)
}
