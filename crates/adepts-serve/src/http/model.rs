//! The model that answers: what it is, its items, its report, and another in its place.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use adepts_core::Stopwatch;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Admin;
use super::answers::query;
use super::body::Json;
use super::problem::Problem;
use crate::answerer::{Facts, ItemFound, Page};
use crate::server::app::App;
use crate::server::metrics::METRICS_TYPE;

/// Where another model is loaded.
pub(crate) const RELOAD: &str = "/v1/model/reload";

/// The model that answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Served {
    #[serde(flatten)]
    facts: Facts,
    /// How often another model has taken the place of the one before since the server started.
    reloads: u64,
}

/// What is to be known of the model.
#[utoipa::path(get, path = "/v1/model", tag = "model",
    responses((status = 200, description = "The model that answers", body = Served)))]
pub(crate) async fn model(State(app): State<Arc<App>>) -> Response {
    Json(Served { facts: app.model().facts().clone(), reloads: app.reloads() }).into_response()
}

/// Opens the run again and lets it answer, without a pause.
///
/// The folder of the run is read beside the model that answers. If it is whole, it answers from then on; if not, nothing
/// changes.
#[utoipa::path(post, path = "/v1/model/reload", tag = "model", security(("token" = [])),
    responses((status = 200, description = "The model that answers now", body = Served)))]
pub(crate) async fn reload(State(app): State<Arc<App>>, _: Admin) -> Result<Response, Problem> {
    let Ok(loading) = Arc::clone(&app.loading).try_lock_owned() else {
        let detail = "a model is already being loaded; wait until `GET /v1/model` shows it";
        return Err(Problem::new(StatusCode::CONFLICT, "loading", detail));
    };
    let watch = Stopwatch::start();
    let loader = Arc::clone(&app);
    // The lock goes with the work, which goes on if the client leaves.
    let loaded = tokio::task::spawn_blocking(move || (loader.reload(), loading).0).await;
    match loaded {
        Ok(Ok(model)) => {
            app.metrics.reloaded("loaded");
            let Facts { run, hash, .. } = model.facts();
            (app.note)(&format!("loaded {run} ({hash}) in {:.2} s", watch.seconds()));
            app.note_report();
            Ok(Json(Served { facts: model.facts().clone(), reloads: app.reloads() }).into_response())
        }
        Ok(Err(error)) => {
            app.metrics.reloaded("refused");
            (app.note)(&format!("the new run was refused, the old one still answers: {error}"));
            let detail = format!("{error}; the model of before still answers");
            Err(Problem::new(StatusCode::CONFLICT, "run", detail))
        }
        Err(_) => Err(Problem::bug()),
    }
}

/// Which items are looked for.
#[derive(Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Search {
    /// Words of the title, or an id. Without any, the items that most users have are found.
    #[param(max_length = 200, default = "")]
    query: String,
    /// How many items at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self { query: String::new(), limit: 20 }
    }
}

/// Finds items by words of their titles, or by id.
#[utoipa::path(get, path = "/v1/items", tag = "model", params(Search),
    responses((status = 200, description = "Items, the most used first", body = Vec<ItemFound>)))]
pub(crate) async fn items(
    State(app): State<Arc<App>>,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Problem> {
    let Search { query: words, limit } = query(search)?;
    if !(1..=100).contains(&limit) {
        return Err(Problem::wrong("query", format!("limit is {limit}, expected a number from 1 to 100")));
    }
    if words.chars().count() > 200 {
        return Err(Problem::wrong("query", "query has more than 200 characters; a few words are enough"));
    }
    let found = tokio::task::spawn_blocking(move || app.model().items(&words, limit)).await;
    Ok(Json(found.map_err(|_| Problem::bug())?).into_response())
}

/// The run's report, for people.
#[utoipa::path(get, path = "/report", tag = "model",
    responses((status = 200, description = "The report", body = String, content_type = "text/html")))]
pub(crate) async fn report(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let model = app.model();
    let missing = |kind, what: &str| {
        let again = "`adepts report RUN --out RUN/report.html` writes it, then load the run again";
        Problem::new(StatusCode::NOT_FOUND, kind, format!("{what}; {again}"))
    };
    let page = match model.report() {
        Page::Whole(page) => page,
        Page::Missing => return Err(missing("report", "the run has no report")),
        Page::Changed { reason } => {
            return Err(missing("report-changed", &format!("the report of the run is not shown: {reason}")));
        }
    };
    // It needs no more than what it brings, and is shown in a frame of our page alone.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    Ok((headers, page.clone()).into_response())
}

/// Whether the server is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// Whether the server runs.
#[utoipa::path(get, path = "/health/live", tag = "operation",
    responses((status = 200, description = "It runs", body = Health)))]
pub(crate) async fn live() -> Response {
    Json(Health { status: "live" }).into_response()
}

/// Whether the server takes requests: not when it is about to stop.
#[utoipa::path(get, path = "/health/ready", tag = "operation",
    responses((status = 200, description = "It takes requests", body = Health)))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    if app.draining.load(Ordering::Relaxed) {
        return Err(Problem::stopping());
    }
    Ok(Json(Health { status: "ready" }).into_response())
}

/// What the server counts, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "OpenMetrics", body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], app.metrics.text()).into_response()
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI", body = Object)))]
pub(crate) async fn openapi(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.document.clone()).into_response()
}
