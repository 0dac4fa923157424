//! Runs of every format that was ever written open for ever, with the scores that they gave then.

#![expect(clippy::disallowed_methods, reason = "files are written for good by one of the tests")]

use std::fs;
use std::path::{Path, PathBuf};

use adepts::HistoryRun;
use adepts::models::find;

use crate::support::{How, experiment, files, run, score, two_tastes};

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat")
}

/// The scores of the users of a run.
fn scores(run: &HistoryRun) -> Vec<f32> {
    score(&*run.model, &run.data.train, &run.data.validation).0
}

#[test]
fn a_run_of_every_format_opens_with_the_scores_that_it_gave() {
    for format in 1..=adepts::manifest::FORMAT {
        let folder = home().join(format!("format-{format}"));
        let run = HistoryRun::open(&folder.join("run")).unwrap();
        assert_eq!(run.manifest.format, format);
        let recorded: Vec<f32> = serde_json::from_slice(&fs::read(folder.join("scores.json")).unwrap()).unwrap();
        let found = scores(&run);
        assert_eq!(found.len(), recorded.len());
        for (found, recorded) in found.iter().zip(&recorded) {
            // Another processor may round otherwise.
            assert!((found - recorded).abs() <= 1e-5 * recorded.abs().max(1.0), "{found}, recorded {recorded}");
        }
        assert!(!run.epochs().unwrap().is_empty());
        assert!(run.summary().unwrap().is_some());
        let evaluated =
            run.evaluate(adepts::history::request::Request::default(), &mut adepts::data::progress::silent).unwrap();
        let then = <adepts::history::record::Record>::open(&run.folder).unwrap().summary;
        for (metric, value) in &then.metrics {
            assert!((evaluated.summary.metrics[metric] - value).abs() < 1e-6, "{metric}");
        }
    }
}

/// To be run once, when there is a new format: `cargo test … --test conformance -- --ignored of_the_newest_format`.
#[test]
#[ignore = "writes the files that the other test reads"]
fn a_small_run_of_the_newest_format_is_written() {
    let folder = home().join(format!("format-{}", adepts::manifest::FORMAT));
    assert!(!folder.exists(), "{} is there for ever", folder.display());
    let sets = [
        "model.experts=2",
        "model.hidden=[3]",
        "train.epochs=5",
        "train.batch=4",
        "train.optimizer.learning_rate=0.1",
        "name='compat'",
    ];
    let (experiment, data) = (experiment(find("tall").unwrap(), &sets), two_tastes(12, 10));
    run(&experiment, &data, &folder.join("run"), How::default()).unwrap();
    let scores = scores(&HistoryRun::open(&folder.join("run")).unwrap());
    fs::write(folder.join("scores.json"), serde_json::to_string(&scores).unwrap()).unwrap();
    assert!(files(&folder).iter().all(|file| fs::metadata(folder.join(file)).unwrap().len() < 10_000));
}
