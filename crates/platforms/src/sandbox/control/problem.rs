//! How the control API reads bodies and says no.

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sandbox::Refused;

/// An error of the control API.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<String>,
}

impl Problem {
    /// Something that the request names does not exist.
    pub(super) fn unknown(what: &str, name: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "not_found",
            message: format!("there is no such {what}: {name}"),
            field: Some(what.to_owned()),
        }
    }

    /// A field of the body is missing or wrong.
    pub(super) fn invalid(field: &str, why: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid_field",
            message: format!("{field} {why}"),
            field: Some(field.to_owned()),
        }
    }

    /// Reads a field that needs more than a look at its type, naming it if it is wrong.
    pub(super) fn field<T: DeserializeOwned>(field: &str, value: Value) -> Result<T, Self> {
        serde_json::from_value(value)
            .map_err(|error| Self::invalid(field, &format!("is wrong: {error}")))
    }

    /// A body that is not of the right form.
    pub(super) fn unreadable<E: std::error::Error>(error: &serde_path_to_error::Error<E>) -> Self {
        let message = error.inner().to_string();
        // What is missing or unknown stands between the first pair of backquotes, and not yet at
        // the end of the way there.
        let is_absent =
            ["missing field", "unknown field"].iter().any(|start| message.starts_with(start));
        let field = match message.split('`').nth(1).filter(|_| is_absent) {
            Some(name) => name.to_owned(),
            None => match error.path().to_string().as_str() {
                "." => "body".to_owned(),
                path => path.rsplit('.').next().unwrap_or(path).to_owned(),
            },
        };
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_body", message, field: Some(field) }
    }

    /// Reads a whole body that has been looked at.
    pub(super) fn body<T: DeserializeOwned>(value: Value) -> Result<T, Self> {
        serde_path_to_error::deserialize(value).map_err(|error| Self::unreadable(&error))
    }

    /// The app's callback failed the platform's question.
    pub(super) fn unverified(why: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "verification_failed",
            message: format!("the webhook stays inactive: {why}"),
            field: Some("webhook".to_owned()),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::invalid(refused.field, &refused.message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = json!({"code": self.code, "message": self.message, "field": self.field});
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

/// A JSON body, whatever the request calls it; an empty one counts as `{}`.
pub(super) struct Body<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = to_bytes(request.into_body(), 1 << 20).await;
        let bytes = bytes.map_err(|_| Problem::invalid("body", "is too long"))?;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes };
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let body = serde_path_to_error::deserialize(&mut json);
        body.map(Self).map_err(|error| Problem::unreadable(&error))
    }
}
