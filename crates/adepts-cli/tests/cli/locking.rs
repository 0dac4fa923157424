//! One process at a time writes into a folder, and the others are told which.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use adepts::data::Lock;
use adepts::{HistoryRun, folder};

use crate::support::{self, Done, adepts, epochs, log, prepared, run as call, runs, words, write};

const TRAIN: &str = "train --model multvae --data {} --out {} -q --threads 1 --set model.hidden=[8] --set train.batch=16 \
     --set train.epochs=2000 --set train.stop.patience=2000 --set eval.resamples=50 --checkpoint-every 0.02";

fn start(line: &str, paths: &[&Path]) -> Child {
    adepts(words(line, paths)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for(path: &Path) {
    for _ in 0..3000 {
        if path.exists() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("{} does not come", path.display());
}

fn titles(folder: &Path) -> PathBuf {
    let titles = folder.join("titles.csv");
    write(&titles, "item,title\ni00001,The first\ni00002,The second\n");
    titles
}

#[test]
fn a_run_that_is_being_trained_is_left_alone_and_a_killed_training_locks_nothing() {
    let home = support::folder();
    let (out, titles) = (home.path().join("run"), titles(home.path()));
    let mut training = start(TRAIN, &[prepared(), &out]);
    wait_for(&out.join("checkpoint.safetensors"));
    let by = format!("is being written by process {} on ", training.id());
    let other = TRAIN.replace("[8]", "[4]");
    for how in ["", "--resume", "--overwrite"] {
        call(&format!("{other} {how}"), &[prepared(), &out]).fails(1, &[&by, "run is being written"]);
    }
    call("train --resume {}", &[&out]).fails(1, &[&by]);
    call("train --model ease --data {} --out {} --overwrite", &[prepared(), &out]).fails(1, &[&by]);
    call("evaluate {}", &[&out]).fails(1, &[&by]);
    call("titles {} {}", &[&out, &titles]).fails(1, &[&by]);
    call("recommend {} --user u00001", &[&out]).fails(1, &["is not finished", &format!("process {}", training.id())]);
    training.kill().unwrap();
    training.wait().unwrap();
    assert!(out.join(adepts::data::lock::LOCK).exists(), "it was killed and could not tidy up");
    let shorter = TRAIN.replace("epochs=2000", "epochs=2");
    call(&format!("{shorter} --overwrite"), &[prepared(), &out]).ok();
    assert_eq!(epochs(&out).len(), 2);
    assert!(!out.join(adepts::data::lock::LOCK).exists());
    call("evaluate {} -q", &[&out]).ok();
}

#[test]
fn whoever_writes_into_a_finished_run_keeps_other_writers_away_and_no_readers() {
    let home = support::folder();
    let (out, titles) = (home.path().join("run"), titles(home.path()));
    call("train --model ease --data {} --out {} -q", &[prepared(), &out]).ok();
    let [popularity, ..] = runs();
    let lock = folder::lock(&out).unwrap();
    let by = format!("process {} on ", std::process::id());
    let page = out.join("report.html");
    call("evaluate {}", &[&out]).fails(1, &[&by]);
    call("titles {} {}", &[&out, &titles]).fails(1, &[&by]);
    call("report {} --out {}", &[&out, &page]).fails(1, &[&by]);
    call("train --resume {}", &[&out]).fails(1, &[&by]);
    call("recommend {} --user u00001 -q", &[&out]).ok();
    call("evaluate {} --part validation -q", &[&out]).ok();
    call("compare {} {}", &[popularity, &out]).ok();
    call("report {} {} --out {}", &[popularity, &out, &home.path().join("both.html")]).ok();
    let lists = home.path().join("lists.csv");
    call("recommend {} --all --out {} -q", &[&out, &lists]).ok();
    drop(lock);
    call("evaluate {} -q", &[&out]).ok();
    call("titles {} {} -q", &[&out, &titles]).ok();
    call("report {} --out {}", &[&out, &page]).ok();
}

#[test]
fn a_prepared_folder_and_a_file_of_lists_have_one_writer_too() {
    let home = support::folder();
    let (data, lists) = (home.path().join("data"), home.path().join("lists.parquet"));
    let prepare = "prepare --input {} --user user --item item --out {} -q";
    let [popularity, ..] = runs();
    let by = format!("process {} on ", std::process::id());
    for existing in [false, true] {
        let lock = Lock::beside(&data).unwrap();
        call(prepare, &[log(), &data]).fails(1, &["data is being written", &by]);
        assert_eq!(data.exists(), existing);
        drop(lock);
        call(prepare, &[log(), &data]).ok();
    }
    let lock = Lock::take(&home.path().join("lists.parquet.parts")).unwrap();
    call("recommend {} --all --out {}", &[popularity, &lists]).fails(1, &["lists.parquet.parts is being written", &by]);
    drop(lock);
    call("recommend {} --all --out {} -q", &[popularity, &lists]).ok();
    let names: Vec<String> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !["data", "lists.parquet"].contains(&name.as_str()))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named() {
    let home = support::folder();
    let file = home.path().join("afile");
    write(&file, "x");
    for out in [file.clone(), file.join("run")] {
        call("train --model ease --data {} --out {}", &[prepared(), &out]).fails(1, &["afile is a file, not a folder"]);
    }
}

/// What may be done to a run, all of it quickly.
const COMMANDS: [&str; 9] = [
    "train --model ease --data {data} --out {run} -q --overwrite",
    "train --model multvae --data {data} --out {run} -q --overwrite --checkpoint-every 0 --set model.hidden=[4] --set train.epochs=4",
    "train --model multvae --data {data} --out {run} -q --resume --checkpoint-every 0 --set model.hidden=[4] --set train.epochs=4",
    "train --model multvae --data {data} --out {run} -q --overwrite --checkpoint-every 0 --set model.hidden=[6] --set train.epochs=3",
    "train --model popularity --data {data} --out {run} -q",
    "train --resume {run} -q",
    "evaluate {run} -q",
    "titles {run} {titles} -q",
    "report {run} --out {run}/report.html",
];

#[test]
fn two_commands_at_once_never_leave_a_damaged_run() {
    let home = support::folder();
    let (log, data, out) = (home.path().join("log.csv"), home.path().join("data"), home.path().join("run"));
    call("simulate --users 60 --items 30 --set interactions=12 --out {} -q", &[&log]).ok();
    call("prepare --input {} --user user --item item --out {} -q", &[&log, &data]).ok();
    let titles = titles(home.path());
    let mut state = 20_240_817_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut finished = 0;
    for pair in 0..50 {
        let line = |nth: u64| {
            let line = COMMANDS[nth as usize].replace("{data}", &data.display().to_string());
            let line = line.replace("{run}", &out.display().to_string());
            line.replace("{titles}", &titles.display().to_string()) + " --threads 1"
        };
        let lines = [line(draw(9)), line(draw(9))];
        // One in six is killed or asked to stop.
        let (first, second) = (start(&lines[0], &[]), {
            sleep(Duration::from_millis(draw(60)));
            start(&lines[1], &[])
        });
        if let Some(signal) = ["KILL", "INT"].get(draw(12) as usize) {
            sleep(Duration::from_millis(draw(60)));
            Command::new("kill")
                .args([format!("-{signal}"), first.id().to_string()])
                .stderr(Stdio::null())
                .status()
                .unwrap();
        }
        for (child, line) in [first, second].into_iter().zip(&lines) {
            let done = Done::of(&child.wait_with_output().unwrap());
            let known = [
                "is being written by",
                "exists and is not empty",
                "other settings",
                "is not finished",
                "is not a run",
                "holds no run that was begun",
                "interrupted",
                "on other data or another split",
            ];
            let expected = match done.code {
                Some(0) | None => true,
                Some(130) => done.err.is_empty() || done.err.contains("interrupted"),
                Some(_) => known.iter().any(|text| done.err.contains(text)),
            };
            assert!(expected, "pair {pair}, {line}: {:?} {}", done.code, done.err);
        }
        finished += usize::from(check(&out, pair, &lines));
    }
    assert!(finished > 20, "only {finished} of the pairs left a finished run");
}

/// Whether there is a finished run, which is whole; one that is not finished can be continued.
fn check(out: &Path, pair: usize, lines: &[String; 2]) -> bool {
    if !out.join("manifest.json").exists() {
        if out.join("config.toml").exists() {
            let done = call("train --resume {} -q --threads 1", &[out]);
            assert_eq!(done.code, Some(0), "pair {pair}, {lines:?}: {}", done.err);
        }
        return false;
    }
    let opened = HistoryRun::open(out).unwrap_or_else(|error| panic!("pair {pair}, {lines:?}: {error}"));
    let epochs: Vec<usize> = adepts::manifest::epochs(out).unwrap().iter().map(|record| record.epoch).collect();
    let expected = opened.manifest.epochs.map_or(0, |(_, epochs)| epochs);
    assert!(epochs.iter().copied().eq(1..=expected), "pair {pair}, {lines:?}: {epochs:?} for {expected} epochs");
    let summary = adepts::manifest::evaluation(out).unwrap();
    assert_eq!(summary.model, opened.manifest.model, "pair {pair}, {lines:?}");
    let users = adepts::eval::read_per_user(&out.join("per_user.parquet"), &opened.data.users);
    users.unwrap_or_else(|error| panic!("pair {pair}, {lines:?}: {error}"));
    adepts::Artefact::open(out).unwrap_or_else(|error| panic!("pair {pair}, {lines:?}: {error}"));
    true
}
