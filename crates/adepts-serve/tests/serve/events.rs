//! Events: kept, recognised, part of the next answer, given back.

use std::collections::BTreeSet;
use std::io::Write as _;

use adepts_data::Id;
use adepts_serve::Event;
use adepts_serve::events::{EventsError, Journal, export};
use serde_json::json;

use crate::support::{Plan, at_once, folder, items};

fn exported(state: &std::path::Path) -> Vec<String> {
    let mut out = Vec::new();
    let count = export(state, &mut out).unwrap();
    let lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "user,item,time,id");
    assert_eq!(lines.len() as u64, count + 1);
    lines[1..].to_vec()
}

#[test]
fn the_next_answer_goes_by_what_was_acknowledged() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    assert_eq!(items(&server.get("/v1/users/1/recommendations?n=2").ok()), [0, 2]);
    for item in [0, 2, 3] {
        let receipt = server.event(&format!("e{item}"), 1, item).ok();
        assert_eq!(receipt, json!({"accepted": 1, "duplicates": 0}));
        assert!(!items(&server.get("/v1/users/1/recommendations").ok()).contains(&item));
    }
    // Someone whom the model does not know is known by his events.
    server.get("/v1/users/new/recommendations").fails(404, &["new"]);
    server.post("/v1/events", &json!({"events": [{"id": 1, "user": "new", "item": "0"}]})).ok();
    assert_eq!(items(&server.get("/v1/users/new/recommendations?n=1").ok()), [1]);
    let history = server.get("/v1/users/1/history").ok();
    assert_eq!(history["since"].as_array().unwrap().len(), 3);
    assert_eq!(history["since"][2], json!({"item": 3, "title": "Film 3"}));
    assert_eq!(history["user"], json!(1), "an id has one type in all answers");
}

#[test]
fn events_that_come_late_stand_by_their_own_time() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let event = |id: i64, item: i64, time: i64| json!({"id": id, "user": 1, "item": item, "time": time});
    let late = [event(1, 5, 1_700_000_300), event(2, 4, 1_700_000_100), event(3, 3, 1_700_000_200)];
    server.post("/v1/events", &json!({"events": late})).ok();
    let history = server.get("/v1/users/1/history").ok();
    let since: Vec<_> = history["since"].as_array().unwrap().iter().map(|item| item["item"].clone()).collect();
    assert_eq!(since, [json!(4), json!(3), json!(5)]);
}

#[test]
fn what_was_delivered_before_is_recognised_by_its_id() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let one =
        json!({"events": [{"id": "a", "user": 1, "item": 5, "time": 100}, {"id": "a", "user": "1", "item": "5"}]});
    assert_eq!(server.post("/v1/events", &one).ok(), json!({"accepted": 1, "duplicates": 1}));
    let other = json!({"events": [{"id": "a", "user": 1, "item": 6}, {"id": "b", "user": 1, "item": 5}]});
    assert_eq!(server.post("/v1/events", &other).ok(), json!({"accepted": 1, "duplicates": 0, "conflicts": ["a"]}));
    let moved = json!({"events": [{"id": "a", "user": 1, "item": 5, "time": 101}]});
    assert_eq!(server.post("/v1/events", &moved).ok()["conflicts"], json!(["a"]));
    assert_eq!(exported(state.path()), ["1,5,100,a", "1,5,1700000000,b"]);
    assert_eq!(server.post("/v1/events", &json!({"events": []})).ok(), json!({"accepted": 0, "duplicates": 0}));
}

#[test]
fn one_bad_event_refuses_the_whole_delivery() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let good = json!({"id": "a", "user": 1, "item": 5});
    for (bad, saying) in [
        (json!({"id": "", "user": 1, "item": 5}), "an empty text as its `id`"),
        (json!({"id": "b", "user": "x\ny", "item": 5}), "control characters as its `user`"),
        (json!({"id": "b", "user": 1, "item": "x".repeat(513)}), "513 bytes as its `item`"),
        (json!({"id": "b", "user": 1, "item": 5, "time": i64::MAX}), "expected whole seconds since 1970"),
        (json!({"id": "b", "user": 1, "item": 5, "time": 1_700_000_000_000_i64}), "milli-, micro- and nanoseconds"),
    ] {
        server.post("/v1/events", &json!({"events": [good, bad]})).fails(422, &["event 1 has", saying]);
    }
    for bad in [
        json!({"id": "b", "user": 1}),
        json!({"id": "b", "user": 1, "item": 1.5}),
        json!({"id": "b", "user": 1, "item": 1, "kind": 1}),
        json!({"id": "b", "user": 1, "item": 1, "time": "2024-01-01T00:00:00Z"}),
        json!({"id": "b", "user": 1, "item": 1, "time": 1_700_000_000.5}),
    ] {
        server.post("/v1/events", &json!({"events": [bad]})).fails(422, &["events[0]"]);
    }
    assert!(exported(state.path()).is_empty());
}

#[test]
fn events_outlive_the_server_and_are_exported_in_their_order_while_another_runs() {
    let state = folder();
    {
        let server = Plan::new(state.path()).start();
        let writers = at_once(8, |writer| {
            (0..20).all(|n| server.event(&format!("{writer}-{n}"), writer as i64 + 1, n).status == 200)
        });
        assert_eq!(writers, 8);
    }
    let server = Plan::new(state.path()).start();
    assert_eq!(server.event("0-0", 1, 0).ok()["duplicates"], 1);
    let lines = exported(state.path());
    assert_eq!((lines.len(), lines.iter().collect::<BTreeSet<_>>().len()), (160, 160));
    let of_one: Vec<&String> = lines.iter().filter(|line| line.starts_with("3,")).collect();
    assert_eq!(of_one.len(), 20);
    assert!(of_one.iter().enumerate().all(|(n, line)| **line == format!("3,{n},1700000000,2-{n}")), "{of_one:?}");
    assert_eq!(items(&server.get("/v1/users/3/recommendations?n=1").ok()), [20]);
}

#[test]
fn a_log_of_any_ids_can_be_read_back() {
    let state = folder();
    let journal = Journal::open(state.path(), 10, Box::new(|_, _| {})).unwrap();
    let text = |text: &str| Id::Text(text.into());
    let event = Event { id: text("1"), user: text("a \"b\", c"), item: text("é;'--"), time: Some(-5) };
    journal.append(vec![event.clone()], 7).unwrap().blocking_recv().unwrap().unwrap();
    assert_eq!(journal.since([&event.user].into_iter()).unwrap(), [vec![event.item]]);
    assert_eq!(exported(state.path()), ["\"a \"\"b\"\", c\",é;'--,-5,1"]);
}

#[test]
fn a_users_latest_events_count_once_each() {
    let state = folder();
    let journal = Journal::open(state.path(), 4, Box::new(|_, _| {})).unwrap();
    let event = |id: i64, item: i64| Event { id: Id::Int(id), user: Id::Int(1), item: Id::Int(item), time: None };
    let events = [1, 2, 3, 4, 2].into_iter().enumerate().map(|(id, item)| event(id as i64, item)).collect();
    journal.append(events, 7).unwrap().blocking_recv().unwrap().unwrap();
    let since = journal.since([&Id::Int(1), &Id::Int(2)].into_iter()).unwrap();
    let texts = |ids: &[Id]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((texts(&since[0]), since[1].len()), (vec!["3".into(), "4".into(), "2".into()], 0));
}

#[test]
fn what_is_no_store_of_events_is_refused_and_left_as_it_is() {
    let state = folder();
    let path = state.path().join("events.sqlite");
    assert!(matches!(export(state.path(), Vec::new()), Err(EventsError::NoState { .. })));
    let open = || Journal::open(state.path(), 10, Box::new(|_, _| {}));
    let before =
        b"user,item\nthis is a log of someone else, long enough to be taken for the head of a database or not\n";
    std::fs::File::create(&path).unwrap().write_all(before).unwrap();
    assert!(matches!(open(), Err(EventsError::NotEvents { .. })));
    assert!(matches!(export(state.path(), Vec::new()), Err(EventsError::NotEvents { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::remove_file(&path).unwrap();
    let other = |set: &str| {
        std::fs::remove_file(&path).ok();
        drop(open().unwrap());
        rusqlite::Connection::open(&path).unwrap().execute_batch(set).unwrap();
    };
    other("PRAGMA user_version = 2");
    assert!(matches!(open(), Err(EventsError::Newer { found: 2, known: 1, .. })));
    assert!(matches!(export(state.path(), Vec::new()), Err(EventsError::Newer { .. })));
    other("PRAGMA application_id = 5");
    assert!(matches!(open(), Err(EventsError::NotEvents { .. })));
}
