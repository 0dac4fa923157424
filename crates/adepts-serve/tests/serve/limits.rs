//! What is too much is refused with the reason; what was accepted is finished.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adepts_core::Stopwatch;
use adepts_serve::Limits;
use serde_json::json;

use crate::support::{Model, Plan, at_once, folder, read};

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_come_again() {
    let state = folder();
    let limits = Limits { queue: 4, batch: 1, ..Limits::default() };
    let server = Plan { limits, ..Plan::with(state.path(), Model::slow(200)) }.start();
    let refused = AtomicUsize::new(0);
    let fine = at_once(16, |_| {
        let reply = server.get("/v1/users/1/recommendations");
        if reply.status == 429 {
            reply.fails(429, &["too many questions"]);
            assert_eq!(reply.header("retry-after"), Some("1"));
            refused.fetch_add(1, Ordering::Relaxed);
        }
        [200, 429].contains(&reply.status)
    });
    assert_eq!(fine, 16);
    let refused = refused.into_inner();
    assert!((8..=12).contains(&refused), "{refused} of 16 were refused; one is answered and four wait at a time");
    server.get("/v1/users/1/recommendations").ok();
}

#[test]
fn a_list_is_taken_whole_or_not_at_all_and_explanations_count_for_more() {
    let state = folder();
    let limits = Limits { queue: 40, batch: 40, ..Limits::default() };
    let server = Plan { limits, ..Plan::with(state.path(), Model::slow(300)) }.start();
    let list = |n: usize, explain: bool| json!(vec![json!({"user": 1, "explain": explain}); n]);
    std::thread::scope(|scope| {
        scope.spawn(|| server.get("/v1/users/1/recommendations").ok());
        std::thread::sleep(Duration::from_millis(100));
        scope.spawn(|| server.post("/v1/recommend", &list(30, false)).ok());
        std::thread::sleep(Duration::from_millis(50));
        server.post("/v1/recommend", &list(11, false)).fails(429, &["too many"]);
        server.post("/v1/recommend", &list(1, true)).fails(429, &["too many"]);
        server.post("/v1/recommend", &list(10, false)).ok();
    });
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    let state = folder();
    let limits = Limits { timeout: Duration::from_millis(300), ..Limits::default() };
    let server = Plan { limits, ..Plan::with(state.path(), Model::slow(700)) }.start();
    let reply = server.get("/v1/users/1/recommendations");
    reply.fails(503, &["within 0.3 s"]);
    assert_eq!(reply.header("retry-after"), Some("1"));
    server.get("/health/live").ok();
}

#[test]
fn who_sends_too_slowly_is_sent_away() {
    let state = folder();
    let limits = Limits { timeout: Duration::from_millis(400), ..Limits::default() };
    let server = Plan { limits, ..Plan::new(state.path()) }.start();
    let begin = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let watch = Stopwatch::start();
    let head =
        "POST /v1/recommend HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{";
    read(&mut begin(head.as_bytes())).unwrap().fails(408, &["did not arrive in time"]);
    // Half a head gets no answer, and no place for ever.
    let cut = read(&mut begin(b"GET /v1/mod"));
    assert!(cut.is_none_or(|reply| reply.status == 408));
    assert!(watch.seconds() < 5.0);
}

#[test]
fn who_does_not_read_his_answers_loses_his_place() {
    let state = folder();
    let limits = Limits { connections: 1, timeout: Duration::from_millis(500), ..Limits::default() };
    let server = Plan { limits, ..Plan::new(state.path()) }.start();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    // More answers than the buffers between here and there hold.
    let requests = "GET /page.js HTTP/1.1\r\nhost: a\r\n\r\n".repeat(5_000);
    let _full = stream.write_all(requests.as_bytes());
    let watch = Stopwatch::start();
    server.get("/health/live").ok();
    assert!(watch.seconds() > 0.2, "it had to wait until the other was given up");
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let state = folder();
    let limits = Limits { connections: 2, timeout: Duration::from_millis(500), ..Limits::default() };
    let server = Plan { limits, ..Plan::new(state.path()) }.start();
    let _idle = [TcpStream::connect(server.address).unwrap(), TcpStream::connect(server.address).unwrap()];
    std::thread::sleep(Duration::from_millis(100));
    let watch = Stopwatch::start();
    server.get("/health/live").ok();
    assert!(watch.seconds() > 0.2, "it had to wait until an idle connection was given up");
}

#[test]
fn a_server_that_is_to_stop_finishes_what_it_accepted_and_takes_no_more() {
    let state = folder();
    let server = Plan::with(state.path(), Model::slow(400)).start();
    let address = server.address;
    std::thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..8).map(|_| scope.spawn(|| server.get("/v1/users/1/recommendations").status)).collect();
        std::thread::sleep(Duration::from_millis(150));
        server.ask_to_stop();
        for answer in waiting {
            assert_eq!(answer.join().unwrap(), 200);
        }
    });
    drop(server);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}
