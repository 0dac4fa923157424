//! Stopped or killed at any moment and resumed, a training ends with the bytes of one that was not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Done, adepts, assert_same, folder, prepared, run, words};

const TRAIN: &str = "train --model tall --data {} --out {} --checkpoint-every 0.02 --resume -q --set name=same \
     --set model.experts=3 --set model.hidden=[16] --set model.weights.gap=3 --set train.batch=16 --set train.epochs=25 \
     --set train.stop.patience=100 --set eval.resamples=100";

fn start(out: &Path) -> Child {
    let mut command = adepts(words(TRAIN, &[prepared(), out]));
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn uninterrupted(folder: &Path) -> PathBuf {
    let out = folder.join("whole");
    run(TRAIN, &[prepared(), &out]).ok();
    out
}

fn wait_for_epochs(out: &Path, child: &mut Child, epochs: usize) {
    let log = out.join("epochs.jsonl");
    while fs::read_to_string(&log).map_or(0, |text| text.lines().count()) < epochs {
        assert!(child.try_wait().unwrap().is_none(), "it ended before epoch {epochs}");
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_training_that_was_asked_to_stop_is_resumed() {
    let folder = folder();
    let out = folder.path().join("stopped");
    for (signal, code, epochs) in [("TERM", 143, 2), ("INT", 130, 9)] {
        let mut child = start(&out);
        wait_for_epochs(&out, &mut child, epochs);
        assert!(Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap().success());
        let done = Done::of(&child.wait_with_output().unwrap()).fails(code, &["interrupted in epoch", "--resume"]);
        assert!(done.out.is_empty() && !done.err.contains("error"), "{}", done.err);
        assert!(!out.join("manifest.json").exists(), "an unfinished run is no run");
        run("evaluate {}", &[&out]).fails(1, &["not finished", "--resume"]);
    }
    let other = TRAIN.replace("train.batch=16", "train.batch=32");
    run(&other, &[prepared(), &out]).fails(2, &["other settings", "batch"]);
    run(TRAIN, &[prepared(), &out]).ok();
    assert_same(&uninterrupted(folder.path()), &out);
}

#[test]
fn a_training_that_is_resumed_says_where_it_continues() {
    let folder = folder();
    let out = folder.path().join("told");
    let train = TRAIN.replace(" -q", "");
    let done = run(&train.replace("train.epochs=25", "train.epochs=3"), &[prepared(), &out]).ok();
    for text in ["there is no checkpoint to continue from", "stopped at the limit of 3 epochs"] {
        assert!(done.err.contains(text), "`{text}` is not in {}", done.err);
    }
    assert_eq!(
        done.err.lines().filter(|line| line.starts_with("epoch ")).count(),
        2,
        "the first and the last: {}",
        done.err
    );
    let out = folder.path().join("stopped");
    let mut child = start(&out);
    wait_for_epochs(&out, &mut child, 4);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let stopped = Done::of(&child.wait_with_output().unwrap()).fails(130, &["interrupted in epoch"]);
    let place = stopped.err.split("interrupted in epoch ").nth(1).unwrap();
    let (epoch, batch) = place.split_once(" after ").unwrap();
    let batch = batch.split(' ').next().unwrap();
    let done = run(&train, &[prepared(), &out]).ok();
    let said = format!("continues at epoch {epoch}, after {batch} batch");
    assert!(done.err.contains(&said), "`{said}` is not in {}", done.err);
}

#[test]
fn a_training_that_was_killed_again_and_again_is_resumed() {
    let folder = folder();
    let whole = uninterrupted(folder.path());
    let out = folder.path().join("killed");
    // Moments of a small generator: the same each time, yet on no boundary of the work.
    let mut state = 20_240_817_u64;
    let mut kills = 0;
    while kills < 8 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = start(&out);
        sleep(Duration::from_millis(10 + (state >> 33) % 70));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 2, "killed only {kills} times");
    run(TRAIN, &[prepared(), &out]).ok();
    assert_same(&whole, &out);
}
