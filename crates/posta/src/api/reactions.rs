//! Reactions of the account to messages, and what cannot be done to a message once it is sent.

use axum::Json;
use axum::extract::{Path, State};
use posta_core::failure::Code;
use posta_core::id::{AccountId, MessageId, RemoteMessage};
use posta_store::Tx;
use posta_store::accounts::Account;
use posta_store::conversations::Conversation;
use posta_store::messages::{self, Message};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Query};
use crate::app::App;
use crate::flows::react::react;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReactRequest {
    /// The account that reacts.
    account_id: AccountId,
    /// One emoji, or `love`.
    emoji: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// The account the conversation is on.
    account_id: AccountId,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReactAnswer {
    success: bool,
    /// Our id of the message.
    message_id: MessageId,
    /// The platform's id of it.
    platform_message_id: Option<RemoteMessage>,
}

/// Puts the account's reaction on a message, in place of an earlier one.
#[utoipa::path(post,
    path = "/v1/inbox/conversations/{conversationId}/messages/{messageId}/reactions",
    operation_id = "add_message_reaction", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        ("messageId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = ReactRequest,
    responses((status = 200, body = ReactAnswer)))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Path((conversation, message)): Path<(String, String)>,
    body: Body<ReactRequest>,
) -> Result<Json<ReactAnswer>> {
    let Body { value: request, .. } = body;
    let emoji = Some(request.emoji.as_str());
    change(&app, &caller, &request.account_id, &conversation, &message, emoji).await
}

/// Takes the account's reaction back.
#[utoipa::path(delete,
    path = "/v1/inbox/conversations/{conversationId}/messages/{messageId}/reactions",
    operation_id = "remove_message_reaction", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        ("messageId" = String, Path, description = "Our id of it, or the platform's"), AccountQuery),
    responses((status = 200, body = ReactAnswer)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((conversation, message)): Path<(String, String)>,
    Query(query): Query<AccountQuery>,
) -> Result<Json<ReactAnswer>> {
    change(&app, &caller, &query.account_id, &conversation, &message, None).await
}

async fn change(
    app: &App,
    caller: &Caller,
    account: &AccountId,
    conversation: &str,
    message: &str,
    emoji: Option<&str>,
) -> Result<Json<ReactAnswer>> {
    let mut tx = app.db.read().await?;
    let (account, conversation) = caller.conversation(&mut tx, account, conversation).await?;
    let message = find(&mut tx, &account, &conversation, message).await?;
    drop(tx);
    let done = react(app, &account, &conversation, &message, emoji).await;
    done.map_err(|error| {
        let mut error = ApiError::from(error);
        error.more.platform = Some(account.platform.clone());
        error
    })?;
    let (message_id, platform_message_id) = (message.id, message.remote_id);
    Ok(Json(ReactAnswer { success: true, message_id, platform_message_id }))
}

/// Finds a message of a conversation by our id or the platform's.
async fn find(
    tx: &mut Tx,
    account: &Account,
    conversation: &Conversation,
    either_id: &str,
) -> Result<Message> {
    let found = match either_id.parse::<MessageId>() {
        Ok(id) => messages::find(tx, &account.workspace_id, &id).await?,
        Err(_) => None,
    };
    let found = match found {
        Some(found) => Some(found),
        None => messages::find_remote(tx, &account.id, &RemoteMessage::new(either_id)).await?,
    };
    found.filter(|message| message.conversation_id == conversation.id).ok_or_else(|| {
        let message = format!("the conversation has no message {either_id}");
        ApiError::new(Code::MessageNotFound, message).param("messageId")
    })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EditRequest {
    /// The account it is on.
    account_id: AccountId,
}

/// Would change a message, where a platform lets apps do that.
#[utoipa::path(patch, path = "/v1/inbox/conversations/{conversationId}/messages/{messageId}",
    operation_id = "edit_inbox_message", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        ("messageId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = EditRequest, responses((status = 400, body = super::error::ErrorBody)))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path((conversation, message)): Path<(String, String)>,
    body: Body<EditRequest>,
) -> Result<()> {
    refuse(&app, &caller, &body.value.account_id, &conversation, &message, "changed").await
}

/// Would take a message back, where a platform lets apps do that.
#[utoipa::path(delete, path = "/v1/inbox/conversations/{conversationId}/messages/{messageId}",
    operation_id = "delete_inbox_message", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        ("messageId" = String, Path, description = "Our id of it, or the platform's"), AccountQuery),
    responses((status = 400, body = super::error::ErrorBody)))]
pub(crate) async fn unsend(
    State(app): State<App>,
    caller: Caller,
    Path((conversation, message)): Path<(String, String)>,
    Query(query): Query<AccountQuery>,
) -> Result<()> {
    refuse(&app, &caller, &query.account_id, &conversation, &message, "taken back").await
}

async fn refuse(
    app: &App,
    caller: &Caller,
    account: &AccountId,
    conversation: &str,
    message: &str,
    what: &str,
) -> Result<()> {
    let mut tx = app.db.read().await?;
    let (account, conversation) = caller.conversation(&mut tx, account, conversation).await?;
    find(&mut tx, &account, &conversation, message).await?;
    let title = posta_platforms::get(&account.platform).map_or("the platform", |one| one.title());
    let message = format!("on {title} a message that was sent by an app cannot be {what}");
    let mut error = ApiError::new(Code::PlatformNotSupported, message);
    error.more.platform = Some(account.platform);
    Err(error)
}
