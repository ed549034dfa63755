//! Answering a comment privately.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use posta_core::id::{AccountId, RemoteComment, RemoteMessage};
use posta_store::accounts::Account;
use posta_store::private_replies::{self, PrivateReply, State as Stands};
use posta_store::{comments, idempotency as known_requests};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Segments};
use super::idempotency::{self, IdempotencyKey};
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
/// had its reply, `details.privateReplyOutcome` that nobody knows; neither may be repeated. Send an
/// `Idempotency-Key`, and a repeat of the request gets the first one's answer.
#[utoipa::path(post, path = "/v1/inbox/comments/{postId}/{commentId}/private-reply",
    operation_id = "send_private_reply_to_comment", tag = "Inbox",
    params(("postId" = String, Path, description = "The platform's id of the post"),
        ("commentId" = String, Path, description = "The platform's id of the comment"),
        IdempotencyKey),
    request_body = PrivateReplyRequest,
    responses((status = 200, body = PrivateReplyAnswer)))]
pub(crate) async fn send(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Segments(_post, comment): Segments,
    body: Body<PrivateReplyRequest>,
) -> Result<Response> {
    let Body { value: request, hash } = body;
    let draft = Draft {
        text: Some(request.message),
        quick_replies: request.quick_replies.iter().map(quick_reply).collect(),
        buttons: buttons("buttons", &request.buttons)?,
        ..Draft::default()
    };
    let comment = RemoteComment::new(comment);
    let mut tx = app.db.write().await?;
    let account = caller.account(&mut tx, &request.account_id).await?;
    let (which, mut is_repeat) = (key.which(&caller), false);
    if let Some(which) = which
        && idempotency::begin(&app, &mut tx, which, &hash).await?.is_some()
    {
        is_repeat = true;
        // A key stays only with a request that was sent, or may have been.
        match private_replies::find(&mut tx, &account.id, &comment).await? {
            Some(earlier) if earlier.state == Stands::Sent => {
                return Ok(idempotency::replayed(answer(&account, earlier)));
            }
            Some(_) => return Err(idempotency::conflict()),
            None => {}
        }
    }
    let known = comments::find_remote(&mut tx, &account.id, &comment).await?;
    tx.commit().await?;
    // Of a comment that we were never told of, the platform alone knows the age.
    let commented_at = known.map(|known| known.commented_at);
    let reply = private_reply::reply(&app, &account, &comment, commented_at, &draft).await;
    match reply {
        Ok(reply) => Ok(answer(&account, reply)),
        Err(error) => {
            let mut error = ApiError::from(error);
            error.more.platform = Some(account.platform.clone());
            let may_be_sent = error.code == Code::OutcomeUnknown
                || is_repeat && error.code == Code::IdempotencyConflict;
            if let Some(which) = which.filter(|_| !may_be_sent) {
                let mut tx = app.db.write().await?;
                known_requests::delete(&mut tx, which).await?;
                tx.commit().await?;
            }
            Err(error)
        }
    }
}

fn answer(account: &Account, reply: PrivateReply) -> Response {
    Json(PrivateReplyAnswer {
        status: "success",
        message_id: reply.remote_id,
        comment_id: reply.comment_id,
        platform: account.platform.clone(),
    })
    .into_response()
}
