//! Events that are delivered.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Writer;
use super::body::{Json, Sent};
use super::problem::Problem;
use crate::events::{Event, Receipt};
use crate::server::app::App;

/// Events to be kept.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delivery {
    /// The events, the oldest first.
    events: Vec<Event>,
}

/// Keeps events: users have used items.
///
/// They are on disk when the answer comes, and the next answer for a user goes by them. An event that was delivered before is
/// recognised by its id, so a delivery whose answer got lost can be repeated. If one event is refused, none is kept.
#[utoipa::path(post, path = "/v1/events", tag = "events", request_body = Delivery, security(("token" = [])),
    responses((status = 200, description = "What became of them", body = Receipt)))]
pub(crate) async fn deliver(State(app): State<Arc<App>>, _: Writer, sent: Sent) -> Result<Response, Problem> {
    let Delivery { events } = sent.json()?;
    if events.len() > app.limits.events {
        let (found, most) = (events.len(), app.limits.events);
        let detail = format!("{found} events in one request, at most {most} are taken; send them in several");
        return Err(Problem::wrong("list", detail));
    }
    for (index, event) in events.iter().enumerate() {
        event.check(index).map_err(|error| Problem::from(&error))?;
    }
    if events.is_empty() {
        return Ok(Json(Receipt::default()).into_response());
    }
    let waiting = app.journal.append(events, (app.clock)()).ok_or_else(|| Problem::busy("deliveries"))?;
    let receipt = waiting.await.map_err(|_| Problem::stopping())?.map_err(|error| {
        (app.note)(&error.to_string());
        Problem::from(&*error)
    })?;
    app.metrics.delivered("accepted", receipt.accepted);
    app.metrics.delivered("duplicate", receipt.duplicates);
    app.metrics.delivered("conflict", receipt.conflicts.len());
    Ok(Json(receipt).into_response())
}
