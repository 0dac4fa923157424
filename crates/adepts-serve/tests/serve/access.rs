//! Who may write, and who may administer.

use serde_json::json;

use crate::support::{JSON, Plan, Running, folder, send};

const TOKENS: &str = "write write-token-of-the-test\nadmin admin-token-of-the-test";

fn with(server: &Running, path: &str, headers: &[(&str, &str)]) -> u16 {
    let body = json!({"events": []}).to_string();
    let headers = [&[JSON], headers].concat();
    send(server.address, "POST", path, &headers, body.as_bytes()).status
}

#[test]
fn with_tokens_reading_is_open_writing_needs_one_and_administration_an_admins() {
    let state = folder();
    let server = Plan { tokens: Some(TOKENS), ..Plan::new(state.path()) }.start();
    server.get("/v1/users/1/recommendations").ok();
    let refused = server.event("a", 1, 5);
    refused.fails(401, &["Authorization: Bearer TOKEN"]);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    for wrong in [
        "Bearer write-token-of-the-tesT",
        "Bearer ",
        "Bearer",
        "Basic write-token-of-the-test",
        "write-token-of-the-test",
    ] {
        assert_eq!(with(&server, "/v1/events", &[("authorization", wrong)]), 401, "{wrong}");
    }
    let (write, admin) =
        (("authorization", "Bearer write-token-of-the-test"), ("authorization", "bearer admin-token-of-the-test"));
    assert_eq!(with(&server, "/v1/events", &[write]), 200);
    assert_eq!(with(&server, "/v1/events", &[admin]), 200);
    assert_eq!(with(&server, "/v1/model/reload", &[]), 401);
    assert_eq!(with(&server, "/v1/model/reload", &[write]), 403);
    assert_eq!(with(&server, "/v1/model/reload", &[admin]), 200);
    // With a token it does not matter under what name the server was reached.
    assert_eq!(
        with(&server, "/v1/events", &[write, ("host", "shop.example.org"), ("origin", "https://example.org")]),
        200
    );
}

#[test]
fn without_tokens_a_page_of_another_site_cannot_write_through_a_browser_here() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    assert_eq!(with(&server, "/v1/events", &[]), 200);
    for headers in [[("host", "example.org")], [("origin", "http://example.org")], [("origin", "null")]] {
        assert_eq!(with(&server, "/v1/events", &headers), 403, "{headers:?}");
        assert_eq!(with(&server, "/v1/model/reload", &headers), 403, "{headers:?}");
    }
    // A form can send no JSON.
    let body = json!({"events": [{"id": 1, "user": 1, "item": 5}]}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let reply = send(server.address, "POST", "/v1/events", &[("content-type", kind)], body.as_bytes());
        reply.fails(415, &["Content-Type: application/json"]);
    }
}

#[test]
fn without_tokens_other_addresses_are_not_listened_at() {
    let state = folder();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let started = Plan::new(state.path()).open_at(address.parse().unwrap(), Box::new(|_| {}));
        let error = started.err().unwrap().to_string();
        assert!(error.contains("can be reached from other machines") && error.contains("file of tokens"), "{error}");
    }
}
