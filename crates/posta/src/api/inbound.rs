//! What platforms call: is this URL yours, and here is what happened.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use posta_core::failure::Code;
use posta_platforms::contract::{Inbound, Platform};
use posta_store::Json;
use posta_store::inbound::Inbound as Row;

use super::error::{ApiError, Result, SOON};
use crate::app::App;
use crate::flows::ingest::NotStored;
use crate::flows::knocks;
use crate::flows::signers::Age;
use crate::origin::Origin;

/// The largest webhook that is taken.
const LARGEST: usize = 1 << 20;

/// The routes of `/webhooks/{platform}`.
pub(crate) fn routes() -> MethodRouter<App> {
    get(challenge).post(receive).layer(DefaultBodyLimit::max(LARGEST))
}

fn known(name: &str) -> Result<(&'static dyn Platform, &'static dyn Inbound)> {
    posta_platforms::get(name)
        .and_then(|platform| Some((platform, platform.inbound()?)))
        .ok_or_else(|| ApiError::plain(Code::RouteNotFound))
}

/// Answers the platform's question whether this URL is ours.
async fn challenge(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let (platform, inbound) = known(&name)?;
    let query = query.unwrap_or_default();
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    // Asked rarely, and usually right after an app was set up on whichever node.
    let signers = app.signers.list(&app, platform.name(), Age::Suspicious).await?;
    let answer = inbound.challenge(&pairs, &signers.verify_tokens);
    knocks::asked(&app, platform.name(), &pairs, answer.is_some()).await;
    let Some(answer) = answer else {
        tracing::warn!(
            platform = name,
            "webhook verification refused: the verify token is another"
        );
        return Err(ApiError::plain(Code::VerificationRefused));
    };
    Ok((StatusCode::OK, answer).into_response())
}

/// Takes a webhook: verified over its raw bytes, on the disk before the answer.
async fn receive(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode> {
    let (platform, inbound) = known(&name)?;
    let mut signers = app.signers.list(&app, platform.name(), Age::Remembered).await?;
    let mut matching = inbound.verify(&headers, &body, &signers.secrets);
    if matching.is_empty() {
        signers = app.signers.list(&app, platform.name(), Age::Suspicious).await?;
        matching = inbound.verify(&headers, &body, &signers.secrets);
    }
    if matching.is_empty() {
        count(&name, "refused");
        knocks::refused(&app, platform.name(), inbound, &body).await;
        tracing::warn!(
            platform = name,
            bytes = body.len(),
            "webhook refused: no secret of ours signed it"
        );
        return Err(ApiError::plain(Code::InvalidSignature));
    }
    let mut verified_by: Vec<_> =
        matching.into_iter().filter_map(|index| signers.apps.get(index).cloned()).collect();
    verified_by.dedup();
    let row = Row {
        id: app.ids.next(),
        platform: name,
        verified_by: Json(verified_by),
        body: body.to_vec(),
        attempts: 0,
        received_at: app.clock.now(),
        traceparent: Origin::traceparent(),
    };
    app.ingest.store(row).await.map_err(|not_stored| {
        count(platform.name(), "not_stored");
        let code = match not_stored {
            NotStored::Full => Code::TemporarilyUnavailable,
            NotStored::Failed => Code::DatabaseUnavailable,
        };
        ApiError::new(code, not_stored.to_string()).retry_after(SOON)
    })?;
    count(platform.name(), "stored");
    Ok(StatusCode::OK)
}

fn count(platform: &str, outcome: &'static str) {
    metrics::counter!("posta_webhooks_total", "platform" => platform.to_owned(), "outcome" => outcome)
        .increment(1);
}
