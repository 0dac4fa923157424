//! What every tabular model keeps: equal bytes for any threads, stops that leave no trace, runs that answer as before.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adepts::contract::TabularSpec;
use adepts::data::progress;
use adepts::data::tabular::{DomainsConfig, TabularDataset, simulate_domains};
use adepts::eval::RunSummary;
use adepts::files::PREDICTIONS;
use adepts::models::TABULAR_MODELS;
use adepts::tabular::experiment::run_on;
use adepts::{Error, RunError, TabularExperiment, TabularRun};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int64Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{How, log, model_bytes, timeless, with_stops, working};

/// Simulated and prepared tabular data of three domains; users are hashed to more codes than an embedding inside of automatic
/// differentiation may have in the second set.
pub(crate) static DATA: LazyLock<(PathBuf, TabularDataset, TabularDataset)> = LazyLock::new(|| {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rankers");
    std::fs::create_dir_all(&home).unwrap();
    let log = home.join("rows.csv");
    let config =
        DomainsConfig { rows: 3_000, users: 60, items: 40, domains: 3, lowest_rate: 0.2, ..DomainsConfig::default() };
    simulate_domains(&config, &log, &mut progress::silent).unwrap();
    let first = read(TABULAR_MODELS[0], &log, &[]);
    let set = TabularDataset::prepare(&first.data, &first.split, 7, &home.join("data"), &mut progress::silent).unwrap();
    let hashed = read(TABULAR_MODELS[0], &log, &[r#"data.fields=[{ column = "user", hash = 100001 }, "item"]"#]);
    let large =
        TabularDataset::prepare(&hashed.data, &hashed.split, 7, &home.join("large"), &mut progress::silent).unwrap();
    (log, set, large)
});

fn read(spec: &TabularSpec, source: &Path, sets: &[&str]) -> TabularExperiment {
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
    TabularExperiment::read(spec.name, text, &all, &|_| None).unwrap()
}

pub(crate) fn experiment(spec: &TabularSpec, sets: &[&str]) -> TabularExperiment {
    read(spec, &DATA.0, sets)
}

fn run(experiment: &TabularExperiment, folder: &Path, how: How) -> Result<RunSummary, Error> {
    counted(experiment, &DATA.1, folder, how).0
}

pub(crate) fn run_with(
    experiment: &TabularExperiment,
    data: &TabularDataset,
    folder: &Path,
    how: How,
) -> Result<RunSummary, Error> {
    counted(experiment, data, folder, how).0
}

fn counted(
    experiment: &TabularExperiment,
    data: &TabularDataset,
    folder: &Path,
    how: How,
) -> (Result<RunSummary, Error>, usize) {
    working(how, |work| run_on(experiment, data, 0.0, folder, work))
}

/// Trains on this data with and without these stops, and demands the same parameters and the same log.
#[track_caller]
fn same_with_stops(name: &str, experiment: &TabularExperiment, data: &TabularDataset, home: &Path, stops: &[usize]) {
    let of = |stops: &[usize]| {
        let folder = home.join(format!("{name}-{}", stops.len()));
        with_stops(stops, |how| counted(experiment, data, &folder, how));
        (model_bytes(&folder), log(&folder))
    };
    let (whole, parts) = (of(&[]), of(stops));
    assert!(whole.0 == parts.0, "{name}: other parameters");
    assert_eq!(whole.1, parts.1, "{name}");
}

#[test]
fn configurations_survive_being_written_out() {
    for spec in TABULAR_MODELS {
        let resolved = experiment(spec, &[]);
        let again = TabularExperiment::read(spec.name, &resolved.to_toml(), &[], &|_| None).unwrap();
        assert_eq!(again, resolved, "{}", spec.name);
        let commented: toml::Table = spec.example.parse().unwrap();
        let wrong = TabularExperiment::read(spec.name, &resolved.to_toml(), &["model.embeding=3".into()], &|_| None);
        assert!(wrong.unwrap_err().to_string().contains("did you mean `embedding`?"), "{}", spec.name);
        assert!(commented.contains_key("embedding"), "{}", spec.name);
    }
}

#[test]
fn equal_seeds_give_equal_rankers_for_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    for spec in TABULAR_MODELS {
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
    for spec in TABULAR_MODELS {
        // With batch normalisation there are running means to be kept as well.
        let norms: &[&str] = if spec.name == "fm" { &[""] } else { &["", "model.norm=\"batch\""] };
        for (nth, norm) in norms.iter().enumerate() {
            let sets: Vec<&str> = norm.split_terminator(' ').collect();
            let name = format!("{}-{nth}", spec.name);
            same_with_stops(&name, &experiment(spec, &sets), &DATA.1, home.path(), &[3, 8, 4]);
        }
    }
}

#[test]
fn large_tables_and_their_moments_survive_a_stop() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["fm", "mlp", "cesaa"] {
        let spec = adepts::models::find_tabular(kind).unwrap();
        same_with_stops(kind, &experiment(spec, &[]), &DATA.2, home.path(), &[3, 12]);
        let bytes = model_bytes(&home.path().join(format!("{kind}-0")));
        assert!(bytes.len() > 4 * 4 * 100_001, "{kind}: the table is in the model");
    }
}

#[test]
fn tables_follow_as_they_are_told_and_survive_a_stop() {
    let home = tempfile::tempdir().unwrap();
    let kinds = ["auto", "lazy", "dense", "adagrad"];
    let of = |kind: &str| {
        let experiment =
            experiment(adepts::models::find_tabular("mlp").unwrap(), &[&format!("train.tables.kind={kind}")]);
        same_with_stops(kind, &experiment, &DATA.1, home.path(), &[3, 12]);
        let losses: Vec<f64> = log(&home.path().join(format!("{kind}-0"))).iter().map(|e| e.losses["bce"]).collect();
        assert!(losses[losses.len() - 1] < losses[0], "{kind}: {losses:?}");
        model_bytes(&home.path().join(format!("{kind}-0")))
    };
    let [auto, lazy, dense, adagrad] = kinds.map(of);
    // No table of this data is large.
    assert!(auto == dense);
    assert!(auto != lazy && lazy != adagrad && auto != adagrad);
}

#[test]
fn a_model_of_histories_has_no_tables_to_configure() {
    let wrong = adepts::HistoryExperiment::read("a", "model.kind = 'ease'\ntrain.tables.kind = 'lazy'", &[], &|_| None);
    let told = wrong.unwrap_err().to_string();
    assert!(told.contains("train.tables") && told.contains("no embedding tables"), "{told}");
}

#[test]
fn an_opened_ranker_gives_the_probabilities_that_it_gave_in_training() {
    let home = tempfile::tempdir().unwrap();
    for spec in TABULAR_MODELS {
        let folder = home.path().join(spec.name);
        let summary = run(&experiment(spec, &["train.epochs=1"]), &folder, How::default()).unwrap();
        let scores = std::fs::read(folder.join(PREDICTIONS)).unwrap();
        let opened = TabularRun::open(&folder).unwrap();
        let again = opened.evaluate(adepts::part::Part::Test, &[], &mut progress::silent).unwrap();
        assert_eq!(timeless(again), timeless(summary), "{}", spec.name);
        assert_eq!(std::fs::read(folder.join(PREDICTIONS)).unwrap(), scores, "{}", spec.name);
    }
}

#[test]
fn predictions_name_the_row_and_the_user_of_the_source() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("fm");
    let spec = adepts::models::find_tabular("fm").unwrap();
    run(&experiment(spec, &["train.epochs=1"]), &folder, How::default()).unwrap();
    let file = std::fs::File::open(folder.join(PREDICTIONS)).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let text = std::fs::read_to_string(&DATA.0).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let mut seen = 0;
    for batch in batches.map(Result::unwrap) {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let (rows, labels) =
            (column("row").as_primitive::<UInt64Type>(), column("label").as_primitive::<Float32Type>());
        let [users, domains] = [("user", 0), ("domain", 6)].map(|(name, place)| {
            // In the type that the source has, so that both join without a cast.
            let numbers = lines.iter().all(|line| line[place].parse::<i64>().is_ok());
            assert_eq!(column(name).as_primitive_opt::<Int64Type>().is_some(), numbers, "{name}");
            let number = |at| column(name).as_primitive::<Int64Type>().value(at).to_string();
            let text = |at| column(name).as_string::<i32>().value(at).to_owned();
            (0..batch.num_rows()).map(|at| if numbers { number(at) } else { text(at) }).collect::<Vec<String>>()
        });
        for at in 0..batch.num_rows() {
            let line = &lines[rows.value(at) as usize - 1];
            assert_eq!((users[at].as_str(), domains[at].as_str()), (line[0], line[6]));
            assert_eq!(labels.value(at), line[7].parse::<f32>().unwrap());
        }
        seen += batch.num_rows();
    }
    assert_eq!(seen, DATA.1.rows(adepts::data::Part::Test));
}

#[test]
fn a_model_file_that_was_changed_is_refused_and_so_is_the_other_family() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("mlp");
    let spec = adepts::models::find_tabular("mlp").unwrap();
    run(&experiment(spec, &["train.epochs=1"]), &folder, How::default()).unwrap();
    let wrong = adepts::HistoryRun::open(&folder).err().unwrap();
    assert!(matches!(wrong, Error::Run(RunError::Family { .. })), "{wrong}");
    let path = folder.join(adepts::files::MODEL);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    adepts::data::write_atomically(&path, |out| std::io::Write::write_all(out, &bytes)).unwrap();
    let changed = TabularRun::open(&folder).err().unwrap();
    assert!(matches!(changed, Error::Run(RunError::Changed { .. })), "{changed}");
}

#[test]
fn every_ranker_beats_a_coin_and_loses_less_with_every_epoch() {
    let home = tempfile::tempdir().unwrap();
    for spec in TABULAR_MODELS {
        let folder = home.path().join(spec.name);
        let sets = ["train.epochs=6", "train.stop.patience=6", "train.optimizer.learning_rate=0.01"];
        let summary = run(&experiment(spec, &sets), &folder, How::default()).unwrap();
        assert!(summary.metrics["auc"] > 0.55, "{}: {}", spec.name, summary.metrics["auc"]);
        let losses: Vec<f64> = log(&folder).iter().map(|epoch| epoch.losses["bce"]).collect();
        assert!(losses[losses.len() - 1] < losses[0], "{}: {losses:?}", spec.name);
    }
}
