//! Whatever is sent: an answer that says what is wrong, never a 5xx, and the server goes on.

use std::net::SocketAddr;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{JSON, Plan, folder, raw, send};

const POSTS: [&str; 4] = ["/v1/recommend", "/v1/rank", "/v1/retrieve", "/v1/events"];

fn post(to: SocketAddr, path: &str, body: &[u8]) -> u16 {
    send(to, "POST", path, &[JSON], body).status
}

#[test]
fn wrong_forms_are_told_with_their_place() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let wrong = |body: &Value, status: u16, saying: &[&str]| server.post("/v1/recommend", body).fails(status, saying);
    wrong(&json!({"user": 1, "number": 5}), 422, &["number"]);
    wrong(&json!({"user": 1, "n": "5"}), 422, &["`n`"]);
    wrong(&json!({"user": 1, "n": -1}), 422, &["`n`"]);
    wrong(&json!({"user": 1, "n": 0}), 422, &["from 1 to 10000"]);
    wrong(&json!({"user": 1.5}), 422, &["`user`", "text or a whole number"]);
    wrong(&json!({"history": [1, [2]]}), 422, &["`history"]);
    wrong(&json!([{"user": 1}, {"user": 1, "n": []}]), 422, &["[1].n"]);
    wrong(&json!({}), 422, &["\"user\": ID", "\"history\""]);
    wrong(&json!(7), 422, &["body"]);
    let list = vec![json!({"user": 1}); 257];
    wrong(&json!(list), 422, &["257 questions", "at most 256"]);
    wrong(&json!(vec![json!({"user": 1, "n": 10_000}); 11]), 422, &["110000 items"]);
    server.get("/v1/users/1/recommendations?n=x").fails(422, &["n"]);
    server.get("/v1/users/1/recommendations?m=1").fails(422, &["m"]);
    server.get("/v1/users/%ff/recommendations").fails(400, &["path"]);
    server.get("/v1/items?limit=0").fails(422, &["from 1 to 100"]);
    let bytes = |body: &[u8]| send(server.address, "POST", "/v1/recommend", &[JSON], body);
    bytes(b"").fails(400, &["ends too early"]);
    bytes(b"{\"user\": 1").fails(400, &["ends too early"]);
    bytes(b"{\"user\": 1} x").fails(400, &["no JSON"]);
    bytes(b"{\"user\": \"\xff\"}").fails(400, &["no JSON"]);
    bytes(b"{\"user\": 1, \"user\": 2}").fails(422, &["duplicate"]);
}

#[test]
fn deep_long_and_large_bodies_are_refused() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    for path in POSTS {
        for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("{{\"history\":{}", "[".repeat(50_000))] {
            let status = post(server.address, path, deep.as_bytes());
            assert!((400..500).contains(&status), "{path}: {status}");
        }
        let huge = format!("{{\"history\": [{}1]}}", "1,".repeat(900_000));
        let status = post(server.address, path, huge.as_bytes());
        assert!((400..500).contains(&status), "{path}: {status}");
        let reply = send(server.address, "POST", path, &[JSON], &vec![b' '; (2 << 20) + 1]);
        reply.fails(413, &["2097152 bytes"]);
    }
    // The same without a length that is told before.
    let body = format!("{:x}\r\n{}\r\n0\r\n\r\n", 3 << 20, " ".repeat(3 << 20));
    let head = "POST /v1/recommend HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    if let Some(reply) = raw(server.address, (head.to_owned() + &body).as_bytes()) {
        reply.fails(413, &["2097152 bytes"]);
    }
    server.get("/health/live").ok();
}

/// Any JSON, with the names that the interface knows among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        3 => prop::sample::select(vec!["user", "history", "n", "exclude_used", "allow", "deny", "explain", "events", "id",
            "item", "time", "domain", "context", "candidates"]).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_i64..100).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<Vec<char>>().prop_map(|text| Value::from(text.into_iter().collect::<String>())),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

#[test]
fn no_body_and_no_path_is_answered_with_a_fault_of_the_server() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let mut runner = TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() });
    let fine = |status: u16| prop_assert_fine(status);
    runner
        .run(&(0..POSTS.len(), any_json()), |(path, body)| {
            fine(post(server.address, POSTS[path], body.to_string().as_bytes()))
        })
        .unwrap();
    runner
        .run(&(0..POSTS.len(), prop::collection::vec(any::<u8>(), 0..200)), |(path, body)| {
            fine(post(server.address, POSTS[path], &body))
        })
        .unwrap();
    runner
        .run(&("[!-~]{0,40}", "[!-~]{0,40}"), |(path, query)| {
            fine(send(server.address, "GET", &format!("/{path}?{query}"), &[], b"").status)?;
            fine(send(server.address, "GET", &format!("/v1/items?query={query}"), &[], b"").status)
        })
        .unwrap();
    server.get("/health/ready").ok();
}

#[test]
fn bytes_that_are_no_http_end_that_connection_alone() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    runner
        .run(&prop::collection::vec(any::<u8>(), 1..400), |mut bytes| {
            // Ended, so that the server need not wait for more.
            bytes.extend(b"\r\n\r\n");
            raw(server.address, &bytes).map_or(Ok(()), |reply| prop_assert_fine(reply.status))
        })
        .unwrap();
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(40_000));
    assert!(raw(server.address, long.as_bytes()).is_none_or(|reply| (400..500).contains(&reply.status)));
    server.get("/health/ready").ok();
}

fn prop_assert_fine(status: u16) -> Result<(), TestCaseError> {
    if (200..500).contains(&status) { Ok(()) } else { Err(TestCaseError::fail(format!("status {status}"))) }
}
