//! Errors as problem documents (RFC 9457) that say what to change.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::AnswerError;
use crate::events::EventsError;
use crate::server::batcher::Failure;

/// The media type of a problem document.
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";

/// What is wrong with a request, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem, for programs.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind of problem in words.
    pub(crate) title: &'static str,
    /// The status of the response, or of this part of it.
    pub(crate) status: u16,
    /// What is wrong here, what was expected, and what to change.
    pub(crate) detail: String,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let kind = format!("urn:adepts:problem:{code}");
        Self { kind, title, status: status.as_u16(), detail: detail.into(), retry_after: None }
    }

    /// Says that the same request may succeed after so many seconds.
    fn later(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The request is not of the form that was expected.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// The form is right, what it says is not.
    pub(crate) fn wrong(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// Too many questions or events wait already.
    pub(crate) fn busy(what: &str) -> Self {
        let detail = format!("too many {what} wait already; send this again after a second, or fewer at the same time");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail).later(1)
    }

    /// The answer did not come in time.
    pub(crate) fn late(seconds: f64) -> Self {
        let detail =
            format!("the answer did not come within {seconds} s; send this again, or fewer questions at a time");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "late", detail).later(1)
    }

    /// The server is about to stop.
    pub(crate) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the server is stopping; send this again").later(1)
    }

    /// A fault of ours.
    pub(crate) fn bug() -> Self {
        let detail = "this is a fault of the server; its log says more, and a report of it is welcome";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "bug", detail)
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        let status = if error.is_absence() { StatusCode::NOT_FOUND } else { StatusCode::UNPROCESSABLE_ENTITY };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<&EventsError> for Problem {
    fn from(error: &EventsError) -> Self {
        match error {
            EventsError::BadId { .. } | EventsError::BadTime { .. } => Self::wrong("event", error.to_string()),
            // The message names files of the server, which are no concern of a client.
            _ => {
                let detail =
                    "events cannot be kept or read at the moment, nothing of this request was kept; send it again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "events", detail).later(5)
            }
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Question(error) => error.into(),
            Failure::Events(error) => (&*error).into(),
            Failure::Bug => Self::bug(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_TYPE)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
