//! Messages of a conversation, as they are read.

use axum::Json;
use axum::extract::State;
use posta_core::event::{Attachment, AttachmentKind, Direction};
use posta_core::id::{AccountId, ConversationId, MessageId};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::conversations::Conversation;
use posta_store::messages::{self, Message, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::conversations::SortOrder;
use super::error::{ErrorBody, Result};
use super::extract::{Query, Segment};
use super::page::{self, CursorPage};
use crate::app::App;

/// A message. Its `id` is the platform's, or ours while the platform has none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the unified API has these fields")]
pub(crate) struct MessageShape {
    id: String,
    conversation_id: ConversationId,
    account_id: AccountId,
    platform: String,
    /// The text.
    message: Option<String>,
    sender_id: String,
    sender_name: Option<String>,
    direction: Direction,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
    attachments: Vec<AttachmentShape>,
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    story_reply: Option<Value>,
    is_story_mention: bool,
    no_renderable_content: bool,
    is_edited: bool,
    edited_at: Option<Timestamp>,
    edit_count: i64,
    edit_history: Vec<Value>,
    is_deleted: bool,
    deleted_at: Option<Timestamp>,
    /// For outgoing ones: `sent`, `read`, `failed`, or null while it is on its way.
    delivery_status: Option<&'static str>,
    delivered_at: Option<Timestamp>,
    read_at: Option<Timestamp>,
    delivery_error: Option<DeliveryError>,
    reactions: Vec<Value>,
    metadata: Value,
    sent_via: Option<String>,
    /// Whether it is `received`, `queued`, `sending`, `sent`, `failed` or `unknown`; not in the
    /// hosted product.
    #[schema(value_type = String)]
    status: Status,
}

/// An attachment of a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachmentShape {
    id: String,
    #[serde(rename = "type")]
    kind: AttachmentKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_type: Option<String>,
    url: Option<String>,
    filename: Option<String>,
    preview_url: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    payload: Value,
}

/// Why a message was not sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryError {
    code: Value,
    title: Value,
    message: Value,
    details: Value,
    href: Option<String>,
}

fn shape(message: Message, account: &Account, conversation: &Conversation) -> MessageShape {
    let mut metadata = match message.metadata {
        Some(posta_store::Json(Value::Object(map))) => map,
        _ => Map::new(),
    };
    let is_true = |value: Option<Value>| value == Some(Value::Bool(true));
    let is_ours = message.direction == Direction::Outgoing;
    let our_name = || account.display_name.clone().or_else(|| Some(account.username.clone()));
    let attachments = message.attachments.0.into_iter().enumerate();
    MessageShape {
        attachments: attachments.map(|(index, one)| attachment(&message.id, index, one)).collect(),
        delivery_status: delivery_status(message.direction, message.status, message.read_at),
        delivery_error: message.error.map(|posta_store::Json(error)| delivery_error(&error)),
        sender_name: if is_ours { our_name() } else { conversation.participant_name.clone() },
        sent_at: matches!(message.status, Status::Received | Status::Sent)
            .then_some(message.sent_at),
        id: message.remote_id.map_or_else(|| message.id.to_string(), String::from),
        conversation_id: message.conversation_id,
        account_id: message.account_id,
        platform: account.platform.clone(),
        message: message.text,
        sender_id: message.sender_id,
        direction: message.direction,
        created_at: message.sent_at,
        subject: None,
        story_reply: metadata.remove("storyReply"),
        is_story_mention: is_true(metadata.remove("isStoryMention")),
        no_renderable_content: is_true(metadata.remove("noRenderableContent")),
        is_edited: false,
        edited_at: None,
        edit_count: 0,
        edit_history: Vec::new(),
        is_deleted: false,
        deleted_at: None,
        delivered_at: None,
        read_at: message.read_at,
        reactions: Vec::new(),
        metadata: Value::Object(metadata),
        sent_via: message.sent_via,
        status: message.status,
    }
}

fn attachment(message: &MessageId, index: usize, attachment: Attachment) -> AttachmentShape {
    AttachmentShape {
        id: format!("{message}-{index}"),
        kind: attachment.kind,
        original_type: attachment.original,
        url: attachment.url,
        filename: None,
        preview_url: None,
        payload: attachment.payload,
    }
}

fn delivery_status(
    direction: Direction,
    status: Status,
    read_at: Option<Timestamp>,
) -> Option<&'static str> {
    match (direction, status) {
        (Direction::Outgoing, Status::Sent) if read_at.is_some() => Some("read"),
        (Direction::Outgoing, Status::Sent) => Some("sent"),
        (Direction::Outgoing, Status::Failed) => Some("failed"),
        _ => None,
    }
}

fn delivery_error(stored: &Value) -> DeliveryError {
    DeliveryError {
        code: stored["code"].clone(),
        title: stored["code"].clone(),
        message: stored["message"].clone(),
        details: stored["platformError"].clone(),
        href: None,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// The account the conversation is on.
    account_id: AccountId,
    /// How many, at most 100.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
    /// `asc` (the default) or `desc`, by the time they were written.
    sort_order: Option<SortOrder>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageList {
    /// Always `success`.
    status: &'static str,
    messages: Vec<MessageShape>,
    pagination: CursorPage,
    sort_order_applied: SortOrder,
    last_updated: Timestamp,
}

/// Lists the messages of a conversation. Nothing becomes read by it.
#[utoipa::path(get, path = "/v1/inbox/conversations/{conversationId}/messages",
    operation_id = "get_inbox_conversation_messages", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's"), ListQuery),
    responses((status = 200, body = MessageList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    Query(query): Query<ListQuery>,
) -> Result<Json<MessageList>> {
    let limit = page::limit(query.limit, 100, 100)?;
    let place = page::place(query.cursor.as_deref())?;
    let order = query.sort_order.unwrap_or(SortOrder::Asc);
    let mut tx = app.db.read().await?;
    let (account, conversation) = caller.conversation(&mut tx, &query.account_id, &id).await?;
    let is_ascending = order == SortOrder::Asc;
    let mut rows =
        messages::list(&mut tx, &conversation.id, is_ascending, place.as_ref(), limit + 1).await?;
    let pagination = page::cut(&mut rows, limit, |one| page::cursor(one.sent_at, one.id.as_str()));
    let messages = rows.into_iter().map(|row| shape(row, &account, &conversation)).collect();
    Ok(Json(MessageList {
        status: "success",
        messages,
        pagination,
        sort_order_applied: order,
        last_updated: app.clock.now(),
    }))
}
