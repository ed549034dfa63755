//! Giving a webhook endpoint a new secret, while the old one still signs too.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use posta_core::id::EndpointId;
use posta_core::secret::Secret;
use posta_core::time::Timestamp;
use posta_store::{endpoints, workspaces};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Body;
use super::webhooks;
use crate::app::App;
use crate::flows::deliver::{endpoint_owner, new_secret};

/// How long both secrets sign, in hours.
const OVERLAP: i64 = 24;
const LONGEST_OVERLAP: i64 = 168;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rotation {
    /// The endpoint.
    webhook_id: EndpointId,
    /// The new secret; made for you when left out.
    #[schema(value_type = Option<String>)]
    secret: Option<Secret>,
    /// For how many hours the old secret signs as well, 0 to 168; 24 when left out.
    overlap_hours: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotationAnswer {
    success: bool,
    webhook_id: EndpointId,
    /// The new secret, shown this once.
    secret: String,
    /// Until when deliveries carry the signature of the old one as well.
    previous_secret_until: Timestamp,
}

/// Gives an endpoint a new secret. Until the overlap ends, `webhook-signature` holds both signatures,
/// and `x-zernio-signature-previous` that of the old secret.
#[utoipa::path(post, path = "/v1/webhooks/settings/rotate-secret",
    operation_id = "rotate_webhook_secret", tag = "Webhooks", request_body = Rotation,
    responses((status = 200, body = RotationAnswer)))]
pub(crate) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    body: Body<Rotation>,
) -> Result<Json<RotationAnswer>> {
    let request = body.value;
    let hours = request.overlap_hours.unwrap_or(OVERLAP);
    let hours =
        u32::try_from(hours).ok().filter(|_| hours <= LONGEST_OVERLAP).ok_or_else(|| {
            ApiError::bad_value("overlapHours", format!("must be from 0 to {LONGEST_OVERLAP}"))
        })?;
    let secret = request.secret.unwrap_or_else(|| new_secret(&app));
    if secret.is_empty() || secret.expose().len() > 500 {
        return Err(ApiError::bad_value("secret", "must have 1 to 500 characters"));
    }
    let until = app.clock.now().plus(Duration::from_hours(1) * hours);
    let mut tx = app.db.write().await?;
    // So that two who change it do not undo each other's word.
    workspaces::lock(&mut tx, caller.workspace()).await?;
    let mut endpoint = webhooks::load(&caller, &mut tx, &request.webhook_id).await?;
    let sealed = app.ring.seal(&endpoint_owner(&endpoint.id), &secret);
    endpoint.previous_secret = Some(std::mem::replace(&mut endpoint.secret, sealed));
    endpoint.previous_secret_until = Some(until);
    endpoints::update(&mut tx, &endpoint).await?;
    tx.commit().await?;
    Ok(Json(RotationAnswer {
        success: true,
        webhook_id: endpoint.id,
        secret: secret.expose().to_owned(),
        previous_secret_until: until,
    }))
}
