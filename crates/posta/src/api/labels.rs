//! Labels of conversations, which no platform of this version has: each call says so.

use axum::Json;
use axum::extract::State;
use posta_core::failure::Code;
use posta_core::id::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::conversation_acts::not_supported;
use super::error::Result;
use super::extract::{Body, Query, Segment, Segments};
use crate::app::App;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LabelQuery {
    /// The account.
    account_id: AccountId,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LabelRequest {
    /// The account.
    account_id: AccountId,
}

/// What is never answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LabelAnswer {
    success: bool,
}

async fn refuse(app: &App, caller: &Caller, account: &AccountId) -> Result<Json<LabelAnswer>> {
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, account).await?;
    Err(not_supported(Code::PlatformNotSupported, &account, "conversations have no labels"))
}

/// Lists labels: no platform of this version has any.
#[utoipa::path(get, path = "/v1/inbox/labels", operation_id = "list_inbox_labels", tag = "Inbox",
    params(LabelQuery), responses((status = 400, description = "The platform has no labels")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<LabelQuery>,
) -> Result<Json<LabelAnswer>> {
    refuse(&app, &caller, &query.account_id).await
}

/// Makes a label: no platform of this version has any.
#[utoipa::path(post, path = "/v1/inbox/labels", operation_id = "create_inbox_label", tag = "Inbox",
    request_body = LabelRequest,
    responses((status = 400, description = "The platform has no labels")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Body<LabelRequest>,
) -> Result<Json<LabelAnswer>> {
    refuse(&app, &caller, &body.value.account_id).await
}

/// Deletes a label: no platform of this version has any.
#[utoipa::path(delete, path = "/v1/inbox/labels/{labelId}", operation_id = "delete_inbox_label",
    tag = "Inbox", params(("labelId" = String, Path, description = "The label"), LabelQuery),
    responses((status = 400, description = "The platform has no labels")))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Segment(_label): Segment,
    Query(query): Query<LabelQuery>,
) -> Result<Json<LabelAnswer>> {
    refuse(&app, &caller, &query.account_id).await
}

/// Lists a conversation's labels: no platform of this version has any.
#[utoipa::path(get, path = "/v1/inbox/conversations/{conversationId}/labels",
    operation_id = "list_conversation_labels", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"), LabelQuery),
    responses((status = 400, description = "The platform has no labels")))]
pub(crate) async fn list_of(
    State(app): State<App>,
    caller: Caller,
    Segment(_conversation): Segment,
    Query(query): Query<LabelQuery>,
) -> Result<Json<LabelAnswer>> {
    refuse(&app, &caller, &query.account_id).await
}

/// Puts a label on a conversation: no platform of this version has any.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/labels",
    operation_id = "add_conversation_label", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = LabelRequest,
    responses((status = 400, description = "The platform has no labels")))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Segment(_conversation): Segment,
    body: Body<LabelRequest>,
) -> Result<Json<LabelAnswer>> {
    refuse(&app, &caller, &body.value.account_id).await
}

/// Takes a label off a conversation: no platform of this version has any.
#[utoipa::path(delete, path = "/v1/inbox/conversations/{conversationId}/labels/{labelId}",
    operation_id = "remove_conversation_label", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        ("labelId" = String, Path, description = "The label"), LabelQuery),
    responses((status = 400, description = "The platform has no labels")))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Segments(_conversation, _label): Segments,
    Query(query): Query<LabelQuery>,
) -> Result<Json<LabelAnswer>> {
    refuse(&app, &caller, &query.account_id).await
}
