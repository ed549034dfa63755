//! Answering a comment privately.

use axum::Json;
use axum::extract::{Path, State};
use posta_core::id::{AccountId, RemoteComment, RemoteMessage};
use posta_store::comments;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Body;
use super::send::{ButtonRequest, QuickReplyRequest, buttons, list, quick_reply};
use crate::app::App;
use crate::flows::private_reply;
use crate::flows::send::Draft;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrivateReplyRequest {
    /// The account that replies.
    account_id: AccountId,
    /// The text.
    message: String,
    /// Answers to choose from, below the text.
    #[serde(default, deserialize_with = "list")]
    quick_replies: Vec<QuickReplyRequest>,
    /// Buttons below the text.
    #[serde(default, deserialize_with = "list")]
    buttons: Vec<ButtonRequest>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrivateReplyAnswer {
    /// Always `success`.
    status: &'static str,
    /// The platform's id of the message.
    message_id: Option<RemoteMessage>,
    /// The platform's id of the comment.
    comment_id: RemoteComment,
    /// The account's platform.
    platform: String,
}

/// Replies privately to a comment.
///
/// A comment gets one private reply, within 7 days. It does not open the reply window: what follows
/// it must wait until the person answers. `details.privateReplyConsumed` tells that the comment has
/// had its reply, `details.privateReplyOutcome` that nobody knows; neither may be repeated.
#[utoipa::path(post, path = "/v1/inbox/comments/{postId}/{commentId}/private-reply",
    operation_id = "send_private_reply_to_comment", tag = "Inbox",
    params(("postId" = String, Path, description = "The platform's id of the post"),
        ("commentId" = String, Path, description = "The platform's id of the comment")),
    request_body = PrivateReplyRequest,
    responses((status = 200, body = PrivateReplyAnswer)))]
pub(crate) async fn send(
    State(app): State<App>,
    caller: Caller,
    Path((_post, comment)): Path<(String, String)>,
    body: Body<PrivateReplyRequest>,
) -> Result<Json<PrivateReplyAnswer>> {
    let Body { value: request, .. } = body;
    let draft = Draft {
        text: Some(request.message),
        quick_replies: request.quick_replies.iter().map(quick_reply).collect(),
        buttons: buttons("buttons", &request.buttons)?,
        ..Draft::default()
    };
    let comment = RemoteComment::new(comment);
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &request.account_id).await?;
    let known = comments::find_remote(&mut tx, &account.id, &comment).await?;
    drop(tx);
    // Of a comment that we were never told of, the platform alone knows the age.
    let commented_at = known.map(|known| known.commented_at);
    let reply = private_reply::reply(&app, &account, &comment, commented_at, &draft).await;
    let reply = reply.map_err(|error| {
        let mut error = ApiError::from(error);
        error.more.platform = Some(account.platform.clone());
        error
    })?;
    Ok(Json(PrivateReplyAnswer {
        status: "success",
        message_id: reply.remote_id,
        comment_id: comment,
        platform: account.platform,
    }))
}
