//! Bringing one event to a webhook endpoint once more.

use axum::Json;
use axum::extract::State;
use posta_core::failure::Code;
use posta_core::id::EndpointId;
use posta_store::events;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Body;
use super::webhooks;
use crate::app::App;
use crate::flows::deliver::{self, Occasion};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Redelivery {
    /// The endpoint.
    webhook_id: EndpointId,
    /// The event, by the `id` of its deliveries.
    event_id: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedeliveryAnswer {
    success: bool,
    message: String,
}

/// Sends an event to an endpoint once more, now, with the same id and body, signed anew. If it was
/// still to be delivered, or parked, it is delivered then.
#[utoipa::path(post, path = "/v1/webhooks/logs/redeliver",
    operation_id = "redeliver_webhook_delivery", tag = "Webhooks", request_body = Redelivery,
    responses((status = 200, body = RedeliveryAnswer)))]
pub(crate) async fn redeliver(
    State(app): State<App>,
    caller: Caller,
    body: Body<Redelivery>,
) -> Result<Json<RedeliveryAnswer>> {
    let request = body.value;
    let mut tx = app.db.read().await?;
    let endpoint = webhooks::load(&caller, &mut tx, &request.webhook_id).await?;
    let event = events::find(&mut tx, caller.workspace(), &request.event_id).await?;
    let event = event.filter(|event| caller.sees_event(event)).ok_or_else(|| {
        let message = format!("the event {} is not, or no longer, kept", request.event_id);
        ApiError::new(Code::PayloadGone, message).param("eventId")
    })?;
    drop(tx);
    let attempt = deliver::bring(&app, &endpoint, &event, Occasion::Again).await?;
    if attempt.is_success {
        let message = format!("{} accepted {}", endpoint.url, event.kind);
        return Ok(Json(RedeliveryAnswer { success: true, message }));
    }
    let said = deliver::said(&attempt);
    let message = format!("{} did not take the event: {said}", endpoint.url);
    Err(ApiError::new(Code::EndpointFailed, message).param("webhookId"))
}
