//! `recommend`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Done, adepts, folder, prepared, run, runs, words, write};

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
        assert_eq!((&answer["unknown"], &answer["note"]), (&json!({"count": 1, "ids": ["nothing"]}), &Value::Null));
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
}

#[test]
fn a_file_of_users_or_of_histories_is_answered_row_by_row() {
    let folder = folder();
    let [_, ease, _] = runs();
    let (users, baskets) = (folder.path().join("users.csv"), folder.path().join("baskets.csv"));
    write(&users, "user\nu00042\nnobody\nu00007\n");
    let out = folder.path().join("lists.jsonl");
    let told = run("recommend {} --users {} --out {} -n 4 -q", &[ease, &users, &out]).ok();
    assert!(told.out.contains("lists for 2 of 3 users; 1 unknown user (`nobody`)"), "{}", told.out);
    let lines: Vec<Value> =
        fs::read_to_string(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let alone = run("recommend {} --user u00007 -n 4 --json", &[ease]).ok().json();
    assert_eq!((&lines[2]["row"], &lines[2]["items"]), (&json!(3), &alone["items"]));
    run("recommend {} --users {} --out {}", &[ease, &users, &out]).fails(2, &["exists", "--overwrite"]);
    write(&baskets, "basket\ni00003 i00007\ni00004\n");
    let table = folder.path().join("lists.parquet");
    let asked = "recommend {} --users {} --history-column basket --separator";
    let mut command: Vec<String> = asked.split(' ').map(str::to_owned).collect();
    command[1] = ease.display().to_string();
    command[3] = baskets.display().to_string();
    command.extend([" ", "--out", &table.display().to_string(), "-n", "3", "-q"].map(str::to_owned));
    let told = Done::of(&adepts(command).output().unwrap()).ok();
    assert!(told.out.contains("lists for 2 of 2 users"), "{}", told.out);
    assert_eq!(run("inspect {} --item item --user row --json", &[&table]).ok().json()["rows"], json!(6));
    run("recommend {} --users {}", &[ease, &users]).fails(2, &["--out"]);
}

#[test]
fn a_list_is_explained_and_limited_on_request() {
    let [_, ease, tall] = runs();
    for folder in [ease, tall] {
        let answer = run("recommend {} --user u00042 -n 3 --explain --json", &[folder]).ok().json();
        assert!(answer["items"][0]["because"][0]["effect"].as_f64().unwrap() > 0.0, "{answer}");
        assert!(answer["group"]["name"].is_string());
        assert_eq!(answer["experts"].is_array(), folder == tall);
        let text = run("recommend {} --user u00042 -n 3 --explain", &[folder]).ok().out;
        assert!(text.contains("because of") && text.contains("mainstream group:"), "{text}");
    }
    let answer = run("recommend {} --history i00003 --allow i00003,i00004,i00005 --json", &[ease]).ok().json();
    assert_eq!(items(&answer).len(), 2);
    let all = run("recommend {} --history i00003 --include-used -n 1000 --json", &[ease]).ok().json();
    let without = run("recommend {} --history i00003 --deny i00004 -n 1000 --json", &[ease]).ok().json();
    assert_eq!(items(&all).len(), items(&without).len() + 2);
}

#[test]
fn titles_and_histories_of_a_run_are_put_in_and_taken_out() {
    let folder = folder();
    let (log, titles) = (folder.path().join("log.csv"), folder.path().join("titles.csv"));
    let (mut text, mut table) = ("user,item\n".to_owned(), "item,title\n".to_owned());
    for user in 0..30 {
        for item in (0..12).filter(|item| (user + item) % 2 == 0) {
            writeln!(text, "u{user},{item}").unwrap();
        }
    }
    (0..12).for_each(|item| writeln!(table, "{item},Part {item}").unwrap());
    write(&log, &text);
    write(&titles, &table);
    let out = folder.path().join("run");
    run("train --model ease --data {} --titles {} --without-histories --out {} -q", &[&log, &titles, &out]).ok();
    assert!(!out.join("data").exists() && !out.join("per_user.parquet").exists() && out.join("report.html").exists());
    let answer = run("recommend {} --history 2,4 --json", &[&out]).ok().json();
    let first = &answer["items"][0];
    assert_eq!(first["title"], json!(format!("Part {}", first["item"])));
    run("recommend {} --user u1", &[&out]).fails(2, &["no histories", "history"]);
    run("evaluate {}", &[&out]).fails(2, &["without histories"]);
    write(&titles, &table.replace("Part", "Episode"));
    let told = run("titles {} {} -q", &[&out, &titles]).ok();
    assert!(told.out.contains("12 of 12 items have a title") && told.out.lines().count() == 1, "{}", told.out);
    let some: Vec<&str> = table.lines().take(11).collect();
    let others = folder.path().join("others.csv");
    write(&others, &format!("{}\n98,Nobody's\n99,Nobody's either\n", some.join("\n").replace("Part", "Volume")));
    let told = run("titles {} {}", &[&out, &others]).ok();
    for line in [
        "10 of 12 items have a title now",
        "2 items of the run have no title in the file, such as `10`",
        "2 rows of the file are about items that the run does not have, such as `98`",
    ] {
        assert!(told.out.contains(line), "{}", told.out);
    }
    run("titles {} {} -q", &[&out, &titles]).ok();
    let text = run("recommend {} --history 2,4", &[&out]).ok().out;
    assert!(text.contains("Episode"), "{text}");
}

#[test]
fn rows_that_cannot_be_read_are_skipped_and_a_separator_is_proposed() {
    let [_, ease, _] = runs();
    let folder = folder();
    let (baskets, out) = (folder.path().join("baskets.csv"), folder.path().join("lists.jsonl"));
    write(&baskets, "name,history\na,i00003 i00004\nb,i00005,too,many\nc,i00005 i00006\n");
    let ask = "recommend {} --users {} --user-column name --out {}";
    run(ask, &[ease, &baskets, &out]).fails(1, &["baskets.csv, line 3", "found 4 values"]);
    let done = run(&format!("{ask} --overwrite --bad-rows skip"), &[ease, &baskets, &out]).ok();
    assert!(done.out.starts_with("lists for 2 of 2 users; 2 without a known item"), "{}", done.out);
    assert!(done.err.contains("1 row could not be read and was skipped, such as"), "{}", done.err);
    assert!(done.err.contains("baskets.csv, line 3: found 4 values"), "{}", done.err);
    assert!(
        done.err.contains("no item of any history is known") && done.err.contains("--separator ' '"),
        "{}",
        done.err
    );
    let mut command = adepts(words(&format!("{ask} --overwrite --bad-rows skip"), &[ease, &baskets, &out]));
    command.args(["--separator", " "]);
    let done = Done::of(&command.output().unwrap()).ok();
    assert!(done.out.starts_with("lists for 2 of 2 users:") && !done.err.contains("separator"), "{}", done.out);
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
    assert_eq!((&answer["unknown"], &answer["note"]), (&json!({"count": 1, "ids": ["a, b"]}), &Value::Null));
    assert!(!items(&answer).iter().any(|item| item == "Part 2, the film" || item == "Part 4, the film"));
}
