//! What every model of examples keeps: equal bytes for any threads, stops that leave no trace, runs that answer as before.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adepts::contract::ExampleSpec;
use adepts::data::examples::{DomainsConfig, ExampleSet, simulate_domains};
use adepts::data::progress;
use adepts::eval::RunSummary;
use adepts::experiment::Work;
use adepts::models::RANKERS;
use adepts::ranker::experiment::run_on;
use adepts::ranker::run::PREDICTIONS;
use adepts::{Error, RankerExperiment, RankerRun, RunError};

use crate::support::{How, log, model_bytes, timeless};

/// Simulated and prepared examples of three domains; users are hashed to more codes than an embedding inside of automatic
/// differentiation may have in the second set.
static DATA: LazyLock<(PathBuf, ExampleSet, ExampleSet)> = LazyLock::new(|| {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rankers");
    std::fs::create_dir_all(&home).unwrap();
    let log = home.join("examples.csv");
    let config =
        DomainsConfig { rows: 3_000, users: 60, items: 40, domains: 3, lowest_rate: 0.2, ..DomainsConfig::default() };
    simulate_domains(&config, &log, &mut progress::silent).unwrap();
    let first = read(RANKERS[0], &log, &[]);
    let set = ExampleSet::prepare(&first.data, &first.split, 7, &home.join("data"), &mut progress::silent).unwrap();
    let hashed = read(RANKERS[0], &log, &[r#"data.fields=[{ column = "user", hash = 100001 }, "item"]"#]);
    let large =
        ExampleSet::prepare(&hashed.data, &hashed.split, 7, &home.join("large"), &mut progress::silent).unwrap();
    (log, set, large)
});

fn read(spec: &ExampleSpec, source: &Path, sets: &[&str]) -> RankerExperiment {
    let text = r#"
        [data]
        label = "label"
        domain = "domain"
        user = "user"
        fields = ["user", "item", { column = "tags", separator = "|" }]
        dense = ["price"]
        [train]
        batch = 256
        epochs = 3
        [eval]
        resamples = 20
    "#;
    let mut all = vec![format!("model.kind={}", spec.name), format!("data.source={}", source.display())];
    all.push("model.embedding=4".into());
    all.extend(sets.iter().map(|set| (*set).to_owned()));
    RankerExperiment::read(spec.name, text, &all, &|_| None).unwrap()
}

fn experiment(spec: &ExampleSpec, sets: &[&str]) -> RankerExperiment {
    read(spec, &DATA.0, sets)
}

fn run(experiment: &RankerExperiment, folder: &Path, how: How) -> Result<RunSummary, Error> {
    run_with(experiment, &DATA.1, folder, how)
}

pub(crate) fn run_with(
    experiment: &RankerExperiment,
    data: &ExampleSet,
    folder: &Path,
    how: How,
) -> Result<RunSummary, Error> {
    struct Count<'a>(&'a Cell<usize>);
    impl adepts::train::Observer for Count<'_> {
        fn step(&mut self, _: &adepts::train::Progress) {
            self.0.set(self.0.get() + 1);
        }
    }
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
    run_on(experiment, data, 0.0, folder, &mut work)
}

#[test]
fn configurations_survive_being_written_out() {
    for spec in RANKERS {
        let resolved = experiment(spec, &[]);
        let again = RankerExperiment::read(spec.name, &resolved.to_toml(), &[], &|_| None).unwrap();
        assert_eq!(again, resolved, "{}", spec.name);
        let commented: toml::Table = spec.example.parse().unwrap();
        let wrong = RankerExperiment::read(spec.name, &resolved.to_toml(), &["model.embeding=3".into()], &|_| None);
        assert!(wrong.unwrap_err().to_string().contains("did you mean `embedding`?"), "{}", spec.name);
        assert!(commented.contains_key("embedding"), "{}", spec.name);
    }
}

#[test]
fn equal_seeds_give_equal_rankers_for_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    for spec in RANKERS {
        let of = |threads: usize| {
            let folder = home.path().join(format!("{}-{threads}", spec.name));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let summary = pool.install(|| run(&experiment(spec, &[]), &folder, How::default()).unwrap());
            (model_bytes(&folder), timeless(summary), log(&folder))
        };
        let one = of(1);
        for threads in [2, 3] {
            let many = of(threads);
            assert!(one.0 == many.0, "{}: other parameters with {threads} threads", spec.name);
            assert_eq!(one.1, many.1, "{}", spec.name);
            assert_eq!(one.2, many.2, "{}", spec.name);
        }
    }
}

#[test]
fn a_ranker_that_was_stopped_anywhere_ends_as_one_that_was_not() {
    let home = tempfile::tempdir().unwrap();
    for spec in RANKERS {
        // With batch normalisation there are running means to be kept as well.
        let norms: &[&str] = if spec.name == "fm" { &[""] } else { &["", "model.norm=\"batch\""] };
        for (nth, norm) in norms.iter().enumerate() {
            let sets: Vec<&str> = norm.split_terminator(' ').collect();
            let experiment = experiment(spec, &sets);
            let (whole, parts) =
                ["whole", "parts"].map(|name| home.path().join(format!("{}-{nth}-{name}", spec.name))).into();
            run(&experiment, &whole, How::default()).unwrap();
            for stop_after in [3, 8, 4] {
                let how = How { stop_after: Some(stop_after), resume: true, ..How::default() };
                let stopped = run(&experiment, &parts, how).unwrap_err();
                assert!(matches!(stopped, Error::Interrupted { .. }), "{}: {stopped}", spec.name);
            }
            run(&experiment, &parts, How { resume: true, ..How::default() }).unwrap();
            assert!(model_bytes(&whole) == model_bytes(&parts), "{} {norm}: other parameters", spec.name);
            assert_eq!(log(&whole), log(&parts), "{} {norm}", spec.name);
        }
    }
}

#[test]
fn large_tables_and_their_moments_survive_a_stop() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["fm", "mlp", "cesaa"] {
        let experiment = experiment(adepts::models::find_ranker(kind).unwrap(), &[]);
        let of =
            |name: &str, how: How| run_with(&experiment, &DATA.2, &home.path().join(format!("{kind}-{name}")), how);
        of("whole", How::default()).unwrap();
        for stop_after in [3, 12] {
            let stopped =
                of("parts", How { stop_after: Some(stop_after), resume: true, ..How::default() }).unwrap_err();
            assert!(matches!(stopped, Error::Interrupted { .. }), "{kind}: {stopped}");
        }
        of("parts", How { resume: true, ..How::default() }).unwrap();
        let bytes = |name: &str| model_bytes(&home.path().join(format!("{kind}-{name}")));
        assert!(bytes("whole") == bytes("parts"), "{kind}: other parameters");
        assert!(bytes("whole").len() > 4 * 4 * 100_001, "{kind}: the table is in the model");
    }
}

#[test]
fn an_opened_ranker_gives_the_probabilities_that_it_gave_in_training() {
    let home = tempfile::tempdir().unwrap();
    for spec in RANKERS {
        let folder = home.path().join(spec.name);
        let summary = run(&experiment(spec, &["train.epochs=1"]), &folder, How::default()).unwrap();
        let scores = std::fs::read(folder.join(PREDICTIONS)).unwrap();
        let opened = RankerRun::open(&folder).unwrap();
        let again = opened.evaluate(&mut progress::silent).unwrap();
        assert_eq!(timeless(again), timeless(summary), "{}", spec.name);
        assert_eq!(std::fs::read(folder.join(PREDICTIONS)).unwrap(), scores, "{}", spec.name);
    }
}

#[test]
fn a_model_file_that_was_changed_is_refused_and_so_is_the_other_family() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("mlp");
    let spec = adepts::models::find_ranker("mlp").unwrap();
    run(&experiment(spec, &["train.epochs=1"]), &folder, How::default()).unwrap();
    let wrong = adepts::Run::open(&folder).err().unwrap();
    assert!(matches!(wrong, Error::Run(RunError::Family { .. })), "{wrong}");
    let path = folder.join(adepts::run::MODEL);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    adepts::data::write_atomically(&path, |out| std::io::Write::write_all(out, &bytes)).unwrap();
    let changed = RankerRun::open(&folder).err().unwrap();
    assert!(matches!(changed, Error::Run(RunError::Changed { .. })), "{changed}");
}

#[test]
fn every_ranker_beats_a_coin_and_loses_less_with_every_epoch() {
    let home = tempfile::tempdir().unwrap();
    for spec in RANKERS {
        let folder = home.path().join(spec.name);
        let sets = ["train.epochs=6", "train.stop.patience=6", "train.optimizer.learning_rate=0.01"];
        let summary = run(&experiment(spec, &sets), &folder, How::default()).unwrap();
        assert!(summary.metrics["auc"] > 0.55, "{}: {}", spec.name, summary.metrics["auc"]);
        let losses: Vec<f64> = log(&folder).iter().map(|epoch| epoch.losses["bce"]).collect();
        assert!(losses[losses.len() - 1] < losses[0], "{}: {losses:?}", spec.name);
    }
}
