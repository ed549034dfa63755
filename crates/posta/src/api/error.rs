//! How failures reach clients: one envelope, on every answer that is not a success.
//!
//! Handlers return [`ApiError`]; `observe.rs` turns it into the envelope, because only there the
//! request id and the public URL are known.

use axum::response::{IntoResponse, Response};
use posta_core::failure::{Code, ConnectorError, ErrorType, PlatformSaid, Retry};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::flows::FlowError;

/// A failure on its way to a client.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The stable code.
    pub code: Code,
    /// What failed and why, for people.
    pub message: String,
    /// The field or parameter at fault.
    pub param: Option<Box<str>>,
    /// After how many seconds another try makes sense.
    pub retry_after: Option<i64>,
    /// What only some failures have.
    pub more: Box<More>,
}

/// What only some failures have.
#[derive(Clone, Debug, Default)]
pub struct More {
    /// The platform that refused.
    pub platform: Option<String>,
    /// The platform's own words.
    pub platform_error: Option<Value>,
    /// Anything else worth showing.
    pub details: Option<Value>,
    /// What to do, where more is known than the code's own remedy.
    pub remedy: Option<String>,
    /// What really happened; logged once, never sent.
    pub source: Option<String>,
}

/// What handlers return.
pub type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    /// Makes an error with a message of its own.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, retry_after: None, more: Box::default() }
    }

    /// Makes an error whose code says all there is to say.
    pub(crate) fn plain(code: Code) -> Self {
        Self::new(code, code.means())
    }

    /// Names the field or parameter at fault.
    pub(crate) fn param(mut self, param: impl Into<Box<str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds what is worth showing besides.
    pub(crate) fn details(mut self, details: Value) -> Self {
        self.more.details = Some(details);
        self
    }

    /// Says after how many seconds another try makes sense.
    pub(crate) fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Says what to do about it.
    pub(crate) fn remedy(&self) -> &str {
        self.more.remedy.as_deref().unwrap_or(self.code.remedy())
    }

    /// Posta itself failed: the reason is for the log only.
    pub(crate) fn internal(source: impl std::fmt::Display) -> Self {
        let mut error = Self::plain(Code::ApiError);
        error.more.source = Some(source.to_string());
        error
    }

    /// A field with a value that cannot be used.
    pub(crate) fn bad_value(param: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidFieldValue, format!("{param} {problem}")).param(param)
    }

    /// A required field that is not there.
    pub(crate) fn missing(param: &str) -> Self {
        Self::new(Code::MissingRequiredField, format!("{param} is required")).param(param)
    }

    /// Part of the unified API that is not built yet.
    pub(crate) fn not_built(param: &str, what: &str) -> Self {
        Self::new(Code::FeatureNotAvailable, format!("{what} is not built yet")).param(param)
    }
}

/// After how many seconds a server that takes nothing now is worth another try.
pub(crate) const SOON: i64 = 5;

impl From<posta_store::Error> for ApiError {
    fn from(error: posta_store::Error) -> Self {
        if posta_store::is_outage(&error) {
            let mut answer = Self::plain(Code::DatabaseUnavailable).retry_after(SOON);
            answer.more.source = Some(error.to_string());
            return answer;
        }
        Self::internal(error)
    }
}

impl From<ConnectorError> for ApiError {
    fn from(error: ConnectorError) -> Self {
        let mut answer = Self::new(error.code, error.message);
        answer.more.remedy = error.remedy.map(ToOwned::to_owned);
        answer.retry_after = matches!(error.retry, Retry::RateLimited { .. }).then_some(60);
        answer.more.platform_error = error.said.map(|said| platform_error(&said));
        answer.more.details = error.details;
        answer
    }
}

/// The platform's words in the shape of the unified API.
pub(crate) fn platform_error(said: &PlatformSaid) -> Value {
    serde_json::to_value(said).unwrap_or(Value::Null)
}

impl From<FlowError> for ApiError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Refused(refusal) => Self::from(*refusal),
            FlowError::Invalid(invalid) => {
                Self::new(invalid.code, invalid.message).param(invalid.param)
            }
            FlowError::Store(error) => Self::from(error),
            FlowError::Disk(error) => Self::internal(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = axum::http::StatusCode::from_u16(self.code.status())
            .expect("the code table has valid statuses");
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The envelope of every failure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    /// What failed, why, and what to do, for people.
    pub(crate) error: String,
    /// The family of the failure.
    #[serde(rename = "type")]
    pub(crate) kind: ErrorType,
    /// The stable code; the list is in the documentation.
    #[schema(value_type = String, example = "missing_required_field")]
    pub(crate) code: Code,
    /// The field or parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) param: Option<String>,
    /// The page about the code.
    pub(crate) doc_url: String,
    /// The platform that refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// The platform's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PlatformSaid>)]
    pub(crate) platform_error: Option<Value>,
    /// Anything else worth showing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) details: Option<Value>,
}
