//! `Idempotency-Key`: a request that comes twice happens once.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use posta_store::Tx;
use posta_store::idempotency::{self, Known, Which};
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::auth::Caller;
use super::error::{ApiError, Result};
use crate::app::App;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key that a client gave its request, and the path it is for.
pub(crate) struct IdempotencyKey {
    key: Option<String>,
    path: String,
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let path = parts.uri.path().to_owned();
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self { key: None, path });
        };
        let key = value.to_str().unwrap_or_default();
        if (1..=255).contains(&key.len()) {
            return Ok(Self { key: Some(key.to_owned()), path });
        }
        Err(ApiError::bad_value("Idempotency-Key", "must have 1 to 255 visible characters"))
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.min_length(Some(1)).max_length(Some(255)).build();
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some("Makes a repeat of the request happen once; kept for 24 hours."))
            .schema(Some(text));
        vec![parameter.build()]
    }
}

impl IdempotencyKey {
    /// Names the request towards the store, if the client gave a key.
    pub(crate) fn which<'a>(&'a self, caller: &'a Caller) -> Option<Which<'a>> {
        let credential = caller.key().id.as_str();
        self.key.as_deref().map(|key| Which { credential, path: &self.path, key })
    }
}

/// Notes that a request begins. Returns what is known of it when it began before.
pub(crate) async fn begin(
    app: &App,
    tx: &mut Tx,
    which: Which<'_>,
    hash: &str,
) -> Result<Option<Known>> {
    let now = app.clock.now();
    if idempotency::insert(tx, which, hash, now).await? {
        return Ok(None);
    }
    let known = idempotency::find(tx, which).await?;
    if known.as_ref().is_some_and(|known| known.body_hash != hash) {
        return Err(ApiError::plain(Code::IdempotencyKeyReused).param("Idempotency-Key"));
    }
    Ok(known)
}

/// The first request with this key is still running, or its outcome is not known.
pub(crate) fn conflict() -> ApiError {
    ApiError::plain(Code::IdempotencyConflict).param("Idempotency-Key").retry_after(5)
}

/// Runs an effect that is only in the database, once per key: the effect, the key and the answer
/// are committed together, and a failure leaves none of them.
pub(crate) async fn once<T: Serialize>(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    hash: &str,
    status: StatusCode,
    effect: impl AsyncFnOnce(&mut Tx) -> Result<T>,
) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let which = key.which(caller);
    if let Some(which) = which
        && let Some(known) = begin(app, &mut tx, which, hash).await?
    {
        return replay(&known);
    }
    let answer = effect(&mut tx).await?;
    let text = serde_json::to_string(&answer).map_err(ApiError::internal)?;
    if let Some(which) = which {
        idempotency::update_answer(&mut tx, which, status.as_u16(), &text).await?;
    }
    tx.commit().await?;
    app.wake.announced();
    Ok((status, json_text(text)).into_response())
}

/// Runs an effect outside of the database, once per key: the key is noted before it, and the answer
/// after it. A failure frees the key, unless the effect may have happened all the same; then, and
/// after a crash, repeats are refused for as long as the key is kept.
pub(crate) async fn once_outside<T: Serialize>(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    hash: &str,
    effect: impl Future<Output = Result<T>>,
) -> Result<Response> {
    let Some(which) = key.which(caller) else {
        let text = serde_json::to_string(&effect.await?).map_err(ApiError::internal)?;
        return Ok(json_text(text).into_response());
    };
    let mut tx = app.db.write().await?;
    if let Some(known) = begin(app, &mut tx, which, hash).await? {
        return replay(&known);
    }
    tx.commit().await?;
    let result = effect.await;
    let mut tx = app.db.write().await?;
    let response = match result {
        Ok(answer) => {
            let text = serde_json::to_string(&answer).map_err(ApiError::internal)?;
            idempotency::update_answer(&mut tx, which, StatusCode::OK.as_u16(), &text).await?;
            Ok(json_text(text).into_response())
        }
        Err(error) => {
            if error.code != Code::OutcomeUnknown {
                idempotency::delete(&mut tx, which).await?;
            }
            Err(error)
        }
    };
    tx.commit().await?;
    response
}

fn replay(known: &Known) -> Result<Response> {
    let (Some(status), Some(answer)) = (known.status, &known.answer) else {
        return Err(conflict());
    };
    let status = u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let response = (status.unwrap_or(StatusCode::OK), json_text(answer.clone())).into_response();
    Ok(replayed(response))
}

/// Marks an answer as one that was given before.
pub(crate) fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn json_text(text: String) -> impl IntoResponse {
    ([("content-type", "application/json")], text)
}
