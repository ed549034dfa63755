//! How the control API reads bodies and says no.

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

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
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            // Its messages put the field's name between the first pair of backquotes.
            let message = error.to_string();
            let field = message.split('`').nth(1).unwrap_or("body").to_owned();
            Problem {
                status: StatusCode::BAD_REQUEST,
                code: "invalid_body",
                field: Some(field),
                message,
            }
        })
    }
}
