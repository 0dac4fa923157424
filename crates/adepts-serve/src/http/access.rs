//! Who may write, and who may administer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::server::app::{Access, App};
use crate::server::tokens::Role;

/// A request that may send events.
pub(crate) struct Writer;

/// A request that may load another model.
pub(crate) struct Admin;

impl FromRequestParts<Arc<App>> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        allow(&app.access, &parts.headers, Role::Write).map(|()| Self)
    }
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        allow(&app.access, &parts.headers, Role::Admin).map(|()| Self)
    }
}

fn allow(access: &Access, headers: &HeaderMap, needed: Role) -> Result<(), Problem> {
    match access {
        Access::Loopback => from_here(headers),
        Access::Tokens(tokens) => {
            let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let token =
                sent.and_then(|value| value.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
            match token.and_then(|(_, token)| tokens.role(token.trim())) {
                None => {
                    let detail =
                        "this needs a token that the server knows: send the header `Authorization: Bearer TOKEN`";
                    Err(Problem::new(StatusCode::UNAUTHORIZED, "token", detail))
                }
                Some(role) if role < needed => {
                    let detail =
                        "this token may send events only; send one of a line `admin TOKEN` in the server's file";
                    Err(Problem::new(StatusCode::FORBIDDEN, "role", detail))
                }
                Some(_) => Ok(()),
            }
        }
    }
}

/// Whether a request was meant for this machine. A page of another site that a browser here shows can send requests to this
/// address too, but the browser names that site as origin, or as host where it was deceived about its address.
fn from_here(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    let here = name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
    let same =
        text(header::ORIGIN).is_none_or(|origin| origin.strip_prefix("http://").is_some_and(|origin| origin == host));
    if here && same {
        return Ok(());
    }
    let detail = "without a file of tokens only this machine itself may write: address the server as 127.0.0.1 or localhost, or start it with --tokens";
    Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &str)]) -> bool {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        from_here(&headers).is_ok()
    }

    #[test]
    fn without_tokens_only_requests_meant_for_this_machine_may_write() {
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "[::1]:8080", "127.9.9.9"] {
            assert!(asked(&[("host", host)]), "{host}");
        }
        for host in ["", "example.org", "127.0.0.1.example.org", "192.168.1.5:8080", "localhost.example.org:80"] {
            assert!(!asked(&[("host", host)]), "{host}");
        }
        assert!(!asked(&[]));
        assert!(asked(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")]));
        for origin in ["http://example.org", "null", "https://localhost:8080", "http://localhost:9090"] {
            assert!(!asked(&[("host", "localhost:8080"), ("origin", origin)]), "{origin}");
        }
    }
}
