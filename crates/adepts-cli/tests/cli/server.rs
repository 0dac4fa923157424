//! `serve` and `export-events`: the real server, also when it is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{JSON, Reply, send, try_send};
use crate::support::{Done, adepts, folder, run, runs, words};

/// A server, killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Serves a run at this address with these further options.
    pub(crate) fn start(run: &Path, state: &Path, listen: &str, more: &str) -> Self {
        let line = format!("serve {{}} --state {{}} --listen {listen} -q {more}");
        let mut child = adepts(words(&line, &[run, state])).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim().strip_prefix("listening at http://").unwrap_or_else(|| panic!("it said {said:?}"));
        let address = address.parse().unwrap();
        Self { child, address }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        send(self.address, "POST", path, &[JSON], body.to_string().as_bytes())
    }

    /// Tells it to stop, and waits until it has.
    fn end(mut self) -> Option<i32> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) const HERE: &str = "127.0.0.1:0";

fn items(answer: &Value) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|row| row["item"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_server_answers_as_the_command_line_does_and_stops_when_told_to() {
    let state = folder();
    for run_folder in runs() {
        let server = Server::start(run_folder, state.path(), HERE, "");
        let said = run("recommend {} --history i00003,i00007 -n 8 --json", &[run_folder]).ok().json();
        let asked = json!({"history": ["i00003", "i00007"], "n": 8});
        let answer = server.post("/v1/recommend", &asked).ok();
        assert_eq!(answer["items"], said["items"], "the same items with the same scores, to the bit");
        let model = server.get("/v1/model").ok();
        assert_eq!(model["model"].as_str(), run_folder.file_name().unwrap().to_str());
        assert!(server.get("/report").text().contains("<h1"));
        assert_eq!(server.end(), Some(0));
    }
}

#[test]
fn what_users_do_while_it_runs_changes_their_answers_and_becomes_a_log_to_train_on() {
    let (state, out) = (folder(), folder());
    let server = Server::start(&runs()[2], state.path(), HERE, "");
    let before = items(&server.get("/v1/users/u00007/recommendations").ok());
    let taken = &before[0];
    let event = json!({"events": [{"id": "e-1", "user": "u00007", "item": taken, "time": 1_700_000_000}]});
    assert_eq!(server.post("/v1/events", &event).ok(), json!({"accepted": 1, "duplicates": 0}));
    let after = items(&server.get("/v1/users/u00007/recommendations").ok());
    assert!(!after.contains(taken), "{taken} was used: {after:?}");
    let many: Vec<Value> = (0..600)
        .map(|n| json!({"id": n, "user": format!("v{}", n % 30), "item": format!("i{:05}", (n * 7 + n / 30) % 120)}))
        .collect();
    assert_eq!(server.post("/v1/events", &json!({"events": many})).ok()["accepted"], 600);
    // While it runs.
    let log = out.path().join("events.csv");
    let exported = run("export-events --state {}", &[state.path()]).ok();
    assert_eq!(exported.out.lines().count(), 602);
    assert!(exported.out.starts_with("user,item,time,id\nu00007,"));
    fs::File::create(&log).unwrap().write_all(exported.out.as_bytes()).unwrap();
    let prepared = out.path().join("prepared");
    run("prepare --input {} --user user --item item --time time --out {} -q", &[&log, &prepared]).ok();
    let manifest = fs::read_to_string(prepared.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"train\""), "{manifest}");
}

#[test]
fn a_request_to_serve_that_cannot_be_is_refused() {
    let state = folder();
    let ease = &runs()[1];
    let serve = |more: &str| run(&format!("serve {{}} --state {{}} {more}"), &[ease, state.path()]);
    serve("--listen 0.0.0.0:0").fails(2, &["0.0.0.0:0 can be reached from other machines", "--tokens"]);
    serve("--listen nowhere").fails(2, &["nowhere"]);
    serve("--queue 0").fails(2, &["expected a number from 1"]);
    let tokens = state.path().join("tokens");
    fs::File::create(&tokens).unwrap().write_all(b"write short").unwrap();
    let refused =
        run("serve {} --state {} --tokens {}", &[ease, state.path(), &tokens]).fails(2, &["line 1", "too short"]);
    assert!(
        !refused.err.contains("short;") || !refused.err.contains("write short"),
        "no token is shown: {}",
        refused.err
    );
    run("serve {} --state {}", &[state.path(), state.path()]).fails(2, &["is not a run"]);
    run("export-events --state {}", &[&state.path().join("none")]).fails(2, &["holds no events", "--state"]);
}

#[test]
fn a_damaged_run_is_refused_while_the_old_one_answers_on() {
    let folder = folder();
    let (served, state) = (folder.path().join("run"), folder.path().join("state"));
    copy(&runs()[1], &served);
    let server = Server::start(&served, &state, HERE, "");
    let answer = || items(&server.post("/v1/recommend", &json!({"history": ["i00003"]})).ok());
    let before = answer();
    let model = served.join("model.safetensors");
    let mut bytes = fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::File::create(&model).unwrap().write_all(&bytes).unwrap();
    server.post("/v1/model/reload", &Value::Null).fails(409, &["model.safetensors", "still answers"]);
    assert_eq!(answer(), before);
    fs::remove_dir_all(&served).unwrap();
    server.post("/v1/model/reload", &Value::Null).fails(409, &["still answers"]);
    copy(&runs()[2], &served);
    assert_eq!(server.post("/v1/model/reload", &Value::Null).ok()["model"], "tall");
}

#[test]
fn a_damaged_report_is_not_shown_until_it_is_written_anew() {
    let folder = folder();
    let (served, state) = (folder.path().join("run"), folder.path().join("state"));
    copy(&runs()[1], &served);
    let page = served.join("report.html");
    let mut bytes = fs::read(&page).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::File::create(&page).unwrap().write_all(&bytes).unwrap();
    let server = Server::start(&served, &state, HERE, "");
    server.get("/report").fails(404, &["report.html has hash", "adepts report"]);
    server.post("/v1/recommend", &json!({"history": ["i00003"]})).ok();
    run("evaluate {} -q", &[&served]).ok();
    server.post("/v1/model/reload", &Value::Null).ok();
    server.get("/report").fails(404, &["report.html has hash"]);
    run("report {} --out {}", &[&served, &page]).ok();
    server.post("/v1/model/reload", &Value::Null).ok();
    assert!(server.get("/report").text().contains("<h1"));
}

#[test]
fn no_request_fails_while_another_run_takes_the_place() {
    let folder = folder();
    let (served, state) = (folder.path().join("run"), folder.path().join("state"));
    copy(&runs()[1], &served);
    let server = Server::start(&served, &state, HERE, "");
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    server.post("/v1/recommend", &json!({"history": ["i00003"]})).ok();
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for n in 0..6 {
            fs::remove_dir_all(&served).unwrap();
            copy(&runs()[n % 3], &served);
            let loaded = server.post("/v1/model/reload", &Value::Null).ok();
            assert_eq!(loaded["reloads"], n + 1);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(asked.into_inner() > 20);
}

/// Copies the folder of a run, its manifest last.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Kills the server without warning so many times while four clients deliver events to it. A client that gets no answer
/// delivers the same again to the next server, as it must.
#[expect(clippy::print_stderr, reason = "what was measured")]
fn kills(times: usize) {
    let (state, ease) = (folder(), &runs()[0]);
    let server = Mutex::new(Some(Server::start(ease, state.path(), HERE, "")));
    let (done, acknowledged) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
    let (sent, repeated) = (Mutex::new(BTreeMap::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (server, done, acknowledged, sent, repeated) = (&server, &done, &acknowledged, &sent, &repeated);
            scope.spawn(move || {
                for delivery in 0.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let row = |n: usize| {
                        (format!("{client}-{delivery}-{n}"), format!("u{client}"), format!("i{:05}", n % 120))
                    };
                    let rows: Vec<_> = (0..=delivery % 7).map(row).collect();
                    sent.lock()
                        .unwrap()
                        .extend(rows.iter().map(|(id, user, item)| (id.clone(), (user.clone(), item.clone()))));
                    let events: Vec<Value> =
                        rows.iter().map(|(id, user, item)| json!({"id": id, "user": user, "item": item})).collect();
                    let body = json!({"events": events}).to_string();
                    for attempt in 0.. {
                        let address = server.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|s| s.address);
                        let reply = address.and_then(|to| try_send(to, "POST", "/v1/events", &[JSON], body.as_bytes()));
                        // An answer may be cut short as well; then it acknowledges nothing.
                        let receipt = reply
                            .filter(|r| r.status == 200)
                            .and_then(|r| serde_json::from_slice::<Value>(&r.body).ok());
                        if let Some(receipt) = receipt {
                            let count = |key: &str| receipt[key].as_u64().unwrap() as usize;
                            assert_eq!(count("accepted") + count("duplicates"), rows.len());
                            assert!(attempt > 0 || count("duplicates") == 0);
                            repeated.fetch_add(count("duplicates"), Ordering::Relaxed);
                            acknowledged.lock().unwrap().extend(rows.into_iter().map(|(id, ..)| id));
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(10));
                    }
                }
            });
        }
        for kill in 0..times {
            // At another moment each time.
            std::thread::sleep(Duration::from_millis(150 + 37 * (kill as u64 % 7)));
            drop(server.lock().unwrap().take());
            let next = Server::start(ease, state.path(), HERE, "");
            *server.lock().unwrap() = Some(next);
        }
        std::thread::sleep(Duration::from_millis(200));
        done.store(true, Ordering::Relaxed);
    });
    let mut log = String::new();
    let mut export = adepts(words("export-events --state {}", &[state.path()])).stdout(Stdio::piped()).spawn().unwrap();
    export.stdout.as_mut().unwrap().read_to_string(&mut log).unwrap();
    assert!(export.wait().unwrap().success());
    let rows: Vec<Vec<&str>> = log.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row[3]).collect();
    assert_eq!(ids.len(), rows.len(), "no event is kept twice");
    let (acknowledged, sent) = (acknowledged.into_inner().unwrap(), sent.into_inner().unwrap());
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !ids.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged events are lost: {lost:?}", lost.len(), acknowledged.len());
    for row in &rows {
        assert_eq!(sent[row[3]], (row[0].to_owned(), row[1].to_owned()), "what is kept is what was sent");
    }
    assert!(acknowledged.len() > 100 * times.min(3), "{} events are no load", acknowledged.len());
    eprintln!(
        "{times} kills, {} events acknowledged, {} kept, {} told as duplicates",
        acknowledged.len(),
        rows.len(),
        repeated.into_inner()
    );
}

#[test]
fn no_acknowledged_event_is_lost_and_none_counted_twice_when_the_server_is_killed() {
    kills(3);
}

#[test]
#[ignore = "takes a minute; docs/serving.md has its result"]
fn twenty_kills_lose_no_acknowledged_event() {
    kills(20);
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn a_person_can_use_the_page_by_keyboard_on_a_phone_in_light_and_dark() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let path = std::env::split_paths(&paths()).map(|folder| folder.join("chromium")).find(|path| path.is_file());
    let (Some(chromium), true) = (path, script.join("node_modules/playwright-core").is_dir()) else {
        eprintln!("skipped: chromium or playwright-core is missing; .ci/run installs them");
        return;
    };
    let state = folder();
    for (run_folder, user) in [(&runs()[2], "u00007"), (&runs()[1], "u00011")] {
        let server = Server::start(run_folder, state.path(), HERE, "");
        let url = format!("http://{}", server.address);
        let mut node = Command::new("node");
        node.arg(script.join("page.mjs")).arg(url).arg(&chromium).env("PAGE_USER", user);
        Done::of(&node.output().unwrap()).ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "the browser is one that is installed")]
fn paths() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
