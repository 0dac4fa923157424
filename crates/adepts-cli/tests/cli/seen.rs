//! What users have seen: from a log with ratings to lists, files and the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::server::{HERE, Server};
use crate::support::{Done, adepts, folder, run, words, write};

/// A log of 40 users with ratings and kinds of events, and a run on what is rated 4 and better and was bought.
fn rated(folder: &Path) -> (PathBuf, BTreeMap<i64, BTreeSet<i64>>) {
    let (log, data, out) = (folder.join("log.csv"), folder.join("prepared"), folder.join("run"));
    let mut text = String::from("user,item,stars,kind\n");
    let mut had: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for user in 1..=40 {
        for item in (1..=30).filter(|item| (user * 7 + item * 11 + user * item) % 5 < 3) {
            let (stars, kind) =
                ((user * 5 + item * 3) % 7 % 5 + 1, if (user + item) % 11 == 0 { "view" } else { "buy" });
            writeln!(text, "{user},{item},{stars},{kind}").unwrap();
            if kind == "buy" {
                had.entry(user).or_default().insert(item);
            }
        }
    }
    write(&log, &text);
    let columns = "--rating stars --min-rating 3 --event kind --events buy";
    let told = run(&format!("prepare --input {{}} {columns} --out {{}}"), &[&log, &data]).ok();
    assert!(told.out.contains("that users have only seen are stored separately") && told.out.contains("rating < 3: "));
    run("train --model ease --data {} --out {} -q", &[&data, &out]).ok();
    (out, had)
}

fn lists(path: &Path) -> BTreeMap<i64, Vec<i64>> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let items = line["items"].as_array().unwrap().iter().map(|row| row["item"].as_i64().unwrap()).collect();
        (line["user"].as_i64().unwrap(), items)
    };
    fs::read_to_string(path).unwrap().lines().map(line).collect()
}

#[test]
fn a_file_of_lists_holds_nothing_that_its_users_have() {
    let folder = folder();
    let (ease, had) = rated(folder.path());
    let out = |name: &str| folder.path().join(name);
    let own = |lists: &BTreeMap<i64, Vec<i64>>| -> usize {
        lists.iter().map(|(user, list)| list.iter().filter(|item| had[user].contains(item)).count()).sum()
    };
    let all = |name: &str, options: &str| {
        run(&format!("recommend {{}} --all -n 30 --out {{}} -q {options}"), &[&ease, &out(name)]).ok();
        lists(&out(name))
    };
    assert_eq!(own(&all("seen.jsonl", "")), 0);
    assert_eq!(own(&all("said.jsonl", "--exclude seen")), 0);
    assert!(own(&all("learned.jsonl", "--exclude learned")) > 100);
    let everything = all("none.jsonl", "--exclude none");
    let items = everything[&7].len();
    assert!(items > 15 && everything.values().all(|list| list.len() == items));
    assert_eq!(all("used.jsonl", "--include-used"), everything);
    let users = out("users.csv");
    write(&users, "user\n7\n8\n");
    run("recommend {} --users {} -n 30 --out {} -q", &[&ease, &users, &out("users.jsonl")]).ok();
    assert_eq!(own(&lists(&out("users.jsonl"))), 0);
    let more = out("more.csv");
    write(&more, "user,item\n7,1\n7,2\n7,3\n7,4\n7,5\n9,no\n");
    let said = run("recommend {} --user 7 -n 30 --seen {} --json", &[&ease, &more]).ok();
    assert!(
        said.err.contains("4 more pairs seen by 1 user; 1 unknown user (`9`); 2 unknown items (`3`, `no`)"),
        "{}",
        said.err
    );
    assert!(said.json()["items"].as_array().unwrap().iter().all(|row| row["item"].as_i64().unwrap() > 5));
    write(&more, "user,item\n7,1\nnew,2\nnew,3\n");
    let said = run("recommend {} --user 7 --seen {}", &[&ease, &more]).ok().err;
    assert!(said.contains("2 more pairs seen by 2 users; 1 unknown user (`new`)"), "{said}");
    let bytes = b"user,item\n7,1\nJos\xe9,2\n";
    fs::File::create(&more).and_then(|mut file| file.write_all(bytes)).unwrap();
    let ask = "recommend {} --user 7 --seen {}";
    run(ask, &[&ease, &more]).fails(1, &["more.csv, line 3", "`--encoding latin1`"]);
    let said = run(&format!("{ask} --encoding latin1"), &[&ease, &more]).ok().err;
    assert!(said.contains("1 unknown user (`José`)"), "{said}");
    run("recommend {} --user 7 --encoding latin1", &[&ease]).fails(2, &["--users", "--seen"]);
    run("recommend {} --user 7 --seen {} --exclude none", &[&ease, &more]).fails(2, &["--seen adds"]);
    run("recommend {} --user 7 --exclude none --include-used", &[&ease]).fails(2, &["cannot be used with"]);
}

#[test]
fn unknown_users_and_empty_histories_follow_one_rule() {
    let folder = folder();
    let (ease, _) = rated(folder.path());
    let (users, out) = (folder.path().join("users.jsonl"), folder.path().join("lists.jsonl"));
    write(&users, "{\"user\": 7}\n{\"user\": \"nobody\"}\n");
    let ask = |options: &str| {
        let line = format!("recommend {{}} --users {{}} --out {{}} --overwrite -q {options}");
        let told = run(&line, &[&ease, &users, &out]).ok().out;
        let lines = fs::read_to_string(&out).unwrap();
        (told, serde_json::from_str::<Value>(lines.lines().nth(1).unwrap()).unwrap())
    };
    let (told, line) = ask("");
    assert!(told.contains("1 unknown user (`nobody`); --fallback popular") && line["error"].is_string(), "{told}");
    let (told, line) = ask("--fallback popular");
    assert!(told.contains("lists for 2 of 2 users; 1 without a known item got what most users have"), "{told}");
    assert!(line["fallback"] == "popularity" && line["note"].as_str().unwrap().contains("does not know this user"));
    write(&users, "{\"user\": 7, \"history\": [1]}\n{\"user\": 8, \"history\": []}\n");
    assert_eq!(ask("").1["fallback"], "popularity");
    let (told, line) = ask("--fallback error");
    assert!(told.contains("lists for 1 of 2 users; 1 without a known item got none"), "{told}");
    assert!(line["error"].is_string());
}

#[test]
fn the_server_leaves_out_what_a_user_has_and_what_is_reported_to_it() {
    let folder = folder();
    let (ease, had) = rated(folder.path());
    let more = folder.path().join("more.csv");
    let bytes = b"user,item\n7,1\n7,2\nnew,3\nJos\xe9,3\n";
    fs::File::create(&more).and_then(|mut file| file.write_all(bytes)).unwrap();
    let options = format!("--seen {} --encoding latin1", more.display());
    let server = Server::start(&ease, &folder.path().join("state"), HERE, &options);
    let items = |answer: &Value| -> Vec<i64> {
        answer["items"].as_array().unwrap().iter().map(|row| row["item"].as_i64().unwrap()).collect()
    };
    let get = |path: &str| server.get(path).json();
    let found = items(&get("/v1/users/7/recommendations?n=30"));
    assert!(found.iter().all(|item| !had[&7].contains(item) && ![1, 2].contains(item)) && !found.is_empty());
    let learned = items(&get("/v1/users/7/recommendations?n=30&exclude=learned"));
    assert!(learned.len() > found.len());
    let all = items(&get("/v1/users/7/recommendations?n=30&exclude=none"));
    assert_eq!(all, items(&server.post("/v1/recommend", &json!({"user": 7, "n": 30, "exclude_used": false})).json()));
    assert!(server.get("/v1/users/7/recommendations?exclude=used").status == 422);
    let twice = json!({"user": 7, "exclude": "none", "exclude_used": true});
    assert_eq!(server.post("/v1/recommend", &twice).json()["type"], "urn:adepts:problem:excluded-twice");
    // Events come late with their own times, and count at once.
    let [a, b, c] = [found[0], found[1], found[2]];
    let events = json!({"events": [
        {"id": "1", "user": 7, "item": a, "time": 300},
        {"id": "2", "user": "7", "item": b, "time": 100},
        {"id": "3", "user": 7, "item": c.to_string(), "time": 200},
    ]});
    assert_eq!(server.post("/v1/events", &events).json()["accepted"], 3);
    let now = items(&get("/v1/users/7/recommendations?n=30"));
    assert!([a, b, c].iter().all(|item| !now.contains(item)));
    let history = get("/v1/users/7/history");
    assert_eq!(history["user"], 7);
    assert_eq!(history["since"], json!([{"item": b}, {"item": c}, {"item": a}]));
    let of = |part: &str| -> BTreeSet<i64> {
        history[part].as_array().unwrap().iter().map(|row| row["item"].as_i64().unwrap()).collect()
    };
    let known: BTreeSet<i64> = of("trained").union(&of("seen")).copied().collect();
    let expected: BTreeSet<i64> = had[&7].iter().chain(&[1, 2]).copied().collect();
    assert!(known.is_subset(&expected) && of("trained").is_disjoint(&of("seen")), "{history}");
    assert_eq!(server.post("/v1/recommend", &json!({"user": "7"})).json()["user"], 7);
    assert_eq!(server.get("/v1/users/new/recommendations").status, 404);
    let new = items(&get("/v1/users/new/recommendations?n=30&fallback=popular"));
    assert!(!new.contains(&3) && new.len() > 20);
}

const RETRIEVAL: &str = r#"
[data]
source = "SOURCE"
label = { column = "stars", at_least = 3 }
domain = "shop"
user = "user"
fields = ["user", "item"]
item = "item"
[train]
batch = 64
epochs = 1
[eval]
resamples = 20
metrics = ["recall@5"]
[retrieval]
dimension = 4
[model]
kind = "mlp"
hidden = [4]
embedding = 4
"#;

#[test]
fn a_model_for_retrieval_finds_nothing_that_its_user_rated_low() {
    let folder = folder();
    let [log, config, data, out, asks] =
        ["log.csv", "a.toml", "data", "run", "asks.csv"].map(|name| folder.path().join(name));
    let mut text = String::from("user,item,stars,shop\n");
    let (mut rated, mut low) = (BTreeSet::new(), BTreeSet::new());
    for user in 1..=20 {
        for item in (1..=30).filter(|item| (user * 7 + item * 11 + user * item) % 5 < 3) {
            let stars = (user * 5 + item * 3) % 7 % 5 + 1;
            writeln!(text, "{user},{item},{stars},only").unwrap();
            if user == 7 {
                rated.insert(item);
                low.extend((stars < 3).then_some(item));
            }
        }
    }
    write(&log, &text);
    write(&config, &RETRIEVAL.replace("SOURCE", &log.display().to_string()));
    write(&asks, "user,shop\n7,only\n");
    let told = run("prepare --config {} --out {}", &[&config, &data]).ok().out;
    let pairs = text.lines().filter(|line| [",1,only", ",2,only"].iter().any(|low| line.ends_with(low))).count();
    assert!(told.contains(&format!("{pairs} pairs that users have only seen are stored separately")), "{told}");
    run("train {} --data {} --out {} -q", &[&config, &data, &out]).ok();
    let items = |answer: &Value| -> BTreeSet<i64> {
        answer["items"].as_array().unwrap().iter().map(|found| found["item"].as_i64().unwrap()).collect()
    };
    let found = |options: &str| {
        items(&run(&format!("predict {{}} {{}} --top 30 --json -q {options}"), &[&out, &asks]).ok().json()[0])
    };
    let server = Server::start(&out, &folder.path().join("state"), HERE, "");
    let question = json!({"domain": "only", "context": {"user": 7}, "n": 30});
    let others: BTreeSet<i64> = (1..=30).filter(|item| !rated.contains(item)).collect();
    assert!(found("").is_subset(&others) && found("") == found("--exclude seen"));
    assert_eq!(found(""), items(&server.post("/v1/retrieve", &question).json()));
    for (what, is_there) in [("learned", true), ("none", true), ("seen", false)] {
        let mut question = question.clone();
        question["exclude"] = what.into();
        let answer = items(&server.post("/v1/retrieve", &question).json());
        assert_eq!(answer, found(&format!("--exclude {what}")));
        assert_eq!((low.is_subset(&answer), low.is_disjoint(&answer)), (is_there, !is_there), "{what}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("only in rows that are not positive") && page.contains("kept out of the user’s lists too"));
    // Events and a file of more pairs count at once, also for users whom the run does not know.
    let first = *found("").first().unwrap();
    let events = json!({"events": [{"id": "a", "user": 7, "item": first}, {"id": "b", "user": "new", "item": 2}]});
    assert_eq!(server.post("/v1/events", &events).json()["accepted"], 2);
    let left = items(&server.post("/v1/retrieve", &question).json());
    assert_eq!(left, &found("") - &BTreeSet::from([first]));
    let of_new = json!({"domain": "only", "context": {"user": "new"}, "n": 30});
    assert!(!items(&server.post("/v1/retrieve", &of_new).json()).contains(&2));
    let mut learned = of_new.clone();
    learned["exclude"] = "learned".into();
    assert!(items(&server.post("/v1/retrieve", &learned).json()).contains(&2), "the model has not learned from events");
    drop(server);
    let more = folder.path().join("more.csv");
    let last = *left.last().unwrap();
    write(&more, &format!("user,item\n7,{last}\nother,5\n"));
    let server = Server::start(&out, &folder.path().join("state"), HERE, &format!("--seen {}", more.display()));
    assert_eq!(items(&server.post("/v1/retrieve", &question).json()), &left - &BTreeSet::from([last]));
    let other = json!({"domain": "only", "context": {"user": "other"}, "n": 30});
    assert!(!items(&server.post("/v1/retrieve", &other).json()).contains(&5));
}

#[test]
fn the_server_says_which_users_of_the_file_are_unknown() {
    let folder = folder();
    let (ease, _) = rated(folder.path());
    let (more, state) = (folder.path().join("more.csv"), folder.path().join("state"));
    write(&more, "user,item\n7,1\nnew,3\n");
    let serve = words(&format!("serve {{}} --state {{}} --listen {HERE} --seen {{}}"), &[&ease, &state, &more]);
    let mut child = adepts(serve).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let said = Done::of(&child.wait_with_output().unwrap()).err;
    assert!(said.contains("1 more pair seen by 1 user; 1 unknown user (`new`); 1 unknown item (`3`)"), "{said}");
}
