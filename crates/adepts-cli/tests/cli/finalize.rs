//! `finalize` and `train --final`: a model for use, that says where its figures are from.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::server::HERE;
use crate::support::{Done, SMALL_TALL, adepts, epochs, folder, log, prepared, run, runs, words, write};

/// The items that a user has in the log.
fn has(user: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(log()).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| row[0] == user).map(|row| row[1].to_owned()).collect()
}

fn pairs() -> usize {
    let text = fs::read_to_string(log()).unwrap();
    let pair = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join(",");
    text.lines().skip(1).map(pair).collect::<BTreeSet<_>>().len()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn recommended(folder: &Path, user: &str) -> (BTreeSet<String>, String) {
    let done = run(&format!("recommend {{}} --user {user} -n 500 --json"), &[folder]).ok();
    let items = done.json()["items"].as_array().unwrap().clone();
    (items.iter().map(|row| row["item"].as_str().unwrap().to_owned()).collect(), done.err)
}

#[test]
fn a_run_becomes_a_model_for_use_whose_page_says_whose_figures_they_are() {
    let folder = folder();
    let [_, ease, tall] = runs();
    for source in [ease, tall] {
        let name = source.file_name().unwrap().to_string_lossy();
        let out = folder.path().join(format!("{name}-prod"));
        let done = run("finalize {} --out {}", &[source, &out]).ok();
        let all = pairs();
        for text in [&format!("trained on all {all} interactions"), "not measured with the final model", "report.html"]
        {
            assert!(done.out.contains(text), "`{text}` is not in {}", done.out);
        }
        let manifest = json(&out.join("manifest.json"));
        assert_eq!(manifest["pairs"], all);
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        let hash = manifest["final_of"]["manifest"].as_str().unwrap();
        for text in
            ["A final model", &format!("“{name}”"), &source.display().to_string(), hash, "were not measured with"]
        {
            assert!(page.contains(text), "`{text}` is not on the page of {name}");
        }
        // The same figures, digit for digit, as the run has with a gate that looks where the final one does.
        let probe = if name == "tall" { "--probe history" } else { "" };
        let figures = run(&format!("evaluate {{}} --json -q {probe}"), &[source]).ok().json();
        let repeated = json(&out.join("evaluated.json"));
        assert_eq!(repeated["runs"][0]["metrics"], figures["runs"][0]["metrics"]);
        assert_eq!(repeated["runs"][0]["groups"], figures["runs"][0]["groups"]);
        let ndcg = format!("{:.4}", figures["runs"][0]["metrics"]["ndcg@20"].as_f64().unwrap());
        assert!(page.contains(&ndcg), "{ndcg} is not on the page of {name}");
        assert_eq!(page.contains("evaluate --probe history"), name == "tall");
        let config = fs::read_to_string(out.join("config.toml")).unwrap();
        assert!(config.contains("kind = \"all\"") && !config.contains("probe = \"validation\""), "{config}");
        // Nothing that is in the log is recommended, and nothing is to be said about it.
        let (items, said) = recommended(&out, "u00007");
        assert!(items.is_disjoint(&has("u00007")), "{name}");
        assert_eq!(said, "", "{name}");
    }
    let again = run("finalize {} --out {} --json -q", &[ease, &folder.path().join("json")]).ok().json();
    assert_eq!((&again["rows"], &again["of"]["run"]), (&Value::from(pairs()), &Value::from("ease")));
}

#[test]
fn an_evaluated_run_that_answers_says_in_one_line_how_a_model_for_use_is_made() {
    let state = folder();
    let [_, ease, _] = runs();
    let (_, said) = recommended(ease, "u00007");
    let command = format!("`adepts finalize {0} --out {0}-final`", ease.display());
    assert!(said.lines().count() == 1 && said.contains(&command) && said.contains(" % of its "), "{said}");
    assert_eq!(run("recommend {} --user u00007 -q", &[ease]).ok().err, "");
    let serve = words(&format!("serve {{}} --state {{}} --listen {HERE}"), &[ease, state.path()]);
    let mut child = adepts(serve).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut listening = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut listening).unwrap();
    let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(told.success());
    let said = Done::of(&child.wait_with_output().unwrap()).err;
    assert_eq!(said.matches(&command).count(), 1, "{said}");
}

#[test]
fn a_final_model_is_refused_where_an_evaluated_run_is_needed() {
    let folder = folder();
    let [popularity, ease, _] = runs();
    let out = folder.path().join("prod");
    run("finalize {} --out {} -q", &[ease, &out]).ok();
    let says = ["is a final model", "trained on all data", "`ease`", &ease.display().to_string()];
    run("evaluate {}", &[&out]).fails(2, &says);
    run("evaluate {} --part validation", &[&out]).fails(2, &says);
    run("evaluate {} --fail-if ndcg@20<0.1", &[&out]).fails(2, &says);
    run("compare {} {}", &[popularity, &out]).fails(2, &says);
    run("finalize {} --out {}", &[&out, &folder.path().join("more")]).fails(2, &says);
    let page = folder.path().join("page.html");
    let done = run("report {} {} --out {}", &[popularity, &out, &page]).ok();
    assert!(done.err.contains("left out") && !fs::read_to_string(&page).unwrap().contains("A final model"));
    run("report {} {} --out {}", &[&out, &out, &page]).fails(2, &says);
    run("report {} --out {}", &[&out, &page]).ok();
    assert!(fs::read_to_string(&page).unwrap().contains("A final model"));
    run("finalize {} --out {}", &[ease, &out]).fails(2, &["exists and is not empty"]);
    run("finalize {} --out {} --overwrite -q", &[popularity, &out]).ok();
    run("finalize {} --out {}", &[prepared(), &folder.path().join("x")])
        .fails(2, &["is a prepared dataset, not a run"]);
    run("finalize {} --out {}", &[folder.path(), &folder.path().join("x")]).fails(2, &["folder of its own"]);
    run("finalize {} --out {} --data {}", &[ease, &folder.path().join("x"), log()])
        .fails(2, &["holds all of its data"]);
    assert!(!folder.path().join("x").exists());
}

#[test]
fn train_evaluates_and_then_finalizes_where_that_is_asked_for() {
    let folder = folder();
    let [out, last] = ["run", "prod"].map(|name| folder.path().join(name));
    let titles = folder.path().join("titles.csv");
    write(&titles, "item,title\ni00003,A thing\n");
    let line = format!(
        "train --model tall --data {{}} --out {{}} --final {{}} --titles {{}} --without-histories {SMALL_TALL}"
    );
    let done = run(&line, &[prepared(), &out, &last, &titles]).ok();
    for text in ["ndcg@20", "trained on all", &last.display().to_string()] {
        assert!(done.out.to_lowercase().contains(&text.to_lowercase()), "`{text}` is not in {}", done.out);
    }
    let (evaluated, manifest) = (json(&out.join("manifest.json")), json(&last.join("manifest.json")));
    assert_eq!(manifest["pairs"], pairs());
    assert_eq!(epochs(&last).len() as u64, evaluated["epochs"][0].as_u64().unwrap());
    for folder in [&out, &last] {
        assert!(!folder.join("data").exists() && !folder.join("answers/users.parquet").exists());
        let answer = run("recommend {} --history i00007 -n 120 --json", &[folder]).ok().json();
        assert!(answer.to_string().contains("A thing"), "titles come along: {answer}");
    }
    assert!(fs::read_to_string(last.join("report.html")).unwrap().contains("A final model"));
    let said = run("recommend {} --history i00007", &[&out]).ok().err;
    assert!(said.contains("`adepts train … --final DIR`"), "{said}");
    run("finalize {} --out {}", &[&out, &folder.path().join("x")]).fails(2, &["made without histories", "--final DIR"]);
    let inside = out.join("prod");
    run("train --model ease --data {} --out {} --final {} --overwrite", &[prepared(), &out, &inside])
        .fails(2, &["a folder of its own"]);
    run("train --model ease --data {} --out {} --final {}", &[prepared(), &folder.path().join("new"), prepared()])
        .fails(2, &["exists and is not empty"]);
    assert!(!folder.path().join("new").exists(), "what cannot end well is not begun");
}

#[test]
fn a_final_model_that_was_interrupted_is_resumed_to_the_same_bytes() {
    let folder = folder();
    let source = folder.path().join("tall");
    let train =
        format!("train --model tall --data {{}} --out {{}} -q {SMALL_TALL} --set train.epochs=30 --set train.batch=16");
    run(&train, &[prepared(), &source]).ok();
    let [whole, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
    let finalize = "finalize {} --out {} --checkpoint-every 0.02 --resume";
    run(&format!("{finalize} -q"), &[&source, &whole]).ok();
    let mut child =
        adepts(words(finalize, &[&source, &stopped])).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !fs::read_to_string(stopped.join("epochs.jsonl")).is_ok_and(|text| text.lines().count() >= 2) {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let done = Done::of(&child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(130));
    assert!(done.err.contains("interrupted in epoch") && done.err.contains("train --resume"), "{}", done.err);
    assert!(!stopped.join("manifest.json").exists(), "an unfinished final model is no run");
    run("recommend {} --user u00007", &[&stopped]).fails(1, &["not finished", "--resume"]);
    // What it is made of need not be said again.
    let done = run("train --resume --out {}", &[&stopped]).ok();
    assert!(
        done.err.contains("continues at epoch") && done.out.contains("trained on all"),
        "{} {}",
        done.err,
        done.out
    );
    let model = |run: &PathBuf| fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&whole) == model(&stopped), "the parameters differ");
    assert_eq!(epochs(&whole), epochs(&stopped));
    assert!(!stopped.join("checkpoint.safetensors").exists());
    run(finalize, &[&source, &stopped]).ok();
}

#[test]
fn models_of_examples_and_retrieval_are_finalized_on_every_row() {
    let home = folder();
    let [from, config, out, last] = ["rows.csv", "a.toml", "out", "prod"].map(|name| home.path().join(name));
    run(
        "simulate --tabular --set rows=2000 --set domains=3 --set lowest_rate=0.2 --users 60 --items 40 --out {} -q",
        &[&from],
    )
    .ok();
    let tables = "[data]\nsource = \"SOURCE\"\nlabel = \"label\"\ndomain = \"domain\"\nuser = \"user\"\n\
         fields = [\"user\", \"item\"]\ndense = [\"price\"]\nITEM\n[train]\nbatch = 256\nepochs = 2\n\
         [eval]\nresamples = 20\n[model]\nkind = \"mlp\"\nhidden = [8]\nembedding = 4\n";
    let tables = tables.replace("SOURCE", &from.display().to_string());
    for (item, unit) in [("", 2000), ("item = \"item\"", 0)] {
        write(&config, &tables.replace("ITEM", item));
        run("train {} --out {} --final {} --overwrite -q", &[&config, &out, &last]).ok();
        let (evaluated, manifest) = (json(&out.join("data/manifest.json")), json(&last.join("manifest.json")));
        let all: u64 =
            ["train", "validation", "test"].iter().map(|part| evaluated["rows"][part].as_u64().unwrap()).sum();
        assert_eq!(manifest["rows"].as_u64().unwrap(), all);
        assert!(unit == 0 || all == unit);
        let top = if item.is_empty() { "" } else { "--top 3" };
        let predict = |run_folder: &Path| run(&format!("predict {{}} {{}} {top}"), &[run_folder, &from]).ok().err;
        let said = predict(&out);
        assert_eq!(said.matches("adepts finalize").count(), 1, "{said}");
        assert!(!predict(&last).contains("finalize"));
        run("evaluate {}", &[&last]).fails(2, &["is a final model"]);
        let page = fs::read_to_string(last.join("report.html")).unwrap();
        assert!(page.contains("A final model") && page.contains("out (evaluated)"));
    }
}

#[test]
fn what_has_ended_is_done_and_what_was_cut_short_is_repeated() {
    let home = folder();
    let [run_folder, prod, copy] = ["ease", "prod", "copy"].map(|name| home.path().join(name));
    run("train --model ease --data {} --out {} --final {} -q", &[prepared(), &run_folder, &prod]).ok();
    let copied = Command::new("cp").arg("-r").args([&run_folder, &copy]).status().unwrap();
    assert!(copied.success());
    let again = |options: &str| run(&format!("train --resume {{}} --final {{}} {options}"), &[&run_folder, &prod]);
    let finished = "(it was finished already; nothing was trained)";
    assert_eq!(again("").ok().out.matches(finished).count(), 2);
    again("--without-histories").ok();
    let kept = |folder: &Path| folder.join("data").exists() || folder.join("answers/users.parquet").exists();
    assert!(!kept(&run_folder) && !kept(&prod));
    // The final model names the run as it is now.
    let hash = json(&prod.join("manifest.json"))["final_of"]["manifest"].as_str().unwrap().to_owned();
    assert!(fs::read_to_string(prod.join("report.html")).unwrap().contains(&hash));
    for options in ["", "--without-histories"] {
        assert_eq!(again(options).ok().out.matches(finished).count(), 2, "{options}");
    }
    assert!(run("train --resume {}", &[&prod]).ok().out.contains(finished));
    assert!(run("finalize {} --out {} --resume", &[&run_folder, &prod]).ok().out.contains(finished));
    // Stopped when the final model was without histories and the run was not yet.
    fs::remove_dir_all(&run_folder).unwrap();
    fs::rename(&copy, &run_folder).unwrap();
    assert!(kept(&run_folder));
    again("--without-histories").ok();
    assert!(!kept(&run_folder) && !kept(&prod));
    assert_eq!(json(&prod.join("manifest.json"))["final_of"]["manifest"].as_str(), Some(&*hash));
    // That of another run is in the way.
    let other = home.path().join("other");
    run("train --model ease --data {} --out {} --without-histories -q", &[prepared(), &other]).ok();
    let told = ["holds the final form of `ease`", &run_folder.display().to_string(), "--overwrite"];
    run("train --resume {} --final {}", &[&other, &prod]).fails(2, &told);
    run("train --resume {} --final {}", &[&runs()[0], &prod]).fails(2, &[told[0], "other settings"]);
    run("train --resume {} --final {}", &[&other, &runs()[0]]).fails(2, &["holds an evaluated run"]);
}
