//! Another model in the place of the one that answers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adepts_serve::{Answerer, Opener};
use serde_json::Value;

use crate::support::{Model, Plan, folder, items};

/// Opens models with the hashes `0`, `1`, and so on; the odd ones are broken.
fn every_other_broken(pause: Duration) -> Opener {
    let opened = AtomicUsize::new(0);
    Arc::new(move |_| {
        let index = opened.fetch_add(1, Ordering::Relaxed);
        if index > 0 {
            std::thread::sleep(pause);
        }
        if index % 2 == 1 {
            return Err("model.safetensors has 7 bytes, its manifest says 8; the run is damaged".into());
        }
        Ok(Arc::new(Model::new(&index.to_string())) as Arc<dyn Answerer>)
    })
}

#[test]
fn a_broken_run_is_refused_and_a_whole_one_takes_the_place() {
    let state = folder();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&notes);
    let note = Box::new(move |text: &str| told.lock().unwrap().push(text.to_owned()));
    let plan = Plan { opener: every_other_broken(Duration::ZERO), ..Plan::new(state.path()) };
    let server = crate::support::Running::of(plan.open_at("127.0.0.1:0".parse().unwrap(), note).unwrap());
    let model = |found: &Value| (found["hash"].as_str().unwrap().to_owned(), found["reloads"].as_u64().unwrap());
    assert_eq!(model(&server.get("/v1/model").ok()), ("0".into(), 0));
    let refused = server.post("/v1/model/reload", &Value::Null);
    refused.fails(409, &["its manifest says 8", "the model of before still answers"]);
    assert_eq!(model(&server.get("/v1/model").ok()), ("0".into(), 0));
    assert_eq!(model(&server.post("/v1/model/reload", &Value::Null).ok()), ("2".into(), 1));
    assert_eq!(model(&server.get("/v1/model").ok()), ("2".into(), 1));
    let notes = notes.lock().unwrap();
    assert!(notes[0].contains("refused") && notes[1].contains("loaded made-up (2)"), "{notes:?}");
}

#[test]
fn no_request_fails_while_models_are_loaded() {
    let state = folder();
    let plan = Plan { opener: every_other_broken(Duration::from_millis(50)), ..Plan::new(state.path()) };
    let server = plan.start();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut asked = 0;
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(items(&server.get("/v1/users/1/recommendations?n=2").ok()), [0, 2]);
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        let statuses: Vec<u16> = (0..10).map(|_| server.post("/v1/model/reload", &Value::Null).status).collect();
        done.store(true, Ordering::Relaxed);
        assert_eq!(statuses, [409, 200, 409, 200, 409, 200, 409, 200, 409, 200]);
        assert!(asking.into_iter().map(|asking| asking.join().unwrap()).sum::<usize>() > 20);
    });
    assert_eq!(server.get("/v1/model").ok()["reloads"], 5);
}

#[test]
fn one_model_is_loaded_at_a_time() {
    let state = folder();
    let plan = Plan { opener: every_other_broken(Duration::from_millis(400)), ..Plan::new(state.path()) };
    let server = plan.start();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(server.post("/v1/model/reload", &Value::Null).status, 409));
        std::thread::sleep(Duration::from_millis(150));
        server.post("/v1/model/reload", &Value::Null).fails(409, &["already being loaded"]);
    });
}
