//! Small data, small models, and runs of all of them that the tests share.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adepts::contract::{EpochRecord, Fit, HistoryModel, HistoryRecipe, HistorySpec};
use adepts::data::{
    Column, DataConfig, HistoryDataset, Interactions, Read, Rows, SeenLog, SimulationConfig, SplitConfig, checkerboard,
    prepare, progress, simulated,
};
use adepts::eval::RunSummary;
use adepts::history::experiment::run_on;
use adepts::models::HISTORY_MODELS;
use adepts::train::{Observer, Progress};
use adepts::work::Work;
use adepts::{Error, HistoryExperiment, HistoryRun};
use burn::tensor::Device;

/// A data set of a log in memory, as [`prepare`] makes it of one in files.
pub(crate) fn dataset(log: Interactions, split: &SplitConfig) -> HistoryDataset {
    let data = DataConfig { source: "memory".into(), ..DataConfig::default() };
    let read = Read {
        seen: SeenLog::empty(log.users.len()),
        interactions: log,
        seen_rows: Vec::new(),
        steps: Vec::new(),
        skipped_rows: 0,
        skipped_examples: Vec::new(),
        data,
        time_unit: None,
        notes: Vec::new(),
    };
    prepare::assemble(read, split, 2024, &mut progress::silent).unwrap()
}

pub(crate) fn community_log() -> Interactions {
    let config = SimulationConfig {
        users: 300,
        items: 120,
        interactions: 25.0,
        niche_users: 0.5,
        topical: 0.5,
        ..SimulationConfig::default()
    };
    simulated(&config).unwrap()
}

/// A simulated community of 300 users.
pub(crate) static COMMUNITY: LazyLock<HistoryDataset> =
    LazyLock::new(|| dataset(community_log(), &SplitConfig::default()));

/// Two tastes that share no item; one item of each user is withheld.
pub(crate) fn two_tastes(users: usize, items: usize) -> HistoryDataset {
    dataset(checkerboard(users, items), &SplitConfig::Column { column: Column::Name("part".into()) })
}

/// The `[model]` table of the defaults, made small.
pub(crate) fn small(spec: &HistorySpec) -> toml::Table {
    let mut table = (spec.recipe)(toml::Table::new()).unwrap().resolved();
    if table.contains_key("experts") && table["experts"].as_integer() != Some(1) {
        table.insert("experts".into(), 3.into());
    }
    if table.contains_key("hidden") {
        table.insert("hidden".into(), toml::Value::Array(vec![8.into()]));
    }
    for (part, key, value) in [("gate", "hidden", 8), ("weights", "gap", 2)] {
        if let Some(part) =
            table.get_mut(part).and_then(toml::Value::as_table_mut).filter(|part| part.contains_key(key))
        {
            part.insert(key.into(), value.into());
        }
    }
    table.insert("kind".into(), spec.name.into());
    table
}

/// A small experiment with a model of the registry; `sets` are overrides.
pub(crate) fn experiment(spec: &HistorySpec, sets: &[&str]) -> HistoryExperiment {
    let text = r#"
        [train]
        batch = 64
        epochs = 6
        optimizer = { kind = "adam", learning_rate = 1e-2 }
        [eval]
        metrics = ["ndcg@20", "recall@20", "coverage@20"]
        groups = [{ by = "activity", parts = 2 }]
        resamples = 20
    "#;
    let mut table: toml::Table = text.parse().unwrap();
    table.insert("model".into(), small(spec).into());
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    HistoryExperiment::read(spec.name, &table.to_string(), &sets, &|_| None).unwrap()
}

/// How an experiment is done.
#[derive(Clone, Copy, Default)]
pub(crate) struct How {
    /// After how many updates it is asked to stop.
    pub(crate) stop_after: Option<usize>,
    pub(crate) resume: bool,
    pub(crate) overwrite: bool,
    pub(crate) available: Option<u64>,
}

struct Count<'a>(&'a Cell<usize>);

impl Observer for Count<'_> {
    fn step(&mut self, _: &Progress) {
        self.0.set(self.0.get() + 1);
    }
}

/// Does what takes work in this way; also gives the number of updates that it took.
pub(crate) fn working<R>(how: How, act: impl FnOnce(&mut Work<'_>) -> R) -> (R, usize) {
    let steps = Cell::new(0);
    let mut work = Work {
        progress: &mut progress::silent,
        observer: &mut Count(&steps),
        stop: &|| how.stop_after.is_some_and(|stop| steps.get() >= stop),
        available: how.available,
        checkpoint_every: 1e9,
        resume: how.resume,
        overwrite: how.overwrite,
    };
    let done = act(&mut work);
    (done, steps.get())
}

/// Does an experiment; also gives the number of updates that it took.
pub(crate) fn counted(
    experiment: &HistoryExperiment,
    data: &HistoryDataset,
    folder: &Path,
    how: How,
) -> (Result<RunSummary, Error>, usize) {
    working(how, |work| run_on(experiment, data, 0.0, folder, work))
}

/// What `run` ends with if it is stopped after each of these numbers of updates and continued.
pub(crate) fn with_stops(stops: &[usize], run: impl Fn(How) -> (Result<RunSummary, Error>, usize)) -> RunSummary {
    for (nth, stop) in stops.iter().enumerate() {
        let (stopped, steps) = run(How { stop_after: Some(*stop), resume: nth > 0, ..How::default() });
        assert!(matches!(stopped, Err(Error::Interrupted { .. })), "{stopped:?}");
        assert_eq!(steps, *stop);
    }
    timeless(run(How { resume: !stops.is_empty(), ..How::default() }).0.unwrap())
}

pub(crate) fn run(
    experiment: &HistoryExperiment,
    data: &HistoryDataset,
    folder: &Path,
    how: How,
) -> Result<RunSummary, Error> {
    counted(experiment, data, folder, how).0
}

/// A finished run.
pub(crate) struct Trained {
    pub(crate) spec: &'static HistorySpec,
    pub(crate) experiment: HistoryExperiment,
    pub(crate) folder: PathBuf,
    pub(crate) summary: RunSummary,
}

/// A run of every model on the community.
pub(crate) static RUNS: LazyLock<Vec<Trained>> = LazyLock::new(|| {
    let of = |spec: &&'static HistorySpec| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance").join(spec.name);
        let _absent = fs::remove_dir_all(&folder);
        let experiment = experiment(spec, &["train.epochs=20"]);
        let summary = run(&experiment, &COMMUNITY, &folder, How::default()).unwrap();
        Trained { spec, experiment, folder, summary }
    };
    HISTORY_MODELS.iter().map(of).collect()
});

/// The run of this model.
pub(crate) fn trained(name: &str) -> &'static Trained {
    RUNS.iter().find(|run| run.spec.name == name).unwrap()
}

/// The models that are trained update by update.
pub(crate) fn learners() -> impl Iterator<Item = &'static HistorySpec> {
    HISTORY_MODELS.iter().copied().filter(|spec| {
        let sizes = adepts::history::run::sizes(&experiment(spec, &[]), &COMMUNITY);
        let mut model = recipe(spec).build(&sizes, 1, &Device::flex().autodiff());
        matches!(model.fit(), Fit::Steps(_))
    })
}

/// The small recipe of a model.
pub(crate) fn recipe(spec: &HistorySpec) -> Box<dyn HistoryRecipe> {
    experiment(spec, &[]).recipe().unwrap().1
}

/// The scores and the experts' shares of these histories; the gate looks at `validation` or at the histories.
pub(crate) fn score(model: &dyn HistoryModel, histories: &Rows, validation: &Rows) -> (Vec<f32>, Vec<f32>) {
    let users: Vec<u32> = (0..histories.len() as u32).collect();
    let (items, probe) = (model.items(), model.probe());
    let batcher = adepts::contract::Batcher {
        histories,
        validation,
        items,
        probe,
        seed: 1,
        split: adepts::contract::ProbeSplit::default(),
    };
    let mut scores = vec![f32::NAN; users.len() * items];
    let mut shares = vec![f32::NAN; users.len() * model.experts()];
    model.score(&batcher.batch(&users), &mut scores, if model.experts() > 1 { &mut shares } else { &mut [] });
    (scores, if model.experts() > 1 { shares } else { Vec::new() })
}

/// The scores of some users of an opened run.
pub(crate) fn scores(run: &HistoryRun) -> Vec<f32> {
    let of = |rows: &Rows| Rows::from_lists(rows.iter().take(40).map(<[u32]>::to_vec));
    score(&*run.model, &of(&run.data.train), &of(&run.data.validation)).0
}

/// The bits of floats, for equality that knows no tolerance.
pub(crate) fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|float| float.to_bits()).collect()
}

/// The bytes of the parameters of a run.
pub(crate) fn model_bytes(folder: &Path) -> Vec<u8> {
    fs::read(folder.join(adepts::files::MODEL)).unwrap()
}

/// The training log without times.
pub(crate) fn log(folder: &Path) -> Vec<EpochRecord> {
    let epochs = adepts::manifest::epochs(folder).unwrap();
    epochs.into_iter().map(|epoch| EpochRecord { train_seconds: 0.0, eval_seconds: 0.0, ..epoch }).collect()
}

/// An evaluation without times.
pub(crate) fn timeless(mut summary: RunSummary) -> RunSummary {
    summary.seconds.clear();
    summary
}

/// The files of a folder and those below it, by their path in it.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(self::files(&entry.path()).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            files.push(name);
        }
    }
    files.sort();
    files
}

/// A copy of a run in a folder that goes away.
pub(crate) fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in files(folder) {
        let to = copy.path().join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(folder.join(&file), to).unwrap();
    }
    copy
}
