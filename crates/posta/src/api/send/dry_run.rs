//! What would happen to a message, without sending it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use posta_core::message::Content;
use posta_core::time::Timestamp;
use posta_store::Tx;
use serde::Serialize;
use utoipa::ToSchema;

use super::Warning;
use crate::api::error::{ApiError, Result};
use crate::app::App;
use crate::flows::FlowError;
use crate::flows::send::{self as flow, Request};
use crate::flows::window::{self, Window};

/// What would happen to a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DryRun {
    success: bool,
    /// Always true.
    dry_run: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    data: DryRunData,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DryRunData {
    /// Whether it would be sent, or held.
    allowed: bool,
    /// Why, for people.
    reason: String,
    /// The code that it would be refused with.
    code: Option<String>,
    /// The field at fault.
    param: Option<String>,
    /// Until when it would be let through; null when nothing ends that.
    until: Option<Timestamp>,
    /// Whether it would wait for the account to be connected again.
    held: bool,
    /// The conversation's reply window; null where the platform has none.
    window: Option<Window>,
    /// The messages that it would become.
    #[schema(value_type = Vec<Object>)]
    would_send: Vec<Content>,
}

/// Says what would happen. The transaction is dropped, so nothing does.
pub(super) async fn answer(
    app: &App,
    tx: &mut Tx,
    wanted: &Request<'_>,
    warnings: Vec<Warning>,
) -> Result<Response> {
    let platform = posta_platforms::get(&wanted.account.platform);
    let now = app.clock.now();
    let window = platform.and_then(|platform| window::of(platform, wanted.conversation, now));
    let mut data = DryRunData {
        allowed: true,
        reason: "the message would be sent".to_owned(),
        code: None,
        param: None,
        until: None,
        held: false,
        window,
        would_send: Vec::new(),
    };
    match flow::allowed(app, tx, wanted).await {
        Ok(allowed) => {
            data.until = allowed.permit.until;
            data.held = allowed.is_held;
            data.would_send = allowed.messages;
            if allowed.is_held {
                "it would wait until the account is connected again".clone_into(&mut data.reason);
            }
        }
        Err(error @ (FlowError::Store(_) | FlowError::Disk(_))) => return Err(error.into()),
        Err(error) => {
            let error = ApiError::from(error);
            data.allowed = false;
            data.code = Some(error.code.to_string());
            data.param = error.param.map(String::from);
            data.reason = error.message;
        }
    }
    Ok(Json(DryRun { success: true, dry_run: true, warnings, data }).into_response())
}
