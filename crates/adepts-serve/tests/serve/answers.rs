//! Questions and answers.

use std::sync::{Arc, Mutex};

use adepts_serve::Page;
use serde_json::json;

use crate::support::{Model, PANIC, Plan, Running, at_once, folder, items};

#[test]
fn a_user_or_a_history_is_answered_alone_and_in_a_list() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    assert_eq!(items(&server.post("/v1/recommend", &json!({"history": [0, "1", 3], "n": 3})).ok()), [2, 4, 5]);
    assert_eq!(items(&server.post("/v1/recommend", &json!({"user": 1, "n": 2})).ok()), [0, 2]);
    assert_eq!(items(&server.get("/v1/users/1/recommendations?n=2").ok()), [0, 2]);
    let list = json!([{"user": "2", "n": 1}, {"user": 99}, {"history": []}, {"user": 1, "history": [1]}]);
    let found = server.post("/v1/recommend", &list).ok();
    assert_eq!(items(&found[0]), [0]);
    assert_eq!((&found[1]["status"], &found[1]["type"]), (&json!(404), &json!("urn:adepts:problem:unknown-user")));
    assert_eq!(found[2]["fallback"], "popularity");
    assert_eq!(found[3]["status"], 422);
    assert_eq!(server.post("/v1/recommend", &json!([])).ok(), json!([]));
}

#[test]
fn an_unknown_user_is_told_to_send_a_history() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    server.get("/v1/users/nobody/recommendations").fails(404, &["`nobody`", "\"history\": [ID, …]"]);
    server.get("/v1/users/nobody/history").fails(404, &["`nobody`"]);
    server.post("/v1/recommend", &json!({"user": "nobody"})).fails(404, &["\"history\""]);
    assert_eq!(server.get("/v1/users/2/history").ok()["trained"], json!([{"item": 2, "title": "Film 2"}]));
}

#[test]
fn candidates_are_ranked() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let ranking = server.post("/v1/rank", &json!({"domain": "a", "candidates": [{"x": 1}, {"x": null}]})).ok();
    assert_eq!(ranking["candidates"].as_array().unwrap().len(), 2);
    server.post("/v1/rank", &json!({"domain": "a"})).fails(422, &["candidates"]);
}

#[test]
fn items_are_retrieved_up_to_a_number_that_has_bounds() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let found = server.post("/v1/retrieve", &json!({"domain": "a", "context": {"user": 7}, "n": 2})).ok();
    assert_eq!(items(&found), [0, 1]);
    assert_eq!(items(&server.post("/v1/retrieve", &json!({"domain": "a"})).ok()).len(), 10);
    server.post("/v1/retrieve", &json!({"context": {}})).fails(422, &["domain"]);
    for n in [0, 10_001] {
        server.post("/v1/retrieve", &json!({"domain": "a", "n": n})).fails(422, &["from 1 to 10000"]);
    }
    server.post("/v1/retrieve", &json!({"domain": "a", "candidates": [{"x": 1}]})).fails(422, &["candidates"]);
}

#[test]
fn questions_that_come_while_the_model_works_are_asked_together() {
    let state = folder();
    let model = Arc::new(Model::slow(100));
    let server = Plan::of(state.path(), Arc::clone(&model)).start();
    let answered = at_once(24, |index| {
        items(&server.post("/v1/recommend", &json!({"history": [index], "n": 1})).ok()) == [i64::from(index == 0)]
    });
    assert_eq!(answered, 24, "each gets the answer to his own question");
    let batches = model.batches.lock().unwrap();
    assert_eq!(batches.iter().sum::<usize>(), 24);
    assert!(batches.len() <= 12, "{batches:?}");
}

#[test]
fn a_report_that_is_missing_or_was_changed_is_told_and_not_shown() {
    let state = folder();
    for (page, saying) in [
        (Page::Missing, "has no report"),
        (Page::Changed { reason: "report.html has 3 bytes".into() }, "not shown: report.html has 3 bytes"),
    ] {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&notes);
        let note = Box::new(move |text: &str| told.lock().unwrap().push(text.to_owned()));
        let changed = page != Page::Missing;
        let mut model = Model::new("first");
        model.page = page;
        let plan = Plan::with(state.path(), model);
        let server = Running::of(plan.open_at("127.0.0.1:0".parse().unwrap(), note).unwrap());
        server.get("/report").fails(404, &[saying, "`adepts report RUN --out RUN/report.html`"]);
        assert_eq!(notes.lock().unwrap().len(), usize::from(changed), "the operator is told as well");
    }
}

#[test]
fn a_panic_of_the_model_is_an_error_of_that_request_alone() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    server.get(&format!("/v1/users/{PANIC}/recommendations")).fails(500, &["fault of the server"]);
    assert_eq!(items(&server.get("/v1/users/1/recommendations?n=1").ok()), [0]);
}

#[test]
fn what_was_counted_is_told() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    server.get("/v1/users/1/recommendations").ok();
    server.post("/v1/recommend", &json!({"history": []})).ok();
    server.event("a", 1, 5).ok();
    server.event("a", 1, 5).ok();
    server.get("/nowhere").fails(404, &["/nowhere"]);
    let metrics = server.get("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = metrics.text();
    for line in [
        "adepts_requests_total{route=\"GET /v1/users/{id}/recommendations\",status=\"200\"} 1",
        "adepts_requests_total{route=\"GET other\",status=\"404\"} 1",
        "adepts_answers_total{outcome=\"model\"} 1",
        "adepts_answers_total{outcome=\"popularity\"} 1",
        "adepts_events_total{outcome=\"accepted\"} 1",
        "adepts_events_total{outcome=\"duplicate\"} 1",
        "adepts_batch_questions_count 2",
        "adepts_gate_entropy_count 2",
        "adepts_commit_events_count 2",
        "adepts_queue 0",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
