//! `train` and `quickstart`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{SMALL_TALL, adepts, assert_same, folder, log, prepared, run, runs, write};

#[test]
fn a_run_holds_all_that_is_promised() {
    let [_, _, tall] = runs();
    for file in ["config.toml", "manifest.json", "model.safetensors", "per_user.parquet", "report.json", "report.html"]
    {
        assert!(tall.join(file).is_file(), "{file}");
    }
    let text = fs::read_to_string(tall.join("epochs.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 4);
    let epoch: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    for key in ["epoch", "train_seconds", "eval_seconds", "losses", "validation"] {
        assert!(!epoch[key].is_null(), "{key} is missing in {epoch}");
    }
    let config = fs::read_to_string(tall.join("config.toml")).unwrap();
    for line in ["kind = \"tall\"", "experts = 3", "alpha = 0.08", "patience = 15", "beta1 = 0.9"] {
        assert!(config.contains(line), "every default is written out: {line} is not in {config}");
    }
    let page = fs::read_to_string(tall.join("report.html")).unwrap();
    assert!(page.contains("</html>") && !page.contains("<script"));
}

#[test]
fn an_experiment_file_is_read_with_overrides_and_the_environment() {
    let folder = folder();
    let (file, out) = (folder.path().join("a.toml"), folder.path().join("out"));
    write(
        &file,
        "name = \"a\"\n[data]\nsource = \"${ADEPTS_DATA}/log.csv\"\nuser = \"user\"\nitem = \"item\"\n[model]\nkind = \"multvae\"\n",
    );
    let train = "train {} --out {} --set train.epochs=2 --set model.hidden=[8] --set train.optimizer.learning_rate=0.01 -q --json";
    run(train, &[&file, &out]).fails(2, &["data/log.csv"]);
    let words = crate::support::words(train, &[&file, &out]);
    let mut command = adepts(words);
    let done = command.arg("--overwrite").env("ADEPTS_DATA", log().parent().unwrap()).output().unwrap();
    let done = crate::support::Done::of(&done).ok();
    assert!(done.err.is_empty(), "--quiet is quiet: {}", done.err);
    assert_eq!((&done.json()["runs"][0]["name"], &done.json()["runs"][0]["model"]), (&json!("a"), &json!("multvae")));
    assert_eq!(fs::read_to_string(out.join("epochs.jsonl")).unwrap().lines().count(), 2);
    run(train, &[&file, &out]).fails(2, &["exists and is not empty", "--resume", "--overwrite"]);
}

#[test]
fn unknown_keys_models_and_metrics_are_refused_with_the_nearest() {
    let folder = folder();
    let (file, out) = (folder.path().join("a.toml"), folder.path().join("out"));
    write(&file, "[model]\nkind = \"tall\"\n[train]\nbacth = 3\n");
    run("train {} --out {}", &[&file, &out]).fails(2, &["a.toml", "bacth", "`batch`?"]);
    let on = |options: &str| run(&format!("train --model tall --data {{}} --out {{}} {options}"), &[prepared(), &out]);
    on("--set model.expets=3").fails(2, &["expets", "`experts`?"]);
    on("--set model.gate.kind=mpl").fails(2, &["mpl", "`mlp`"]);
    on("--set train.stop.metric=ndgc@20").fails(2, &["ndgc@20", "ndcg"]);
    on("--set train.batch=0").fails(2, &["train.batch"]);
    run("train --model tal --data {} --out {}", &[prepared(), &out]).fails(2, &["`tal`", "`tall`?"]);
    run("train --model tall --out {}", &[&out]).fails(2, &["--data"]);
    run("train missing.toml --out {}", &[&out]).fails(2, &["missing.toml"]);
    assert!(!out.exists());
}

#[test]
fn what_does_not_fit_into_memory_is_refused_with_the_numbers() {
    let folder = folder();
    let out = folder.path().join("out");
    run(
        "train --model tall --data {} --out {} --set model.experts=100000 --set model.hidden=[4000]",
        &[prepared(), &out],
    )
    .fails(1, &["GB of memory", "parameters", "fewer experts"]);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let folder = folder();
    let out = |threads: usize| {
        let out = folder.path().join(threads.to_string());
        let line =
            format!("train --model tall --data {{}} --out {{}} --threads {threads} -q --set name=same {SMALL_TALL}");
        run(&line, &[prepared(), &out]).ok();
        out
    };
    let one = out(1);
    assert_same(&one, &out(2));
    assert_same(&one, &out(3));
}

#[test]
fn the_quickstart_leaves_four_runs_and_a_page() {
    let folder = folder();
    let out = folder.path().join("q");
    let done = run("quickstart --out {} --epochs 1", &[&out]).ok();
    for text in ["popularity", "ease", "multvae", "tall", "community:niche-1", "report.html", "adepts recommend"] {
        assert!(done.out.contains(text), "`{text}` is not in {}", done.out);
    }
    for model in ["popularity", "ease", "multvae", "tall"] {
        assert!(out.join("runs").join(model).join("report.json").is_file(), "{model}");
    }
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("tall"));
    assert!(done.err.lines().count() < 60, "plain lines are few: {}", done.err);
    run("quickstart --out {} --epochs 1", &[&out]).fails(2, &["exists and is not empty"]);
    run("quickstart --out {} --epochs 1 --overwrite -q --json", &[&out]).ok();
    run("quickstart --out {} --epochs 1 --overwrite", &[prepared()]).fails(2, &["is not of a quickstart"]);
}

#[test]
fn a_gate_with_nothing_to_look_at_is_said_before_training_begins() {
    let folder = folder();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    run("prepare --input {} --user user --item item --split users --out {} -q", &[log(), &data]).ok();
    let train = |sets: &str| {
        let line =
            format!("train --model tall --data {{}} --out {{}} --overwrite {SMALL_TALL} --set train.epochs=1 {sets}");
        run(&line, &[&data, &out]).ok().err
    };
    let told = train("");
    let warning = "warning: the gate and the row weights look at each user’s validation items, and ";
    let (before, after) = told.split_once(warning).unwrap_or_else(|| panic!("{told}"));
    assert!(!before.contains("epoch 1/") && after.contains("epoch 1/"), "{told}");
    assert!(after.contains("(100 %) have nothing there"), "{told}");
    let works = "--set model.gate.probe=history --set model.weights.probe=history";
    assert!(after.contains(works), "{told}");
    assert!(!train(works).contains("warning: the gate"));
    // What was said is in the page too.
    let told = train("");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("that the model learned from, gate and row weights had nothing to look at"), "{told}");
}
