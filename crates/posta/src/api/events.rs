//! Events, and what a platform said of them word for word.

use axum::Json;
use axum::extract::State;
use posta_core::failure::Code;
use posta_core::id::{EventId, OauthAppId};
use posta_core::time::Timestamp;
use posta_store::events;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Segment;
use crate::app::App;
use crate::flows::receive;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawAnswer {
    #[schema(value_type = String)]
    event_id: EventId,
    /// The platform that told of it.
    platform: String,
    /// When its webhook came.
    received_at: Timestamp,
    verified_by: VerifiedBy,
    /// The part of the webhook that tells of this event, in the platform's words.
    #[schema(value_type = Option<Object>)]
    part: Option<Value>,
    /// The whole webhook, digit for digit as it came; null when it tells of other accounts too.
    #[schema(value_type = Option<Object>)]
    body: Option<Box<RawValue>>,
}

/// Whose secret signed the webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifiedBy {
    /// Whether it was that of the app in Posta's configuration.
    configured: bool,
    /// Your own apps whose secret it was.
    oauth_app_ids: Vec<OauthAppId>,
}

/// Shows what a platform said of an event, word for word.
#[utoipa::path(get, path = "/v1/events/{eventId}/raw", operation_id = "get_event_raw",
    tag = "Webhooks",
    params(("eventId" = String, Path, description = "The event's id, as in its deliveries")),
    responses((status = 200, body = RawAnswer)))]
pub(crate) async fn raw(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<Json<RawAnswer>> {
    let mut tx = app.db.read().await?;
    let not_found = || {
        let message = format!("there is no event {id} that you may see");
        ApiError::new(Code::ResourceNotFound, message).param("eventId")
    };
    let event = events::find(&mut tx, caller.workspace(), &id).await?.ok_or_else(not_found)?;
    let account = event.account_id.as_ref().ok_or_else(not_found)?;
    let account = caller.account(&mut tx, account).await.map_err(|_| not_found())?;
    let Some(cause) = events::find_cause(&mut tx, &event.id).await? else {
        let message = format!("no webhook of {} told of the event {id}", account.platform);
        return Err(ApiError::new(Code::ResourceNotFound, message).param("eventId"));
    };
    let Some(raw) = receive::raw(&mut tx, &account, &cause).await? else {
        let message = format!("the webhook that told of the event {id} is no longer kept");
        return Err(ApiError::new(Code::ResourceNotFound, message).param("eventId"));
    };
    Ok(Json(RawAnswer {
        event_id: event.id,
        platform: raw.platform,
        received_at: raw.received_at,
        verified_by: VerifiedBy {
            configured: raw.is_signed_by_configured,
            oauth_app_ids: raw.signed_by,
        },
        part: raw.part,
        body: raw.body,
    }))
}
