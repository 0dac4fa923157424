//! The interface over HTTP: handlers, and the description that is made of them.

pub(crate) mod access;
mod answers;
mod body;
mod deliveries;
mod model;
mod observe;
mod page;
pub(crate) mod problem;
pub(crate) mod schema;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::server::app::App;
use problem::{PROBLEM_TYPE, Problem};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "adepts", description = "Answers of a trained recommender, and events that it answers by."),
    tags(
        (name = "answers", description = "Recommendations, for users and histories, with reasons"),
        (name = "events", description = "What users have done since the model was trained"),
        (name = "model", description = "The model that answers"),
        (name = "operation", description = "For those who run the server"),
    )
)]
struct Description;

/// The handlers, and the description of them as JSON. A handler is entered here once, for both.
pub(crate) fn routes() -> (Router<Arc<App>>, String) {
    let (router, mut document) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(answers::recommend))
        .routes(routes!(answers::of_user))
        .routes(routes!(answers::history))
        .routes(routes!(answers::rank))
        .routes(routes!(answers::retrieve))
        .routes(routes!(deliveries::deliver))
        .routes(routes!(model::items))
        .routes(routes!(model::model))
        .routes(routes!(model::reload))
        .routes(routes!(model::report))
        .routes(routes!(model::live))
        .routes(routes!(model::ready))
        .routes(routes!(model::metrics))
        .routes(routes!(model::openapi))
        .split_for_parts();
    complete(&mut document);
    let router = router.merge(page::routes()).fallback(absent).method_not_allowed_fallback(other_method);
    (router, document.to_json().unwrap_or_default())
}

/// What holds for all handlers, around them.
pub(crate) fn layered(router: Router<Arc<App>>, app: &Arc<App>) -> Router {
    router
        .layer(CatchPanicLayer::custom(|_| Problem::bug().into_response()))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(app), observe::observe))
        .with_state(Arc::clone(app))
}

/// Adds what holds for every operation: that problems come as problem documents, and how tokens are sent.
fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("token", token);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let problem = ResponseBuilder::new()
        .description("What is wrong, and what to change (RFC 9457)")
        .content(PROBLEM_TYPE, content)
        .build();
    for item in document.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 2] = [&mut item.get, &mut item.post];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".into(), problem.clone().into());
        }
    }
}

async fn absent(request: Request) -> Problem {
    let detail = format!("there is nothing at {}; /openapi.json says what there is", request.uri().path());
    Problem::new(StatusCode::NOT_FOUND, "path", detail)
}

async fn other_method(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    let detail = format!("{path} does not take {method}; /openapi.json says what it takes");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
}
