//! Equal is equal, bit for bit: whatever the threads, the stops and the way through a file.

use std::path::Path;

use adepts::models::HISTORY_MODELS;
use adepts::{HistoryExperiment, HistoryRun};

use crate::support::{
    COMMUNITY, How, RUNS, bits, counted, experiment, learners, log, model_bytes, run, scores, timeless, with_stops,
};

/// Runs an experiment in a pool of so many threads.
fn in_threads(threads: usize, experiment: &HistoryExperiment, folder: &Path) -> adepts::eval::RunSummary {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| timeless(run(experiment, &COMMUNITY, folder, How::default()).unwrap()))
}

#[test]
fn equal_seeds_give_equal_runs_for_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    for spec in HISTORY_MODELS {
        let experiment = experiment(spec, &[]);
        let of = |threads: usize| {
            let folder = home.path().join(format!("{}-{threads}", spec.name));
            let summary = in_threads(threads, &experiment, &folder);
            (model_bytes(&folder), summary, log(&folder))
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
fn another_seed_gives_other_parameters() {
    let home = tempfile::tempdir().unwrap();
    for spec in learners() {
        let bytes = ["seed=1", "seed=2"].map(|seed| {
            let folder = home.path().join(spec.name).join(seed);
            run(&experiment(spec, &[seed, "train.epochs=1"]), &COMMUNITY, &folder, How::default()).unwrap();
            model_bytes(&folder)
        });
        assert!(bytes[0] != bytes[1], "{}", spec.name);
    }
}

#[test]
fn a_run_answers_after_opening_as_the_model_did_in_training() {
    for trained in RUNS.iter() {
        let run = HistoryRun::open(&trained.folder).unwrap();
        let again =
            run.evaluate(adepts::history::request::Request::default(), &mut adepts::data::progress::silent).unwrap();
        let (now, then) = (timeless(again.summary), timeless(trained.summary.clone()));
        assert_eq!(now, then, "{}", trained.spec.name);
        assert_eq!(run.experiment, trained.experiment);
        assert_eq!(run.data, *COMMUNITY);
    }
}

#[test]
fn saving_and_loading_changes_no_score() {
    let home = tempfile::tempdir().unwrap();
    for trained in RUNS.iter() {
        let mut run = HistoryRun::open(&trained.folder).unwrap();
        let before = scores(&run);
        let path = home.path().join(trained.spec.name);
        run.model.save().write(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), model_bytes(&trained.folder), "{}", trained.spec.name);
        run.model.load(&adepts::contract::Tensors::read(&path).unwrap()).unwrap();
        assert_eq!(bits(&scores(&run)), bits(&before), "{}", trained.spec.name);
    }
}

#[test]
fn stopping_and_resuming_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    for spec in learners() {
        let experiment = experiment(spec, &[]);
        let of = |stops: &[usize]| {
            let folder = home.path().join(format!("{}-{}", spec.name, stops.len()));
            let run = |how: How| {
                let done = counted(&experiment, &COMMUNITY, &folder, how);
                if done.0.is_err() {
                    let error = HistoryRun::open(&folder).err().unwrap();
                    assert!(error.to_string().contains("is not finished; continue it with"), "{error}");
                }
                done
            };
            (with_stops(stops, run), model_bytes(&folder), log(&folder))
        };
        let whole = of(&[]);
        // Five updates make an epoch: within one, and after one or within another that has weights.
        for stops in [&[7][..], &[10, 8]] {
            let stopped = of(stops);
            assert_eq!(stopped.2, whole.2, "{}", spec.name);
            assert!(stopped.1 == whole.1, "{}: other parameters", spec.name);
            assert_eq!(stopped.0, whole.0, "{}", spec.name);
        }
    }
}
