//! Reading requests, so that whatever is wrong with one is a 4xx that names the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use posta_core::failure::Code;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::router::LARGEST_BODY;

/// A JSON body, and the hash by which a repeat of the request is told from another.
pub(crate) struct Body<T> {
    /// The body.
    pub(crate) value: T,
    /// The SHA-256 of its bytes, in hex.
    pub(crate) hash: String,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json"));
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                let problem = format!("the body has more than {LARGEST_BODY} bytes");
                return ApiError::new(Code::BodyTooLarge, problem);
            }
            ApiError::new(Code::InvalidContent, rejection.body_text())
        })?;
        if !is_json {
            return Err(ApiError::plain(Code::UnsupportedMediaType));
        }
        // serde would also take a list of the fields' values in order, or ask for a struct by name.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(ApiError::new(Code::InvalidContent, "the body is not a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            bad_input(&path, error.inner().is_data(), &error.inner().to_string())
        })?;
        json.end().map_err(|error| bad_input("", false, &error.to_string()))?;
        Ok(Self { value, hash: hex::encode(Sha256::digest(&bytes)) })
    }
}

/// Reads a value that was put together from a form, as if it had been the body.
pub(crate) fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        bad_input(&path, true, &error.inner().to_string())
    })
}

/// Query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let parser = form_urlencoded_parser(query);
        let value = serde_path_to_error::deserialize(parser).map_err(|error| {
            let path = error.path().to_string();
            bad_input(&path, true, &error.inner().to_string())
        })?;
        Ok(Self(value))
    }
}

fn form_urlencoded_parser(query: &str) -> serde_urlencoded::Deserializer<'_> {
    serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()))
}

/// A path segment of ours: an id of 24 hex digits.
pub(crate) struct Id<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Id<T>
where
    S: Send + Sync,
    T: std::str::FromStr<Err = posta_core::id::MalformedId>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Segment(text) = Segment::from_request_parts(parts, state).await?;
        text.parse()
            .map(Self)
            .map_err(|error| ApiError::bad_value("id", format!("is bad: {error}")))
    }
}

/// The path's one variable segment, decoded.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::<String>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(text)| Self(text))
            .map_err(|rejection| ApiError::bad_value("path", format!("is bad: {rejection}")))
    }
}

/// The path's two variable segments, decoded.
pub(crate) struct Segments(pub(crate) String, pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path((first, second))| Self(first, second))
            .map_err(|rejection| ApiError::bad_value("path", format!("is bad: {rejection}")))
    }
}

/// What serde says of input that does not fit, as the client should hear it.
fn bad_input(path: &str, is_data: bool, problem: &str) -> ApiError {
    if !is_data {
        return ApiError::new(
            Code::InvalidContent,
            format!("the body is not valid JSON: {problem}"),
        );
    }
    // serde puts the name of a missing field only into its text, between backticks.
    if let Some(name) =
        problem.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())
    {
        let is_nested = !matches!(path, "" | ".") && !path.ends_with(name);
        let param = if is_nested { format!("{path}.{name}") } else { name.to_owned() };
        return ApiError::missing(&param);
    }
    // So is the name of one that was given twice, perhaps in two spellings.
    if let Some(name) =
        problem.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next())
    {
        return ApiError::bad_value(name, "was given more than once");
    }
    let param = if matches!(path, "" | ".") { "body" } else { path };
    let problem = problem.split(" at line ").next().unwrap_or(problem);
    ApiError::bad_value(param, format!("is wrong: {problem}"))
}

/// Takes a name for people: trimmed, and neither empty nor longer than `most` characters.
pub(crate) fn name(text: &str, most: usize) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        return Err(ApiError::bad_value("name", format!("must have 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

/// Takes a URL that requests can be sent to.
pub(crate) fn http_url(param: &str, text: &str) -> Result<String, ApiError> {
    let url = url::Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && text.len() <= 2000
    });
    let problem = "must be an http or https URL without user info";
    url.map(String::from).ok_or_else(|| ApiError::bad_value(param, problem))
}
