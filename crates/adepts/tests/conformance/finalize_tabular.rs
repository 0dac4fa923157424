//! The final form of every tabular model: on all rows, whose values it all knows.

use std::path::{Path, PathBuf};

use adepts::data::tabular::{RawFiles, TabularDataset, TabularSplit};
use adepts::data::{Part, progress};
use adepts::finalize::Finalized;
use adepts::models::TABULAR_MODELS;
use adepts::serve::Exclude;
use adepts::tabular::report;
use adepts::{Error, RunError, TabularExperiment, TabularRun, finalize};

use crate::support::{How, files, log, model_bytes, timeless, with_stops, working};
use crate::{retrieval as towers, tabular_models};

fn finalized(source: &Path, from: Option<&str>, folder: &Path, how: How) -> (Result<Finalized, Error>, usize) {
    working(how, |work| finalize::run(source, from, folder, work))
}

/// Rows of the log, but for its header.
fn rows(log: &Path) -> u64 {
    std::fs::read_to_string(log).unwrap().lines().skip(1).filter(|line| !line.is_empty()).count() as u64
}

fn evaluated(experiment: &TabularExperiment, data: &TabularDataset, folder: PathBuf) -> PathBuf {
    tabular_models::run_with(experiment, data, &folder, How::default()).unwrap();
    folder
}

#[test]
fn every_ranker_is_finalized_on_all_rows_also_if_it_was_stopped() {
    let home = tempfile::tempdir().unwrap();
    let (from, data, _) = &*tabular_models::DATA;
    for spec in TABULAR_MODELS {
        let name = spec.name;
        // The best epoch is the number of epochs; three of 3,000 rows have twelve updates each.
        let source = evaluated(&tabular_models::experiment(spec, &[]), data, home.path().join(name));
        let of = |which: &str, stops: &[usize]| {
            let folder = home.path().join(format!("{name}-{which}"));
            with_stops(stops, |how| {
                let (made, steps) = finalized(&source, None, &folder, how);
                (made.map(|made| made.figures), steps)
            });
            folder
        };
        let (folder, stopped) = (of("final", &[]), of("stopped", &[3, 4]));
        assert!(model_bytes(&folder) == model_bytes(&stopped), "{name}: other parameters");
        assert_eq!(log(&folder), log(&stopped), "{name}");
        let (run, last) = (TabularRun::open(&source).unwrap(), TabularRun::open(&folder).unwrap());
        assert_eq!((last.manifest.rows as u64, last.data.rows(Part::Train) as u64), (rows(from), rows(from)), "{name}");
        assert_eq!((last.data.rows(Part::Validation), last.data.rows(Part::Test)), (0, 0));
        let best = run.manifest.epochs.0;
        assert_eq!((last.manifest.epochs, log(&folder).len()), ((best, best), best), "{name}");
        assert_eq!(last.experiment.split, TabularSplit::All {});
        // Values that only held-out rows have are known, and counted over all rows.
        let counted = last.data.vocabulary(0).unwrap().unwrap().1;
        assert_eq!(counted.iter().sum::<u64>(), rows(from), "{name}");
        assert!(last.data.manifest().fields.iter().all(|field| field.unknown.total() == 0), "{name}");
        let figures = timeless(finalize::figures(&folder).unwrap());
        assert_eq!(figures, timeless(run.summary().unwrap().unwrap().runs.remove(0)), "{name}");
        let met = last.predict::<Error>(&RawFiles::from(&last.experiment.data), |_| Ok(()), &mut progress::silent);
        assert_eq!(met.unwrap().unknown, [], "{name}");
        let refused = last.evaluate(adepts::part::Part::Test, &[], &mut progress::silent).unwrap_err();
        assert!(matches!(refused, Error::Run(RunError::Final { .. })), "{refused}");
        assert!(report::Record::open(&folder).is_err() && report::outline(&folder, &[]).is_err());
        assert!(adepts::answers::open(&folder).is_ok(), "{name}");
        let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(page.contains("A final model") && page.contains("experiment (evaluated)"), "{name}");
        assert!(!files(&folder).iter().any(|file| file.contains("checkpoint") || file.starts_with('.')));
        assert!(finalize::hint(&source).unwrap().contains(&format!("of its {} rows", rows(from))));
        assert_eq!(finalize::hint(&folder), None);
    }
}

#[test]
fn retrieval_is_finalized_on_all_positives_and_knows_every_item() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["mlp", "single"] {
        let data = &towers::DATA.1;
        let source = evaluated(&towers::experiment(kind, &[]), data, home.path().join(kind));
        let folder = home.path().join(format!("{kind}-final"));
        let made = finalized(&source, None, &folder, How::default()).0.unwrap();
        let positives: usize = [Part::Train, Part::Validation, Part::Test].map(|part| data.rows(part)).iter().sum();
        let last = TabularRun::open(&folder).unwrap();
        assert_eq!((made.rows, last.data.rows(Part::Train)), (positives as u64, positives), "{kind}");
        let catalogue = last.data.catalogue().unwrap().unwrap();
        assert_eq!(catalogue.counts.iter().sum::<u64>(), positives as u64);
        let mut lists = 0;
        let each = |block: adepts::tabular::predict::Retrieved| {
            lists += block.lists.iter().filter(|list| list.len() == 3).count();
            Ok::<(), Error>(())
        };
        last.retrieve(&RawFiles::from(&last.experiment.data), 3, Exclude::None, each, &mut progress::silent).unwrap();
        assert!(lists > positives, "{kind}");
    }
}

#[test]
fn the_log_must_be_there_and_be_the_one_that_the_run_was_trained_on() {
    let home = tempfile::tempdir().unwrap();
    let from = home.path().join("log.csv");
    let text = std::fs::read_to_string(&tabular_models::DATA.0).unwrap();
    let write = |path: &Path, text: &str| {
        adepts::data::write_atomically(path, |out| std::io::Write::write_all(out, text.as_bytes())).unwrap();
    };
    write(&from, &text);
    let spec = adepts::models::find_tabular("mlp").unwrap();
    let mut experiment = tabular_models::experiment(spec, &["train.epochs=2"]);
    experiment.data.source = from.display().to_string();
    let (source, folder) = (home.path().join("mlp"), home.path().join("prod"));
    working(How::default(), |work| adepts::tabular::experiment::run(&experiment, &source, work)).0.unwrap();
    let moved = home.path().join("moved.csv");
    std::fs::rename(&from, &moved).unwrap();
    let missing = finalized(&source, None, &folder, How::default()).0.unwrap_err().to_string();
    assert!(missing.contains("log.csv") && missing.contains("--data PATH"), "{missing}");
    let other = home.path().join("other.csv");
    let last = text.trim_end().lines().last().unwrap();
    write(&other, &format!("{text}{last}\n"));
    let changed = finalized(&source, other.to_str(), &folder, How::default()).0.unwrap_err().to_string();
    assert!(changed.contains("is not the log that"), "{changed}");
    assert!(!folder.exists(), "nothing is left behind");
    finalized(&source, moved.to_str(), &folder, How::default()).0.unwrap();
    assert_eq!(TabularRun::open(&folder).unwrap().experiment.data.source, moved.display().to_string());
    // What nothing is held out of is nothing to evaluate on.
    experiment.data.source = folder.join("data").display().to_string();
    experiment.split = TabularSplit::All {};
    let refused =
        working(How::default(), |work| adepts::tabular::experiment::run(&experiment, &home.path().join("b"), work));
    assert!(refused.0.unwrap_err().to_string().contains("split all"));
}

#[test]
fn runs_of_earlier_formats_are_finalized_too() {
    let home = tempfile::tempdir().unwrap();
    for kept in ["format-1/run", "format-2/run", "examples-2/scored", "examples-2/retrieved", "examples-3/retrieved"] {
        let source = Path::new("tests/compat").join(kept);
        let folder = home.path().join(kept.replace('/', "-"));
        let made = finalized(&source, None, &folder, How::default()).0.unwrap();
        assert_eq!(made.rows, made.of.parts.iter().sum::<u64>(), "{kept}");
        assert!(finalize::is_final(&folder) && adepts::answers::open(&folder).is_ok(), "{kept}");
    }
}
