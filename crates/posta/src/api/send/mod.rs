//! Sending a message and waiting for what becomes of it.

mod dry_run;
mod parts;
mod request;

use axum::Json;
use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use posta_core::event::AttachmentKind;
use posta_core::failure::Code;
use posta_core::id::{AccountId, ConversationId, MessageId};
use posta_core::message::{Content, Tag};
use posta_core::time::Timestamp;
use posta_store::Tx;
use posta_store::accounts::Account;
use posta_store::idempotency::{self as known_requests, Known, Which};
use posta_store::jobs;
use posta_store::messages::{Message, Status};
use posta_store::sends;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

pub(crate) use self::parts::{ButtonRequest, QuickReplyRequest, buttons, list, quick_reply};
pub(crate) use self::request::{SendForm, SendRequest, SentVia};
use super::auth::Caller;
use super::describe::one_of;
use super::error::{ApiError, Result};
use super::extract::{Body, Query, Segment};
use super::idempotency::{self, IdempotencyKey};
use crate::app::App;
use crate::flows::outcome;
use crate::flows::send::{self as flow, Draft, Priority, Request};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SendAnswer {
    success: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    data: SendData,
}

/// Something in the request that had no effect.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Warning {
    /// `ignored_field`.
    pub(crate) code: &'static str,
    pub(crate) param: String,
    pub(crate) message: String,
}

/// The message that was sent, or is on its way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendData {
    /// The platform's id of it; ours while the platform has not answered. Of several, the first.
    message_id: String,
    /// Our id of the conversation.
    conversation_id: ConversationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = sending)]
    status: Option<Status>,
    /// What was attached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<SentAttachment>,
    /// The ids of all messages that the request became, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    message_ids: Vec<String>,
    /// The part that was not sent although those before it were.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_failure: Option<PartialFailure>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SentAttachment {
    /// What it is.
    #[serde(rename = "type")]
    kind: AttachmentKind,
    /// Where the platform got it; empty when it has it.
    url: String,
}

/// A part of a request that was not sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartialFailure {
    /// `text`, `attachment` or `template`.
    part: &'static str,
    /// Which of `messageIds` it is, from 0. Those after it were not tried.
    index: usize,
    /// What failed and why, for people.
    error: String,
    /// The stable code.
    code: String,
    /// The platform's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    platform_error: Option<Value>,
}

fn sending() -> Object {
    one_of("Where it stands; only when the answer is 202.", &["queued", "sending"])
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct SendQuery {
    /// Whether to say only what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// Sends a message.
///
/// Answers 200 with the platform's id once the platform has taken it, and 202 with ours if that
/// takes longer than `api.send_wait_seconds`. Send an `Idempotency-Key`, and a repeat of the
/// request sends nothing twice. With `dryRun=true` nothing is sent, and the answer says what would be.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/messages",
    operation_id = "send_inbox_message", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"),
        SendQuery, IdempotencyKey),
    request_body(content((SendRequest = "application/json"), (SendForm = "multipart/form-data"))),
    responses((status = 200, body = SendAnswer), (status = 202, body = SendAnswer)))]
pub(crate) async fn send(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Segment(id): Segment,
    Query(query): Query<SendQuery>,
    request: HttpRequest,
) -> Result<Response> {
    let Body { value: request, hash } = request::read(&app, &caller, request).await?;
    let wish = Wish {
        warnings: request.warnings()?,
        draft: request.draft()?,
        tag: request.tag()?,
        account_id: request.account_id,
        sent_via: request.sent_via,
        priority: request.priority,
        may_wait: request.hold,
        send_at: request.send_at,
        is_dry_run: query.dry_run,
    };
    perform(&app, &caller, &key, &id, &hash, wish).await
}

/// What a request wants sent, whichever endpoint took it.
pub(super) struct Wish {
    pub(super) account_id: AccountId,
    pub(super) draft: Draft,
    pub(super) tag: Option<Tag>,
    pub(super) sent_via: SentVia,
    pub(super) priority: Option<Priority>,
    pub(super) may_wait: bool,
    pub(super) send_at: Option<Timestamp>,
    pub(super) is_dry_run: bool,
    pub(super) warnings: Vec<Warning>,
}

/// Sends what is wanted, once per key, and waits for what becomes of it.
pub(super) async fn perform(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    conversation: &str,
    hash: &str,
    wish: Wish,
) -> Result<Response> {
    let warnings = wish.warnings;
    let deadline = outcome::deadline(app);
    let mut tx = app.db.write().await?;
    let which = key.which(caller).filter(|_| !wish.is_dry_run);
    if let Some(which) = which
        && let Some(known) = idempotency::begin(app, &mut tx, which, hash).await?
        && let Some(earlier) = earlier(app, &mut tx, caller, which, hash, &known).await?
    {
        return answer(&earlier, warnings, true);
    }
    let (account, conversation) =
        caller.conversation(&mut tx, &wish.account_id, conversation).await?;
    let wanted = Request {
        account: &account,
        conversation: &conversation,
        draft: wish.draft,
        tag: wish.tag,
        sent_via: wish.sent_via.as_str(),
        priority: wish.priority,
        may_wait: wish.may_wait,
        send_at: wish.send_at,
        idempotency: which,
    };
    if wish.is_dry_run {
        return dry_run::answer(app, &mut tx, &wanted, warnings).await;
    }
    let message = flow::enqueue(app, &mut tx, &wanted)
        .await
        .map_err(|error| refused(error.into(), &account))?;
    tx.commit().await?;
    app.wake.send.notify_one();
    let messages = outcome::settled(app, &account, &message, deadline).await?;
    if messages.first().is_some_and(|first| first.status == Status::Failed)
        && let Some(which) = which
    {
        release(app, which, &message).await?;
    }
    answer(&messages, warnings, false).map_err(|error| refused(error, &account))
}

fn refused(mut error: ApiError, account: &Account) -> ApiError {
    error.more.platform = Some(account.platform.clone());
    error
}

/// What became of an earlier request with the same key. `None` when it may run again: none of its
/// messages was sent.
async fn earlier(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    which: Which<'_>,
    hash: &str,
    known: &Known,
) -> Result<Option<Vec<Message>>> {
    let Some(id) = &known.message_id else {
        return Err(idempotency::conflict());
    };
    let messages = sends::list(tx, caller.workspace(), id).await?;
    let is_on_its_way = |one: &Message| matches!(one.status, Status::Queued | Status::Sending);
    match messages.first().map(|first| first.status) {
        Some(Status::Sent) if !messages.iter().any(is_on_its_way) => Ok(Some(messages)),
        Some(Status::Cancelled) => Ok(Some(messages)),
        Some(Status::Failed) => {
            known_requests::delete(tx, which).await?;
            known_requests::insert(tx, which, hash, app.clock.now()).await?;
            Ok(None)
        }
        Some(Status::Queued) if is_put_off(app, tx, &messages).await? => Ok(Some(messages)),
        // On its way, or nobody knows: in no case is it sent again.
        _ => Err(idempotency::conflict()),
    }
}

/// Whether a request waits for its time, or for its account, so that nothing is soon known of it.
async fn is_put_off(app: &App, tx: &mut Tx, messages: &[Message]) -> Result<bool> {
    let Some(first) = messages.first() else { return Ok(false) };
    let now = app.clock.now();
    Ok(jobs::is_put_off(tx, &first.account_id, first.id.as_str(), now).await?)
}

/// Forgets a request whose message certainly was not sent, unless it has been repeated meanwhile.
async fn release(app: &App, which: Which<'_>, message: &MessageId) -> Result<()> {
    let mut tx = app.db.write().await?;
    let known = known_requests::find(&mut tx, which).await?;
    if known.is_some_and(|known| known.message_id.as_ref() == Some(message)) {
        known_requests::delete(&mut tx, which).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Says what became of a request's messages. It has failed if the first one has; what comes after
/// is reported beside it.
fn answer(messages: &[Message], warnings: Vec<Warning>, is_replay: bool) -> Result<Response> {
    let first = messages.first().ok_or_else(|| ApiError::internal("a send without messages"))?;
    if is_lost(first) {
        return Err(failure(first));
    }
    let is_on_its_way = |one: &&Message| matches!(one.status, Status::Queued | Status::Sending);
    let on_its_way = messages.iter().find(is_on_its_way);
    let id = |one: &Message| {
        one.remote_id.as_ref().map_or_else(|| one.id.to_string(), ToString::to_string)
    };
    let attachments = messages.iter().flat_map(|one| &one.attachments.0);
    let attachment = |one: &posta_core::event::Attachment| SentAttachment {
        kind: one.kind,
        url: one.url.clone().unwrap_or_default(),
    };
    let data = SendData {
        message_id: id(first),
        conversation_id: first.conversation_id.clone(),
        status: on_its_way.map(|one| one.status),
        attachments: attachments.map(attachment).collect(),
        message_ids: if messages.len() > 1 { messages.iter().map(id).collect() } else { vec![] },
        partial_failure: partial_failure(messages),
    };
    let status = if on_its_way.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    let answer = Json(SendAnswer { success: true, warnings, data });
    let response = (status, answer).into_response();
    Ok(if is_replay { idempotency::replayed(response) } else { response })
}

fn is_lost(message: &Message) -> bool {
    matches!(message.status, Status::Failed | Status::Unknown | Status::Cancelled)
}

fn partial_failure(messages: &[Message]) -> Option<PartialFailure> {
    let index = messages.iter().position(is_lost)?;
    let lost = &messages[index];
    let error = failure(lost);
    let part = match lost.content.as_ref().map(|content| &content.0) {
        Some(Content::Media { .. } | Content::Share { .. } | Content::Sticker { .. }) => {
            "attachment"
        }
        Some(Content::Cards { .. }) => "template",
        Some(Content::Text { .. } | Content::Buttons { .. }) | None => "text",
    };
    Some(PartialFailure {
        part,
        index,
        code: error.code.to_string(),
        error: error.message,
        platform_error: error.more.platform_error,
    })
}

/// The stored reason why a message was not sent, as its sender hears it.
fn failure(message: &Message) -> ApiError {
    if message.status == Status::Cancelled {
        let details = json!({"messageId": message.id});
        return ApiError::plain(Code::MessageCancelled).details(details);
    }
    let stored = message.error.as_ref().map(|json| json.0.clone()).unwrap_or_default();
    let mut error = stored_error(&stored);
    if message.status == Status::Unknown {
        error.more.details = Some(json!({"messageId": message.id}));
    }
    error
}

/// A failure as it was kept.
pub(crate) fn stored_error(stored: &Value) -> ApiError {
    let code = Code::ALL.iter().find(|code| stored["code"] == code.as_str());
    let text = stored["message"].as_str().unwrap_or("the message was not sent");
    let mut error = ApiError::new(code.copied().unwrap_or(Code::PlatformRefused), text);
    error.more.remedy = stored["remedy"].as_str().map(ToOwned::to_owned);
    error.more.platform_error =
        Some(stored["platformError"].clone()).filter(|said| !said.is_null());
    error.more.details = Some(stored["details"].clone()).filter(|details| !details.is_null());
    error
}
