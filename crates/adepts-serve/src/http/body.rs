//! JSON from a request's body, within bounds.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::FromRequest;
use axum::http::{Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::problem::Problem;
use crate::server::app::App;

/// A body that was read. Its bytes count until this is dropped.
pub(crate) struct Sent {
    bytes: axum::body::Bytes,
    _room: OwnedSemaphorePermit,
}

/// One value or a list of them.
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl Sent {
    /// The value that was sent.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut source = serde_json::Deserializer::from_slice(&self.bytes);
        let value = serde_path_to_error::deserialize(&mut source).map_err(|error| {
            let path = error.path().to_string();
            explain(error.inner(), &path)
        })?;
        source.end().map_err(|error| explain(&error, "."))?;
        Ok(value)
    }

    /// The value that was sent, or those.
    pub(crate) fn one_or_many<T: DeserializeOwned>(&self) -> Result<OneOrMany<T>, Problem> {
        let first = self.bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'[') { Ok(OneOrMany::Many(self.json()?)) } else { Ok(OneOrMany::One(self.json()?)) }
    }
}

/// Text that is no JSON is malformed; JSON of another form is wrong.
fn explain(error: &serde_json::Error, path: &str) -> Problem {
    if error.is_data() {
        let place = if path == "." { String::new() } else { format!(" at `{path}`") };
        return Problem::wrong(
            "form",
            format!("the body is not as expected{place}: {error}; /openapi.json describes it"),
        );
    }
    let what = if error.is_eof() { "ends too early" } else { "is no JSON" };
    Problem::malformed(format!("the body {what}: {error}; expected a JSON value as /openapi.json describes"))
}

impl FromRequest<Arc<App>> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &Arc<App>) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let detail = "the body must be JSON and say so: send the header `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail));
        }
        let most = app.limits.body;
        let too_large = || {
            let detail = format!("the body has more than {most} bytes; send it in several requests");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        };
        let told = request.headers().get(header::CONTENT_LENGTH);
        let length = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let kilobytes = length.unwrap_or(most).div_ceil(1024).max(1) as u32;
        let read = async {
            let room = Arc::clone(&app.bodies).acquire_many_owned(kilobytes).await.map_err(|_| Problem::stopping())?;
            let bytes = to_bytes(request.into_body(), most).await.map_err(|error| {
                let limit = std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("length limit"));
                if limit { too_large() } else { Problem::malformed("the body broke off") }
            })?;
            Ok(Self { bytes, _room: room })
        };
        // Half of the time, so that a slow sender is told apart from a slow model.
        tokio::time::timeout(app.limits.timeout / 2, read).await.unwrap_or_else(|_| {
            let detail = "the body did not arrive in time; send it faster, or in several requests";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", detail))
        })
    }
}

/// A value as JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response<Body> {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => Problem::bug().into_response(),
        }
    }
}
