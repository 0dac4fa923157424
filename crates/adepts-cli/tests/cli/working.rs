//! Habits of daily work: continuing, interrupting, several runs at once, ids that look like options, tables for other programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Done, adepts, assert_same, folder, log, prepared, run, runs, words, write};

const TRAIN: &str = "train --model multvae --data {} --out {} -q --checkpoint-every 0.02 --set name=same --set model.hidden=[8] \
     --set train.batch=16 --set train.epochs=40 --set train.stop.patience=100 --set eval.resamples=50";

fn start(line: &str, paths: &[&Path]) -> Child {
    adepts(words(line, paths)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: Child, name: &str) -> Done {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
    Done::of(&child.wait_with_output().unwrap())
}

fn until(mut there: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if there() {
            return;
        }
        sleep(Duration::from_millis(5));
    }
    panic!("it does not come");
}

#[test]
fn an_interrupted_training_names_the_command_that_continues_it() {
    let home = folder();
    let (out, titles) = (home.path().join("a run"), home.path().join("titles.csv"));
    write(&titles, "item,title\ni00001,The first\n");
    let begin = |more: &[&str]| {
        let mut words = words(TRAIN, &[prepared(), &out]);
        words.extend(more.iter().map(ToString::to_string));
        adepts(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let child = begin(&["--titles", &titles.display().to_string()]);
    let epochs = || fs::read_to_string(out.join("epochs.jsonl")).map_or(0, |text| text.lines().count());
    until(|| epochs() >= 2);
    let done = signal(child, "INT").fails(130, &["interrupted in epoch ", "; continue with: adepts train --resume "]);
    assert!(!done.err.contains("error") && done.out.is_empty(), "{}", done.err);
    let command = done.err.trim_end().split_once("continue with: adepts ").unwrap().1.to_owned();
    assert!(command.ends_with(&format!("--resume '{}' --titles {}", out.display(), titles.display())), "{command}");
    let again = |command: &str| {
        let line = format!("exec {} {command}", env!("CARGO_BIN_EXE_adepts"));
        Command::new("sh").args(["-c", &line]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let before = epochs();
    let mut child = again(&command);
    // One more epoch, so that the process is there to take the signal.
    until(|| epochs() > before || child.try_wait().unwrap().is_some());
    let stopped = signal(child, "TERM");
    // It may have come to its end before the signal, or to work behind the training, which ends at once.
    assert!(matches!(stopped.code, Some(143 | 0)), "{:?}: {}", stopped.code, stopped.err);
    Done::of(&again(&command).wait_with_output().unwrap()).ok();
    let whole = home.path().join("whole");
    run(TRAIN, &[prepared(), &whole]).ok();
    assert_same(&whole, &out);
    assert!(run("titles {} {} -q", &[&whole, &titles]).ok().out.contains("1 of "));
}

#[test]
fn a_run_is_continued_by_its_folder_alone() {
    let home = folder();
    let out = home.path().join("run");
    let short = TRAIN.replace("epochs=40", "epochs=3");
    run(&short, &[prepared(), &out]).ok();
    for line in ["train --resume {} -q", "train {} --resume -q", "train --out {} --resume -q"] {
        let done = run(line, &[&out]).ok();
        assert!(done.out.contains("it was finished already; nothing was trained"), "{}", done.out);
    }
    run("train --resume {} --set train.epochs=4", &[&out])
        .fails(2, &["begun with other settings", "train.epochs was 3 and is now 4"]);
    // Where training ended but nothing was evaluated, only that is left to do.
    fs::remove_file(out.join("manifest.json")).unwrap();
    let done = run("train --resume {}", &[&out]).ok();
    assert!(done.out.contains("run:") && !done.out.contains("finished already"), "{}", done.out);
    run("train --resume", &[]).fails(2, &["which run", "adepts train --resume RUN"]);
    run("train --resume {}", &[home.path()]).fails(2, &["holds no run that was begun", "config.toml"]);
    run("train {}", &[&out]).fails(2, &["is a folder", "adepts train --resume"]);
    run("train --resume {} --out {}", &[&out, home.path()]).fails(2, &["continued where it is"]);
}

#[test]
fn work_that_keeps_nothing_ends_at_once_and_says_no_error() {
    let home = folder();
    let out = home.path().join("big.csv");
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child = start("simulate --users 400000 --items 2000 --out {}", &[&out]);
        sleep(Duration::from_millis(300));
        let done = signal(child, name);
        assert!(done.code == Some(code) && !done.err.contains("error"), "{:?} {}", done.code, done.err);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is left behind");
    }
}

#[test]
fn an_interrupted_quickstart_and_waiting_for_rows_end_as_interrupted() {
    let home = folder();
    let out = home.path().join("q");
    let child = start("quickstart --out {}", &[&out]);
    until(|| out.join("runs/multvae/epochs.jsonl").exists());
    let done =
        signal(child, "TERM").fails(143, &["interrupted", "start again with: adepts quickstart --overwrite --out "]);
    assert!(!done.err.contains("error"), "{}", done.err);
    let mut command = adepts(words("predict {} -", &[&out]));
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    sleep(Duration::from_millis(100));
    let done = signal(child, "INT");
    // It may find out that this is no run before the signal comes.
    assert!(
        done.code == Some(130) && !done.err.contains("error") || done.code == Some(2),
        "{:?} {}",
        done.code,
        done.err
    );
}

#[test]
fn of_several_runs_those_that_are_not_finished_are_left_out() {
    let home = folder();
    let [popularity, ease, tall] = runs();
    let [begun, page, html] = ["begun", "page.html", "compared.html"].map(|name| home.path().join(name));
    fs::create_dir(&begun).unwrap();
    fs::copy(tall.join("config.toml"), begun.join("config.toml")).unwrap();
    let said = format!("left out: {} is not finished", begun.display());
    let done = run("report {} {} {} --out {}", &[&begun, popularity, ease, &page]).ok();
    assert!(done.err.contains(&said), "{}", done.err);
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("popularity") && text.contains("ease"));
    let done = run("report {} {} {} --out {}", &[popularity, ease, &page, &page]).ok();
    assert!(done.err.contains("is a file, not a run"), "{}", done.err);
    let done = run("compare {} {} {} --html {}", &[popularity, &begun, ease, &html]).ok();
    assert!(done.err.contains(&said) && done.out.contains("popularity"), "{}", done.err);
    let done = run("evaluate {} {} --json -q", &[popularity, &begun]).ok();
    assert!(done.err.contains(&said) && done.json()["runs"].as_array().unwrap().len() == 1, "{}", done.err);
    run("report {} --out {}", &[&begun, &page]).fails(1, &["is not finished", "adepts train --resume"]);
    run("report {} {} --out {}", &[&begun, &begun, &page]).fails(1, &["error:", "is not finished"]);
    run("report {} {} --out {}", &[ease, &home.path().join("nowhere"), &page]).fails(2, &["nowhere is not a run"]);
}

#[test]
fn each_quickstart_has_a_folder_of_its_own() {
    let home = folder();
    for (line, name) in [("quickstart", "adepts-quickstart"), ("quickstart --tabular", "adepts-quickstart-tabular")] {
        fs::create_dir(home.path().join(name)).unwrap();
        write(&home.path().join(name).join("mine"), "x");
        let done = Done::of(&adepts(words(line, &[])).current_dir(home.path()).output().unwrap());
        done.fails(2, &[&format!("{name} exists and is not empty")]);
    }
}

#[test]
fn shares_of_the_parts_need_no_kind_of_split() {
    let home = folder();
    let out = home.path().join("data");
    let prepare = |options: &str| run(&format!("prepare --input {{}} --out {{}} --json -q {options}"), &[log(), &out]);
    let split = |options: &str| prepare(options).ok().json()["split"].clone();
    let plain = split("");
    let with = |key: &str, share: f64| {
        let mut expected = plain.clone();
        expected[key] = json!(share);
        expected
    };
    assert_eq!(split("--test .15"), with("test", 0.15));
    assert_eq!(split("--validation 0.2"), with("validation", 0.2));
    assert_eq!(split("--test 0.15 --split random"), with("test", 0.15));
    for share in ["1.2", "-0.1", "1", "0"] {
        prepare(&format!("--test {share}")).fails(2, &["the share `--test` (split.test) is", share]);
    }
    prepare("--test much").fails(2, &["`--test` (split.test) is `much`", "a share such as 0.1"]);
    prepare("--input-share .5").fails(2, &["--input-share is for the split", "--split users"]);
    let config = home.path().join("a.toml");
    write(
        &config,
        &format!(
            "data.source = {:?}\nsplit = {{ kind = \"leave-last\" }}\ndata.time = \"time\"\nmodel.kind = \"ease\"\n",
            log()
        ),
    );
    let done = run("prepare --config {} --test 2 --out {} --json -q", &[&config, &out]).ok();
    assert_eq!(done.json()["split"], json!({"kind": "leave-last", "validation": 1, "test": 2}));
}

/// A log whose ids and ratings are negative numbers.
fn negative(home: &Path) -> std::path::PathBuf {
    let (log, out) = (home.join("log.csv"), home.join("run"));
    let mut text = "user,item,rating\n".to_owned();
    for user in 0..30 {
        for item in (0..12).filter(|item| (user + item) % 2 == 0) {
            writeln!(text, "{},{},{}", user - 15, item - 6, item % 3 - 2).unwrap();
        }
    }
    write(&log, &text);
    let prepared = home.join("prepared");
    let dropped = run("prepare --input {} --rating rating --min-rating -1 --out {} --json -q", &[&log, &prepared]).ok();
    assert_eq!(dropped.json()["data"]["filter"]["min_rating"], json!(-1.0));
    run("train --model ease --data {} --out {} -q", &[&log, &out]).ok();
    out
}

#[test]
fn a_negative_number_is_an_id_and_no_option() {
    let home = folder();
    let out = negative(home.path());
    let ask = |whom: &str| run(&format!("recommend {{}} {whom} --json"), &[&out]).ok().json();
    let items = |answer: &Value| -> Vec<i64> {
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["item"].to_string().trim_matches('"').parse().unwrap())
            .collect()
    };
    assert!(!items(&ask("--user -5")).is_empty());
    let alike = [ask("--history -5,3,-1"), ask("--history=-5,3,-1"), ask("--item -5 --item 3 --item -1")];
    assert!(alike.iter().all(|answer| items(answer) == items(&alike[0]) && answer["unknown"].is_null()), "{alike:?}");
    assert_eq!(items(&ask("--history 3 --allow -5,-1")).iter().copied().collect::<BTreeSet<_>>(), [-5, -1].into());
    assert!(!items(&ask("--history 3 --deny -5,-1 -n 100")).contains(&-5));
    let all = ask("--history -5 -n 1000000");
    assert_eq!(items(&all).len(), 11, "a list has no more than the catalogue");
    run("recommend {} --user -99", &[&out]).fails(2, &["there is no user `-99`"]);
    run("recommend {} --nonsense", &[&out]).fails(2, &["--nonsense"]);
}

#[test]
fn the_usage_of_recommend_says_each_way_once() {
    let done = run("recommend runs/x --all", &[]).fails(2, &["--out"]);
    let usage = done.err.lines().find(|line| line.starts_with("Usage:")).unwrap();
    assert_eq!((usage.matches("--all").count(), usage.matches("--users").count()), (1, 1), "{usage}");
}

#[test]
fn lists_are_written_as_csv_with_the_rows_of_the_other_files() {
    let home = folder();
    let [_, ease, _] = runs();
    let [csv, lines] = ["all.csv", "all.jsonl"].map(|name| home.path().join(name));
    run("recommend {} --all --out {} -n 3 -q", &[ease, &csv]).ok();
    run("recommend {} --all --out {} -n 3 -q", &[ease, &lines]).ok();
    let text = fs::read_to_string(&csv).unwrap();
    let mut rows = text.lines();
    assert_eq!(rows.next(), Some("user,rank,item,score,popular"));
    for line in fs::read_to_string(&lines).unwrap().lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        for (rank, item) in answer["items"].as_array().unwrap().iter().enumerate() {
            let cells: Vec<&str> = rows.next().unwrap().split(',').collect();
            let [user, place, id, score, popular] = cells[..] else { panic!("{cells:?}") };
            assert_eq!(
                (json!(user), place, json!(id)),
                (answer["user"].clone(), &*(rank + 1).to_string(), item["item"].clone())
            );
            assert_eq!((score.parse::<f32>().unwrap(), popular), (item["score"].as_f64().unwrap() as f32, "false"));
        }
    }
    assert_eq!(rows.next(), None);
    let users = home.path().join("users.csv");
    write(&users, "user\nu00042\nnobody\nu00007\n");
    run("recommend {} --users {} --out {} -n 2 --overwrite -q", &[ease, &users, &csv]).ok();
    let text = fs::read_to_string(&csv).unwrap();
    assert!(text.starts_with("row,user,rank,item,score,popular\n1,u00042,1,"), "{text}");
    assert_eq!(text.lines().count(), 1 + 2 * 2);
    run("recommend {} --all --explain --out {} --overwrite", &[ease, &csv]).fails(2, &["explanations", ".jsonl"]);
    run("recommend {} --all --out {}", &[ease, &home.path().join("all.xlsx")]).fails(2, &[".parquet, .csv or .jsonl"]);
}

#[test]
fn what_does_not_go_to_a_terminal_is_not_cut() {
    let home = folder();
    let (log, titles, out) = (home.path().join("log.csv"), home.path().join("titles.csv"), home.path().join("run"));
    let long = "of a title that goes on and on, as titles of scholarly books do, second edition, revised and enlarged";
    let column = "a_column_with_a_name_of_more_than_twenty_eight_characters";
    let mut text = format!("user,item,{column}\n");
    let mut table = "item,title\n".to_owned();
    for user in 0..30 {
        for item in (0..12).filter(|item| (user + item) % 2 == 0) {
            writeln!(text, "{user},{item},{}", "x".repeat(60)).unwrap();
        }
    }
    (0..12).for_each(|item| writeln!(table, "{item},\"Part {item} {long}\"").unwrap());
    write(&log, &text);
    write(&titles, &table);
    run("train --model ease --data {} --titles {} --out {} -q", &[&log, &titles, &out]).ok();
    let shown = run("recommend {} --user 3 -n 4 --explain --exclude learned", &[&out]).ok().out;
    assert!(shown.matches(long).count() >= 6 && !shown.contains('…'), "{shown}");
    let shown = run("inspect {}", &[&log]).ok().out;
    assert!(shown.contains(column) && shown.contains(&"x".repeat(60)), "{shown}");
}

#[test]
fn the_settings_that_were_meant_are_shown() {
    let home = folder();
    let out = home.path().join("run");
    let on = |model: &str, set: &str| {
        let mut words = words("train --model", &[]);
        words.extend(
            [model, "--data", &prepared().display().to_string(), "--out", &out.display().to_string()]
                .map(str::to_owned),
        );
        words.extend(["--set", set].map(str::to_owned));
        Done::of(&adepts(words).output().unwrap())
    };
    on("ease", "l2=3").fails(2, &["unknown field `l2`", "did you mean `model.l2`?"]);
    on("multvae", "model.hidden=200").fails(2, &["expected a list, such as [200]", "'model.hidden=[200]'"]);
    on("ease", "model.l2=50,100,200").fails(2, &["train a run for each", "--set model.l2=50 --out runs/50"]);
    assert!(!out.exists());
}
