//! A small client: a request, a connection, an answer. It knows nothing of the server.
#![allow(dead_code, reason = "the tests that share it use parts of it")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// A problem document with this status that says all of this.
    #[track_caller]
    pub(crate) fn fails(&self, status: u16, saying: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("urn:adepts:problem:"), "{problem}");
        for text in saying {
            assert!(problem["detail"].as_str().unwrap().contains(text), "`{text}` is not in {problem}");
        }
    }
}

#[track_caller]
pub(crate) fn send(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    try_send(to, method, path, headers, body).expect("an answer")
}

/// As [`send`], where the server may not be there or go away.
pub(crate) fn try_send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Reply> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    let (host, named) = (to.to_string(), headers.iter().any(|(name, _)| *name == "host"));
    for (name, value) in headers.iter().chain((!named).then_some(&("host", host.as_str()))) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    raw(to, &[format!("{head}\r\n").as_bytes(), body].concat())
}

/// Sends bytes, and reads until the server closes; `None` if it closes without an answer.
pub(crate) fn raw(to: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    // A server may answer and close before it has read all.
    let _cut = stream.write_all(bytes);
    read(&mut stream)
}

pub(crate) fn read(stream: &mut TcpStream) -> Option<Reply> {
    let mut found = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(n) => found.extend(&part[..n]),
        }
    }
    let end = found.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&found[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, head, body: found[end + 4..].to_vec() })
}
