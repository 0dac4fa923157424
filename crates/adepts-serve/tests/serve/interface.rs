//! The description of the interface against what the server does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{JSON, Plan, folder, send};

/// Every operation, and a request of it that succeeds.
fn examples() -> Vec<(&'static str, &'static str, String, Value)> {
    let get = |path: &'static str| ("get", path, path.to_owned(), Value::Null);
    vec![
        get("/health/live"),
        get("/health/ready"),
        get("/metrics"),
        get("/openapi.json"),
        get("/report"),
        get("/v1/items"),
        get("/v1/model"),
        ("get", "/v1/users/{id}/history", "/v1/users/1/history".into(), Value::Null),
        ("get", "/v1/users/{id}/recommendations", "/v1/users/1/recommendations".into(), Value::Null),
        ("post", "/v1/events", "/v1/events".into(), json!({"events": [{"id": 1, "user": 1, "item": 5}]})),
        ("post", "/v1/model/reload", "/v1/model/reload".into(), Value::Null),
        ("post", "/v1/rank", "/v1/rank".into(), json!({"domain": "a", "candidates": [{"x": 1}]})),
        ("post", "/v1/retrieve", "/v1/retrieve".into(), json!({"domain": "a", "context": {"user": 7}, "n": 3})),
        ("post", "/v1/recommend", "/v1/recommend".into(), json!({"user": 1})),
    ]
}

#[test]
fn handlers_and_description_have_the_same_operations() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let document = server.get("/openapi.json").ok();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone())))
        .collect();
    let known: BTreeSet<(String, String)> =
        examples().into_iter().map(|(method, path, ..)| (path.to_owned(), method.to_owned())).collect();
    assert_eq!(described, known);
    for (method, path, sent, body) in examples() {
        let content = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let reply = send(server.address, &method.to_uppercase(), &sent, &[JSON], &content);
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text());
        let operation = &paths[path][method];
        let described = operation["responses"]["200"]["content"].as_object().unwrap();
        let found = reply.header("content-type").unwrap();
        let same = |kind: &String| kind == found || found.starts_with(&format!("{kind}; charset"));
        assert!(described.keys().any(same), "{method} {path}: {found} is not described");
        assert!(
            operation["responses"]["default"]["content"]["application/problem+json"].is_object(),
            "{method} {path}"
        );
        if let Some(schema) = described.values().next().filter(|_| found == "application/json").map(|c| &c["schema"]) {
            check(&document, schema, &reply.json(), path);
        }
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let reply = send(server.address, other, &sent, &[JSON], &content);
            let there = paths[path].get(other.to_lowercase()).is_some();
            assert_eq!(reply.status == 405, !there, "{other} {path}: {}", reply.status);
        }
    }
}

#[test]
fn every_name_that_the_description_uses_is_explained_in_it() {
    let state = folder();
    let document = Plan::new(state.path()).start().get("/openapi.json").ok();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let found = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(found.is_some(), "{reference} leads nowhere");
    }
    assert_eq!(document["paths"]["/v1/events"]["post"]["security"], json!([{"token": []}]));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}

/// Whether a value has the described form, as far as types, names and required fields go.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(document, document.pointer(&reference[1..]).unwrap(), value, place);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, place);
    }
    if let Some(kind) = schema["type"].as_str() {
        let right = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            other => panic!("{other}"),
        };
        assert!(right, "{place}: {value} is no {kind}");
    }
    for field in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(field.as_str().unwrap()).is_some(), "{place}: {value} has no {field}");
    }
    for (name, of_field) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(found) = value.get(name).filter(|found| !found.is_null()) {
            check(document, of_field, found, &format!("{place}.{name}"));
        }
    }
    for (index, found) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], found, &format!("{place}[{index}]"));
    }
}

#[test]
fn the_page_has_words_for_what_a_person_may_meet() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    let told = server.get("/v1/users/nobody/recommendations").json();
    assert!(told["type"].as_str().unwrap().ends_with(":unknown-user"), "{told}");
    let script = server.get("/page.js").text();
    for kind in ["unknown-user", "no-histories", "busy", "late", "stopping", "events", "report-changed"] {
        let named = [format!("\"{kind}\": () =>"), format!("  {kind}: () =>")];
        assert!(named.iter().any(|name| script.contains(name)), "{kind} has no words of its own");
    }
    assert!(!script.contains("POST /"), "operations are for programs");
}

#[test]
fn the_page_and_what_belongs_to_it_ask_nobody_else() {
    let state = folder();
    let server = Plan::new(state.path()).start();
    for (path, kind) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let reply = server.get(path);
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").unwrap().starts_with(kind));
        assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        let text = reply.text();
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("style="), "{path}");
        assert!(!text.contains("innerHTML"), "{path}");
    }
    assert!(server.get("/report").header("content-security-policy").unwrap().starts_with("default-src 'none'"));
}
