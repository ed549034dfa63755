//! Sending a message and waiting for what becomes of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use posta_core::id::{AccountId, ConversationId, MessageId};
use posta_core::message::Tag;
use posta_store::Tx;
use posta_store::accounts::Account;
use posta_store::idempotency::{self as known_requests, Known, Which};
use posta_store::messages::{self, Message, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::auth::Caller;
use super::describe::one_of;
use super::error::{ApiError, Result};
use super::extract::{Body, Segment};
use super::idempotency::{self, IdempotencyKey};
use crate::app::App;
use crate::flows::outcome;
use crate::flows::send::{self as flow, Request};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendRequest {
    /// The account that writes.
    account_id: AccountId,
    /// The text.
    message: Option<String>,
    /// `RESPONSE`, `UPDATE`, or `MESSAGE_TAG` together with `messageTag`.
    messaging_type: Option<String>,
    /// `HUMAN_AGENT`: a person typed this, within 7 days of the customer's last message.
    message_tag: Option<String>,
    /// What this version does not send yet, and what it passes over.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What makes another message of it than a text; refused until it is built.
const NOT_BUILT: [&str; 10] = [
    "attachmentUrl",
    "quickReplies",
    "buttons",
    "template",
    "interactive",
    "replyMarkup",
    "location",
    "contacts",
    "sharedMediaId",
    "sticker",
];

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
    /// The platform's id of it; ours while the platform has not answered.
    message_id: String,
    /// Our id of the conversation.
    conversation_id: ConversationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = sending)]
    status: Option<Status>,
}

fn sending() -> Object {
    one_of("Where it stands; only when the answer is 202.", &["queued", "sending"])
}

/// Sends a message.
///
/// Answers 200 with the platform's id once the platform has taken it, and 202 with ours if that
/// takes longer than `api.send_wait_seconds`. Send an `Idempotency-Key`, and a repeat of the
/// request sends nothing twice.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/messages",
    operation_id = "send_inbox_message", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"), IdempotencyKey),
    request_body = SendRequest,
    responses((status = 200, body = SendAnswer), (status = 202, body = SendAnswer)))]
pub(crate) async fn send(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Segment(id): Segment,
    body: Body<SendRequest>,
) -> Result<Response> {
    let Body { value: request, hash } = body;
    let warnings = check(&request)?;
    let mut tx = app.db.write().await?;
    let which = key.which(&caller);
    if let Some(which) = which
        && let Some(known) = idempotency::begin(&app, &mut tx, which, &hash).await?
        && let Some(earlier) = earlier(&app, &mut tx, &caller, which, &hash, &known).await?
    {
        return answer(&earlier, warnings, true);
    }
    let (account, conversation) = caller.conversation(&mut tx, &request.account_id, &id).await?;
    let wanted = Request {
        account: &account,
        conversation: &conversation,
        text: request.message.as_deref().unwrap_or_default(),
        tag: tag(&request)?,
        idempotency: which,
    };
    let message = flow::enqueue(&app, &mut tx, &wanted)
        .await
        .map_err(|error| refused(ApiError::from(error), &account))?;
    tx.commit().await?;
    app.wake.send.notify_one();
    let message = outcome::settled(&app, caller.workspace(), &message).await?;
    if message.status == Status::Failed
        && let Some(which) = which
    {
        release(&app, which, &message.id).await?;
    }
    answer(&message, warnings, false).map_err(|error| refused(error, &account))
}

fn refused(mut error: ApiError, account: &Account) -> ApiError {
    if error.code == Code::TextTooLong {
        error.param = Some("message".into());
    }
    error.more.platform = Some(account.platform.clone());
    error
}

/// Refuses what cannot be sent and lists what is passed over.
fn check(request: &SendRequest) -> Result<Vec<Warning>> {
    let is_given = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    let given = request.rest.iter().filter(|(_, value)| is_given(value));
    let mut warnings = Vec::new();
    for (name, value) in given {
        if NOT_BUILT.contains(&name.as_str()) {
            return Err(ApiError::not_built(name, &format!("sending with {name}")));
        }
        // Official clients send this default along with every message.
        if name != "linkPreview" || value != &Value::Bool(true) {
            let message = format!("{name} has no effect here");
            warnings.push(Warning { code: "ignored_field", param: name.clone(), message });
        }
    }
    if request.message.as_deref().is_none_or(|text| text.trim().is_empty()) {
        return Err(ApiError::missing("message"));
    }
    Ok(warnings)
}

fn tag(request: &SendRequest) -> Result<Option<Tag>> {
    let kind = request.messaging_type.as_deref();
    if kind.is_some_and(|kind| !["RESPONSE", "UPDATE", "MESSAGE_TAG"].contains(&kind)) {
        let problem = "must be RESPONSE, UPDATE or MESSAGE_TAG";
        return Err(ApiError::bad_value("messagingType", problem));
    }
    match (request.message_tag.as_deref(), kind) {
        (None, Some("MESSAGE_TAG")) => Err(ApiError::missing("messageTag")),
        (None, _) => Ok(None),
        (Some("HUMAN_AGENT"), _) => Ok(Some(Tag::HumanAgent)),
        (Some(_), _) => Err(ApiError::bad_value(
            "messageTag",
            "must be HUMAN_AGENT; Meta has retired the others",
        )),
    }
}

/// What became of an earlier request with the same key. `None` when it may run again: its message
/// certainly was not sent.
async fn earlier(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    which: Which<'_>,
    hash: &str,
    known: &Known,
) -> Result<Option<Message>> {
    let Some(id) = &known.message_id else {
        return Err(idempotency::conflict());
    };
    match messages::find(tx, caller.workspace(), id).await? {
        Some(message) if message.status == Status::Sent => Ok(Some(message)),
        Some(message) if message.status == Status::Failed => {
            known_requests::delete(tx, which).await?;
            known_requests::insert(tx, which, hash, app.clock.now()).await?;
            Ok(None)
        }
        // On its way, or nobody knows: in no case is it sent again.
        _ => Err(idempotency::conflict()),
    }
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

fn answer(message: &Message, warnings: Vec<Warning>, is_replay: bool) -> Result<Response> {
    let status = match message.status {
        Status::Sent | Status::Received => StatusCode::OK,
        Status::Queued | Status::Sending => StatusCode::ACCEPTED,
        Status::Failed | Status::Unknown => return Err(failure(message)),
    };
    let remote = message.remote_id.as_ref().map(ToString::to_string);
    let data = SendData {
        message_id: remote.unwrap_or_else(|| message.id.to_string()),
        conversation_id: message.conversation_id.clone(),
        status: (status == StatusCode::ACCEPTED).then_some(message.status),
    };
    let answer = Json(SendAnswer { success: true, warnings, data });
    let response = (status, answer).into_response();
    Ok(if is_replay { idempotency::replayed(response) } else { response })
}

/// The stored reason why a message was not sent, as its sender hears it.
fn failure(message: &Message) -> ApiError {
    let stored = message.error.as_ref().map(|json| json.0.clone()).unwrap_or_default();
    let code = Code::ALL.iter().find(|code| stored["code"] == code.as_str());
    let text = stored["message"].as_str().unwrap_or("the message was not sent");
    let mut error = ApiError::new(code.copied().unwrap_or(Code::PlatformRefused), text);
    error.more.remedy = stored["remedy"].as_str().map(ToOwned::to_owned);
    error.more.platform_error =
        Some(stored["platformError"].clone()).filter(|said| !said.is_null());
    error.more.details = Some(stored["details"].clone()).filter(|details| !details.is_null());
    if message.status == Status::Unknown {
        error.more.details = Some(json!({"messageId": message.id}));
    }
    error
}
