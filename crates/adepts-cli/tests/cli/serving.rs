//! `recommend`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Done, adepts, folder, prepared, run, runs, write};

fn items(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap().iter();
    items.map(|row| row["item"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_history_is_answered_without_its_own_items() {
    for folder in runs() {
        let answer = run("recommend {} --history i00003,i00007,nothing -n 8 --json", &[folder]).ok().json();
        let found = items(&answer);
        assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (8, 8));
        assert!(!found.contains(&"i00003".to_owned()) && !found.contains(&"i00007".to_owned()));
        assert_eq!((&answer["unknown"], &answer["note"]), (&json!(["nothing"]), &Value::Null));
    }
}

#[test]
fn nothing_to_go_by_is_answered_with_what_is_popular_and_says_so() {
    let [popularity, _, tall] = runs();
    let answer = run("recommend {} --history nothing,nowhere -n 5", &[tall]).ok();
    assert!(answer.out.contains("not in the catalogue: `nothing`, `nowhere`"), "{}", answer.out);
    assert!(answer.out.contains("most users have"), "{}", answer.out);
    let answer = run("recommend {} --history nothing --json", &[tall]).ok().json();
    let popular = run("recommend {} --history nothing --json", &[popularity]).ok().json();
    assert_eq!(items(&answer), items(&popular));
}

#[test]
fn everyone_gets_the_list_that_he_gets_alone() {
    let folder = folder();
    let (lines, table) = (folder.path().join("all.jsonl"), folder.path().join("all.parquet"));
    let [_, _, tall] = runs();
    run("recommend {} --all --out {} -n 4 -q", &[tall, &lines]).ok();
    let text = fs::read_to_string(&lines).unwrap();
    assert_eq!(text.lines().count(), 300);
    let of_all: Value = serde_json::from_str(text.lines().nth(42).unwrap()).unwrap();
    let user = of_all["user"].as_str().unwrap();
    let alone = run(&format!("recommend {{}} --user {user} -n 4 --json"), &[tall]).ok().json();
    assert_eq!(of_all, alone);
    run("recommend {} --all --out {} -n 4 -q", &[tall, &table]).ok();
    let found = run("inspect {} --json", &[&table]).ok().json();
    assert_eq!((&found["rows"], &found["users"]), (&json!(1200), &json!(300)));
    run("recommend {} --all --out {}", &[tall, &folder.path().join("all.csv")]).fails(2, &[".parquet or .jsonl"]);
}

#[test]
fn whom_it_is_for_must_be_said_and_known() {
    let [_, ease, _] = runs();
    run("recommend {}", &[ease]).fails(2, &["--user", "--history", "--all"]);
    run("recommend {} --user nobody", &[ease]).fails(2, &["`nobody`", "u00000"]);
    run("recommend {} --all", &[ease]).fails(2, &["--out"]);
    run("recommend {} --history i00003 -n 0", &[ease]).fails(2, &["-n", "0"]);
    run("recommend {} --history i00003", &[prepared()]).fails(2, &["is a prepared dataset, not a run", "adepts train"]);
}

#[test]
fn an_id_may_hold_commas() {
    let folder = folder();
    let (log, out) = (folder.path().join("log.csv"), folder.path().join("run"));
    let mut text = "user,item\n".to_owned();
    for user in 0..30 {
        for item in (0..12).filter(|item| (user + item) % 2 == 0) {
            writeln!(text, "u{user},\"Part {item}, the film\"").unwrap();
        }
    }
    write(&log, &text);
    run("train --model ease --data {} --out {} -q", &[&log, &out]).ok();
    let mut command = adepts(["recommend".into(), out.display().to_string()]);
    command.args(["--item", "Part 2, the film", "--item", "Part 4, the film", "--item", "a, b", "--json"]);
    let answer = Done::of(&command.output().unwrap()).ok().json();
    assert_eq!((&answer["unknown"], &answer["note"]), (&json!(["a, b"]), &Value::Null));
    assert!(!items(&answer).iter().any(|item| item == "Part 2, the film" || item == "Part 4, the film"));
}
