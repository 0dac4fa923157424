//! Help, lists and habits of the command line.

use std::process::Stdio;

use serde_json::json;

use crate::support::{adepts, log, run};

#[test]
fn help_teaches() {
    insta::assert_snapshot!("help", run("--help", &[]).ok().out);
    insta::assert_snapshot!("help_train", run("train --help", &[]).ok().out);
    insta::assert_snapshot!("help_evaluate", run("evaluate --help", &[]).ok().out);
    for verb in [
        "quickstart",
        "inspect",
        "simulate",
        "import",
        "prepare",
        "train",
        "evaluate",
        "compare",
        "report",
        "finalize",
        "recommend",
        "models",
        "metrics",
        "doctor",
    ] {
        let help = run(&format!("{verb} --help"), &[]).ok().out;
        assert!(help.contains("Example"), "{verb} has no example: {help}");
        assert!(help.contains("--threads"), "{verb}");
    }
}

#[test]
fn models_and_metrics_describe_themselves() {
    let models = run("models --json", &[]).ok().json();
    let names: Vec<&str> = models.as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    for name in &names {
        let settings = run(&format!("models {name} --json"), &[]).ok().json()["settings"].clone();
        let table: toml::Table = settings.as_str().unwrap().parse().unwrap();
        assert_eq!(table["model"]["kind"].as_str(), Some(*name), "the settings are a [model] table");
    }
    assert!(run("models tall", &[]).ok().out.contains("Pan et al."));
    run("models tal", &[]).fails(2, &["did you mean `tall`?"]);
    assert!(run("metrics", &[]).ok().out.contains("gini"));
    assert!(run("metrics ndcg@20", &[]).ok().out.contains("log2"));
    run("metrics recal", &[]).fails(2, &["did you mean `recall`?"]);
}

#[test]
fn the_doctor_counts_threads_and_memory() {
    let found = run("doctor --threads 3 --json", &[]).ok().json();
    assert_eq!((&found["threads"], &found["version"]), (&json!(3), &json!(env!("CARGO_PKG_VERSION"))));
    assert!(found["memory"]["available"].as_u64().unwrap() > 1 << 20);
    assert!(run("doctor", &[]).ok().out.contains("kernels"));
}

#[test]
fn a_wrong_request_ends_with_2() {
    run("", &[]).fails(2, &["Usage"]);
    run("trian", &[]).fails(2, &["trian", "'train'"]);
    run("doctor --threads 0", &[]).fails(2, &["--threads"]);
    run("train", &[]).fails(2, &["CONFIG"]);
    run("train --data {}", &[log()]).fails(2, &["which model?", "--model ease", "adepts models"]);
    run("doctor --threads 9999", &[]).fails(2, &["--threads"]);
    let done = run("doctor --threads 1000", &[]).ok();
    assert!(done.err.contains("--threads 1000 is more than the"), "{}", done.err);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = adepts(["inspect", &log().display().to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
}
