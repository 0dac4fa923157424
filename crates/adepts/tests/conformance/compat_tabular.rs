//! Runs of tabular models, of every format in which there were any, open for ever and answer as they did then.

use std::fs;
use std::path::{Path, PathBuf};

use adepts::data::progress;
use adepts::data::tabular::{DomainsConfig, simulate_domains};
use adepts::part::Part;
use adepts::tabular::experiment;
use adepts::{TabularExperiment, TabularRun};

use crate::support::{How, files, working};

/// The first format with tabular models that was kept.
const FIRST: u32 = 2;

/// A folder for each format, from where tests run, so that what is written names no place of a machine.
fn home(format: u32) -> PathBuf {
    Path::new("tests/compat").join(format!("examples-{format}"))
}

/// Scores by a gate over fields of every kind, and two towers.
const RUNS: [(&str, &str); 2] = [
    (
        "scored",
        r#"
            name = "scored"
            [data]
            label = "label"
            domain = "domain"
            user = "user"
            fields = [{ column = "user", hash = 20 }, { column = "item", min_count = 2 }, { column = "tags", separator = "|" }]
            dense = ["price", { column = "hour", transform = "quantile", buckets = 4 }]
            [model]
            kind = "cesaa"
            embedding = 2
            experts = 3
            hidden = [3]
            tower = [2]
            norm = "batch"
            [train]
            batch = 64
            epochs = 2
            tables.kind = "lazy"
            [eval]
            resamples = 20
        "#,
    ),
    (
        "retrieved",
        r#"
            name = "retrieved"
            [data]
            label = "label"
            domain = "domain"
            user = "user"
            fields = ["user", "item", "category"]
            item = { column = "item", fields = ["category"] }
            [model]
            kind = "mlp"
            embedding = 2
            hidden = [3]
            [retrieval]
            dimension = 2
            hidden = []
            [train]
            batch = 32
            epochs = 2
            stop.metric = "recall@5"
            [eval]
            resamples = 20
            metrics = ["recall@5"]
        "#,
    ),
];

#[test]
fn runs_of_examples_of_every_format_open_and_measure_as_they_did() {
    for format in FIRST..=adepts::manifest::FORMAT {
        for (name, _) in RUNS {
            // An evaluation is kept in the run, and these runs stay as they are.
            let (kept, copy) = (home(format).join(name), tempfile::tempdir().unwrap());
            for file in files(&kept) {
                let place = copy.path().join(&file);
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::copy(kept.join(&file), place).unwrap();
            }
            let run = TabularRun::open(copy.path()).unwrap();
            assert_eq!(run.manifest.format, format);
            assert!(run.data.manifest().seen.is_none(), "what was only seen was not kept then");
            let [then] = run.summary().unwrap().unwrap().runs.try_into().unwrap();
            assert!(!then.metrics.is_empty() && !run.epochs().unwrap().is_empty());
            let now = run.evaluate(Part::Test, &[], &mut progress::silent).unwrap();
            for (metric, value) in &then.metrics {
                // Another processor may round otherwise.
                assert!((now.metrics[metric] - value).abs() < 1e-6, "{name}, format {format}: {metric}");
            }
        }
    }
}

#[test]
fn a_run_from_before_the_tower_of_cesaa_knew_the_domain_stays_so_and_a_new_experiment_does_not() {
    let folder = home(FIRST).join("scored");
    let tower = |experiment: &TabularExperiment| experiment.model["tower_domain"].as_str().unwrap().to_owned();
    let kept = fs::read_to_string(folder.join("config.toml")).unwrap();
    assert!(!kept.contains("tower_domain"), "it was no setting then");
    let then = adepts::tabular::run::experiment(&folder).unwrap();
    assert_eq!(tower(&then), "none");
    let again = TabularExperiment::resolved("again", &then.to_toml()).unwrap();
    assert_eq!(again, then, "what is written out from now on names it");
    let now = TabularExperiment::read("now", RUNS[0].1, &["data.source=nowhere.csv".into()], &|_| None).unwrap();
    assert_eq!(tower(&now), "bias");
}

/// To be run once, when there is a new format: `cargo test … --test conformance -- --ignored of_the_newest_format`.
#[test]
#[ignore = "writes the files that the other test reads"]
fn small_runs_of_examples_of_the_newest_format_are_written() {
    let home = home(adepts::manifest::FORMAT);
    assert!(!home.exists(), "{} is there for ever", home.display());
    fs::create_dir_all(&home).unwrap();
    let log = home.join("rows.csv");
    let world =
        DomainsConfig { rows: 300, users: 20, items: 12, domains: 2, lowest_rate: 0.4, ..DomainsConfig::default() };
    simulate_domains(&world, &log, &mut progress::silent).unwrap();
    for (name, text) in RUNS {
        let source = [format!("data.source={}", log.display())];
        let experiment = TabularExperiment::read(name, text, &source, &|_| None).unwrap();
        let (run, _) = working(How::default(), |work| experiment::run(&experiment, &home.join(name), work));
        run.unwrap();
    }
    assert!(files(&home).iter().all(|file| fs::metadata(home.join(file)).unwrap().len() < 30_000));
}
