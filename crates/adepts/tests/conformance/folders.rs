//! Run folders: what is in them, who may write there, and what an interrupted end leaves.

#![expect(clippy::disallowed_methods, reason = "files are put in the way on purpose")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use adepts::data::DataError;
use adepts::history::experiment::run_on;
use adepts::history::run as files_of;
use adepts::work::Work;
use adepts::{Error, HistoryRun, RunError, folder};

use crate::support::{COMMUNITY, How, RUNS, counted, experiment, files, learners, log, model_bytes, run, timeless};

#[test]
fn a_finished_run_holds_the_documented_files_and_nothing_else() {
    let learners: Vec<_> = learners().map(|spec| spec.name).collect();
    for trained in RUNS.iter() {
        let mut expected = vec!["answers/groups.json", "answers/histories.parquet", "answers/items.parquet"];
        expected.extend([
            "answers/seen.parquet",
            "answers/users.parquet",
            "config.toml",
            "data/interactions.parquet",
            "data/items.parquet",
        ]);
        expected.extend(["data/manifest.json", "data/users.parquet"]);
        expected.extend(learners.contains(&trained.spec.name).then_some("epochs.jsonl"));
        expected.extend(["manifest.json", "model.safetensors", "per_user.parquet", "report.json"]);
        assert_eq!(files(&trained.folder), expected, "{}", trained.spec.name);
        let tops = expected.iter().map(|file| file.split('/').next().unwrap());
        assert!(tops.into_iter().all(|file| folder::FILES.contains(&file)));
    }
}

#[test]
fn resuming_a_finished_run_leaves_it_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    for spec in adepts::models::HISTORY_MODELS {
        let (experiment, folder) = (experiment(spec, &["train.epochs=2"]), home.path().join(spec.name));
        let first = run(&experiment, &COMMUNITY, &folder, How::default()).unwrap();
        let read = || files(&folder).into_iter().map(|file| fs::read(folder.join(file)).unwrap()).collect::<Vec<_>>();
        let before = read();
        // What a process leaves that was killed after it had written the manifest.
        for leftover in ["checkpoint.safetensors", "best.safetensors", ".writing-1"] {
            fs::write(folder.join(leftover), "old").unwrap();
        }
        let mut moved = experiment.clone();
        moved.data.source = "elsewhere".into();
        let (again, steps) = counted(&moved, &COMMUNITY, &folder, How { resume: true, ..How::default() });
        assert_eq!((again.unwrap(), steps), (first, 0), "{}", spec.name);
        assert!(read() == before, "{}: a file was changed", spec.name);
        HistoryRun::open(&folder).unwrap();

        let mut other = experiment;
        other.seed += 1;
        let error = run(&other, &COMMUNITY, &folder, How { resume: true, ..How::default() }).unwrap_err().to_string();
        assert!(error.contains("was begun with other settings: seed was"), "{error}");
    }
}

#[test]
fn a_run_whose_end_was_interrupted_is_ended_without_training_again() {
    let home = tempfile::tempdir().unwrap();
    for spec in learners() {
        let (experiment, folder) = (experiment(spec, &["train.epochs=3"]), home.path().join(spec.name));
        let whole_folder = home.path().join(format!("{}-whole", spec.name));
        let whole = run(&experiment, &COMMUNITY, &whole_folder, How::default()).unwrap();
        // Nothing can be put in the place of this, so the data cannot be saved.
        fs::create_dir_all(folder.join("data")).unwrap();
        fs::write(folder.join("data/mine.txt"), "mine").unwrap();
        fs::write(folder.join("config.toml"), experiment.to_toml()).unwrap();
        let failed = run(&experiment, &COMMUNITY, &folder, How { resume: true, ..How::default() });
        assert!(matches!(failed, Err(Error::Data(_))), "{failed:?}");
        assert!(matches!(HistoryRun::open(&folder).err(), Some(Error::Run(RunError::Unfinished { .. }))));
        fs::remove_dir_all(folder.join("data")).unwrap();
        let (ended, steps) = counted(&experiment, &COMMUNITY, &folder, How { resume: true, ..How::default() });
        assert_eq!(steps, 0, "{}: trained again", spec.name);
        assert_eq!(timeless(ended.unwrap()), timeless(whole), "{}", spec.name);
        assert!(model_bytes(&folder) == model_bytes(&whole_folder), "{}", spec.name);
        assert_eq!(log(&folder), log(&whole_folder), "{}", spec.name);
        assert_eq!(files(&folder), files(&whole_folder));
    }
}

#[test]
fn a_folder_is_taken_only_if_it_is_free_or_a_run_and_that_was_said() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    let spec = adepts::models::HISTORY_MODELS[0];
    let experiment = experiment(spec, &[]);
    run(&experiment, &COMMUNITY, &folder, How::default()).unwrap();
    let again = run(&experiment, &COMMUNITY, &folder, How::default());
    assert!(matches!(again, Err(Error::Run(RunError::Exists { .. }))), "{again:?}");

    fs::write(folder.join("notes.txt"), "mine").unwrap();
    let mut other = experiment.clone();
    other.name = "other".into();
    run(&other, &COMMUNITY, &folder, How { overwrite: true, ..How::default() }).unwrap();
    assert_eq!(HistoryRun::open(&folder).unwrap().experiment.name, "other");
    assert_eq!(fs::read(folder.join("notes.txt")).unwrap(), b"mine");

    // A prepared folder has a manifest too, and a project may have a config.toml.
    let prepared = home.path().join("prepared");
    COMMUNITY.save(&prepared).unwrap();
    let project = home.path().join("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("config.toml"), "title = 'mine'").unwrap();
    for (place, file) in [(&prepared, "users.parquet"), (&project, "config.toml")] {
        for (resume, overwrite) in [(false, false), (true, false), (false, true), (true, true)] {
            let before = files(place);
            let taken = run(&experiment, &COMMUNITY, place, How { resume, overwrite, ..How::default() });
            let error = taken.unwrap_err().to_string();
            assert!(error.contains("not a run") || error.contains("is not empty"), "{error}");
            assert_eq!(files(place), before);
            assert!(place.join(file).exists());
        }
    }
    let file = home.path().join("file");
    fs::write(&file, "mine").unwrap();
    let refused = run(&experiment, &COMMUNITY, &file, How::default());
    assert!(matches!(refused, Err(Error::Data(DataError::NotAFolder { .. }))), "{refused:?}");
}

/// Does an experiment that is ended where it first says how far it is.
fn ended_at_once(experiment: &adepts::HistoryExperiment, folder: &std::path::Path, resume: bool, overwrite: bool) {
    let mut progress = |_: &str, _: u64, _: Option<u64>| std::panic::resume_unwind(Box::new("ended"));
    let mut work = Work {
        progress: &mut progress,
        observer: &mut (),
        stop: &|| false,
        available: None,
        checkpoint_every: 1e9,
        resume,
        overwrite,
    };
    let done = catch_unwind(AssertUnwindSafe(|| run_on(experiment, &COMMUNITY, 0.0, folder, &mut work)));
    assert_eq!(done.unwrap_err().downcast_ref::<&str>(), Some(&"ended"));
}

#[test]
fn a_closed_form_that_is_ended_leaves_nothing_and_an_earlier_run_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let learners: Vec<_> = learners().map(|spec| spec.name).collect();
    for spec in adepts::models::HISTORY_MODELS.iter().filter(|spec| !learners.contains(&spec.name)) {
        let (experiment, folder) = (experiment(spec, &[]), home.path().join(spec.name));
        for resume in [false, true] {
            ended_at_once(&experiment, &folder, resume, false);
            assert!(!folder.exists(), "{}", spec.name);
        }
        run(&experiment, &COMMUNITY, &folder, How::default()).unwrap();
        let read = || files(&folder).into_iter().map(|file| fs::read(folder.join(file)).unwrap()).collect::<Vec<_>>();
        let before = read();
        ended_at_once(&experiment, &folder, false, true);
        assert!(read() == before, "{}: the earlier run was changed", spec.name);
        run(&experiment, &COMMUNITY, &folder, How { overwrite: true, ..How::default() }).unwrap();
    }
}

#[test]
fn a_request_that_cannot_be_answered_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    for spec in adepts::models::HISTORY_MODELS {
        let folder = home.path().join(spec.name);
        let experiment = experiment(spec, &["eval.groups=[{ by = 'column', column = 'nothing' }]"]);
        let failed = run(&experiment, &COMMUNITY, &folder, How::default());
        assert!(matches!(failed, Err(Error::Data(_))) && !folder.exists(), "{}: {failed:?}", spec.name);
    }
}

#[test]
fn a_finished_run_is_not_continued_with_other_data() {
    let home = tempfile::tempdir().unwrap();
    let experiment = experiment(adepts::models::HISTORY_MODELS[0], &[]);
    run(&experiment, &COMMUNITY, home.path(), How::default()).unwrap();
    let other = crate::support::two_tastes(20, 12);
    let error = run(&experiment, &other, home.path(), How { resume: true, ..How::default() }).unwrap_err().to_string();
    assert!(error.contains("is a finished run on other data"), "{error}");
    assert!(files_of::manifest(home.path()).is_ok());
}

#[cfg(unix)]
#[test]
fn whoever_may_read_the_folder_may_read_every_file() {
    use std::os::unix::fs::PermissionsExt;
    for trained in RUNS.iter() {
        for file in files(&trained.folder) {
            let mode = fs::metadata(trained.folder.join(&file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o444, 0o444, "{}: {file} {mode:o}", trained.spec.name);
        }
    }
}
