//! What holds for every request: a time limit, and a line in the metrics.

use std::sync::Arc;
use std::time::Duration;

use adepts_core::Stopwatch;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::model::RELOAD;
use super::problem::Problem;
use crate::server::app::App;

pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    // A path that nothing answers is the client's choice, so it is no label.
    let path = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let route = format!("{} {path}", method(&request));
    // A large run is loaded for as long as it takes.
    let limit = if path == RELOAD { Duration::MAX } else { app.limits.timeout };
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| Problem::late(limit.as_secs_f64()).into_response());
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    app.metrics.request(&route, response.status().as_u16(), watch.seconds());
    response
}

/// The method; what is not common is the client's choice too.
fn method(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "HEAD" => "HEAD",
        _ => "other",
    }
}
