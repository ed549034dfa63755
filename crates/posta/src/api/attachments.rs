//! Attachments of messages at a URL that does not expire.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use posta_core::id::{AccountId, RemoteMessage};
use posta_store::messages;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Query;
use crate::app::App;
use crate::flows::remint;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct AttachmentQuery {
    /// The account of the conversation.
    account_id: AccountId,
    /// `redirect` (the default) or `json`.
    format: Option<Format>,
}

/// How the URL is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// As where to go.
    Redirect,
    /// In the body.
    Json,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttachmentAnswer {
    /// `success`.
    status: &'static str,
    /// The URL, usually for a limited time.
    url: String,
    /// Whether the platform gave it out just now.
    refreshed: bool,
}

/// Leads to an attachment. The platform's own URL expires; once it may have, a fresh one is asked for.
#[utoipa::path(get,
    path = "/v1/inbox/conversations/{conversationId}/messages/{messageId}/attachments/{index}",
    operation_id = "get_message_attachment", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        ("messageId" = String, Path, description = "The platform's id of it, or ours"),
        ("index" = usize, Path, description = "Its place among the attachments, from 0"),
        AttachmentQuery),
    responses((status = 200, body = AttachmentAnswer), (status = 302, description = "To the URL")))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((conversation, message, index)): Path<(String, String, String)>,
    Query(query): Query<AttachmentQuery>,
) -> Result<Response> {
    let index =
        index.parse().map_err(|_| ApiError::bad_value("index", "must be a whole number"))?;
    let mut tx = app.db.read().await?;
    let (account, conversation) =
        caller.conversation(&mut tx, &query.account_id, &conversation).await?;
    let found = match message.parse() {
        Ok(id) => messages::find(&mut tx, caller.workspace(), &id).await?,
        Err(_) => {
            let remote = RemoteMessage::new(message.clone());
            messages::find_remote(&mut tx, &account.id, &remote).await?
        }
    };
    drop(tx);
    let found = found.filter(|one| one.conversation_id == conversation.id).ok_or_else(|| {
        let problem = format!("the conversation has no message {message}");
        ApiError::new(Code::ResourceNotFound, problem).param("messageId")
    })?;
    let minted = remint::mint(&app, &account, &found, index).await?;
    if query.format == Some(Format::Json) {
        let (url, refreshed) = (minted.url, minted.is_fresh);
        return Ok(Json(AttachmentAnswer { status: "success", url, refreshed }).into_response());
    }
    let headers = [(LOCATION, minted.url), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::FOUND, headers).into_response())
}
