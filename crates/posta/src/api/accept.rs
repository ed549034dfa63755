//! Accepting a conversation that came as a request, which is done by replying.

use axum::extract::State;
use axum::response::Response;
use posta_core::id::AccountId;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::Result;
use super::extract::{Body, Segment};
use super::idempotency::IdempotencyKey;
use super::send::{SendAnswer, SentVia, Warning, Wish, perform};
use crate::app::App;
use crate::flows::send::Draft;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptRequest {
    /// The account that accepts.
    account_id: AccountId,
    /// The text of the reply.
    message: String,
    /// What is passed over.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Accepts a conversation that came as a request, by replying.
///
/// The platform has no other way to accept one. It is a send like any other, with the same answers
/// and refusals; send an `Idempotency-Key`, and a repeat of the request sends nothing twice.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/accept",
    operation_id = "accept_conversation_request", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        IdempotencyKey),
    request_body = AcceptRequest,
    responses((status = 200, body = SendAnswer), (status = 202, body = SendAnswer)))]
pub(crate) async fn accept(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Segment(id): Segment,
    body: Body<AcceptRequest>,
) -> Result<Response> {
    let Body { value: request, hash } = body;
    let ignored = |(param, _): (String, Value)| {
        let message = format!("{param} has no effect here");
        Warning { code: "ignored_field", param, message }
    };
    let wish = Wish {
        account_id: request.account_id,
        draft: Draft { text: Some(request.message), ..Draft::default() },
        tag: None,
        sent_via: SentVia::Api,
        priority: None,
        may_wait: false,
        send_at: None,
        is_dry_run: false,
        warnings: request.rest.into_iter().map(ignored).collect(),
    };
    perform(&app, &caller, &key, &id, &hash, wish).await
}
