//! Trying out a webhook endpoint.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use posta_core::id::EndpointId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Body;
use super::{webhook_change, webhooks};
use crate::app::App;
use crate::flows::announce::{self, New};
use crate::flows::deliver::{self, Occasion};
use crate::flows::events::Payload;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestRequest {
    /// The endpoint.
    webhook_id: EndpointId,
    /// The event to pretend; `webhook.test` is sent whatever it says.
    event: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestAnswer {
    success: bool,
    message: String,
}

/// Sends a `webhook.test` event once, whatever the endpoint is subscribed to.
#[utoipa::path(post, path = "/v1/webhooks/test", operation_id = "test_webhook", tag = "Webhooks",
    request_body = TestRequest,
    responses((status = 200, body = TestAnswer), (status = 500, body = TestAnswer, description = "The endpoint did not take it.")))]
pub(crate) async fn test(
    State(app): State<App>,
    caller: Caller,
    body: Body<TestRequest>,
) -> Result<Response> {
    let request = body.value;
    if request
        .event
        .as_deref()
        .is_some_and(|event| webhook_change::checked_events(&[event.to_owned()]).is_err())
    {
        return Err(ApiError::bad_value("event", "is not the name of an event"));
    }
    let mut tx = app.db.write().await?;
    let endpoint = webhooks::load(&caller, &mut tx, &request.webhook_id).await?;
    let payload = Payload::Test { message: "Hello from Posta".to_owned(), test: true };
    let placed = announce::record(
        &app,
        &mut tx,
        New {
            workspace: caller.workspace(),
            kind: "webhook.test",
            profile: None,
            account: None,
            profiles: Vec::new(),
            payload: &payload,
        },
    )
    .await?;
    tx.commit().await?;
    let attempt = deliver::bring(&app, &endpoint, &placed.event, Occasion::Test).await?;
    if attempt.is_success {
        let message = format!("{} accepted the test event", endpoint.url);
        return Ok(Json(TestAnswer { success: true, message }).into_response());
    }
    let said = deliver::said(&attempt);
    let message = format!("Test webhook failed: {said}");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Ok((status, Json(TestAnswer { success: false, message })).into_response())
}
