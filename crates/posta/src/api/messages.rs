//! Messages of a conversation, as they are read.

use axum::Json;
use axum::extract::State;
use posta_core::event::{Attachment, AttachmentKind, Direction};
use posta_core::id::{AccountId, ConversationId, MessageId};
use posta_core::time::Timestamp;
use posta_store::accounts::{Account, State as AccountState};
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Message, Reaction, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::conversation_list::SortOrder;
use super::describe::one_of;
use super::error::Result;
use super::extract::{Body, Query, Segment};
use super::page::{self, CursorPage};
use crate::app::App;
use crate::flows::events::{EditionBlock, editions};
use crate::flows::line;

/// A message. Its `id` is the platform's, or ours while the platform has none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the unified API has these fields")]
pub(crate) struct MessageShape {
    /// The platform's id of it, or ours.
    id: String,
    /// Our id of its conversation.
    conversation_id: ConversationId,
    /// The account it was written on.
    account_id: AccountId,
    /// Its platform.
    platform: String,
    /// The text; empty when it has none.
    message: String,
    /// The platform's id of the person, or our id of the account.
    sender_id: String,
    /// The name of whoever wrote it, where it is known.
    sender_name: Option<String>,
    /// Which way it went.
    direction: Direction,
    /// When it was written.
    created_at: Timestamp,
    /// The same; null while it is on its way, and when it was not sent.
    sent_at: Option<Timestamp>,
    /// Its attachments, in order.
    attachments: Vec<AttachmentShape>,
    /// Always null.
    subject: Option<String>,
    /// The story it answers: `storyId` and `storyUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    story_reply: Option<Value>,
    /// Whether it mentions the account in a story.
    is_story_mention: bool,
    /// Whether there is content that the platform does not show to apps.
    no_renderable_content: bool,
    /// Whether its text was changed.
    is_edited: bool,
    /// When it was last changed.
    edited_at: Option<Timestamp>,
    /// How often it was changed.
    edit_count: i64,
    /// What it said before, oldest first.
    edit_history: Vec<EditionBlock>,
    /// Whether it was taken back. Its text stays readable unless `media.policy` says otherwise.
    is_deleted: bool,
    /// When it was taken back.
    deleted_at: Option<Timestamp>,
    /// For outgoing ones: `sent`, `read`, `failed`, `deleted`, or null while it is on its way.
    delivery_status: Option<&'static str>,
    /// Always null: the platform does not tell.
    delivered_at: Option<Timestamp>,
    /// When the person read it.
    read_at: Option<Timestamp>,
    /// Why it was not sent, or why nobody knows.
    delivery_error: Option<DeliveryError>,
    /// The reactions on it, at most one of each side.
    reactions: Vec<ReactionShape>,
    /// What came with it, such as `quickReplyPayload`, `postbackPayload` or `referral`.
    #[schema(value_type = Object)]
    metadata: Value,
    /// `api` when it was sent through this API; null when it was written in the platform's app.
    sent_via: Option<String>,
    #[schema(schema_with = status)]
    status: Status,
}

fn status() -> Object {
    let about = "Where it stands; not in the hosted product.";
    one_of(about, &["received", "queued", "sending", "sent", "failed", "unknown", "cancelled"])
}

/// A reaction on a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReactionShape {
    /// The emoji, or the platform's word for it.
    emoji: String,
    /// Whether the account reacted, and not the person.
    from_me: bool,
    /// When.
    reacted_at: Timestamp,
}

/// An attachment of a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachmentShape {
    /// Our id of it.
    id: String,
    /// What it is.
    #[serde(rename = "type")]
    kind: AttachmentKind,
    /// The platform's own word, when it says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    original_type: Option<String>,
    /// Where the platform has it, usually for a limited time; empty when it gives no URL.
    url: String,
    /// Where it can be had for as long as the platform has it; needs the key, and never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_url: Option<String>,
    /// Always null.
    filename: Option<String>,
    /// Always null.
    preview_url: Option<String>,
    /// What else the platform says of it.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    payload: Value,
}

/// Why a message was not sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryError {
    /// The platform's code, when it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    /// The stable code.
    title: String,
    /// The reason, for people.
    message: String,
    /// The platform's words, when it said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    /// When the platform was asked, if it never answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<Timestamp>,
    /// What was looked at to find it, without success, if it never answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    lookup: Option<Lookup>,
}

/// A look through what the platform shows of an account, in which a message was not found. It may be
/// there all the same.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Lookup {
    /// When it ended.
    at: Timestamp,
    /// From when on messages were looked at.
    from: Timestamp,
    /// Until when.
    until: Timestamp,
    /// How many there were.
    messages: i64,
}

fn shape(
    app: &App,
    message: Message,
    account: &Account,
    conversation: &Conversation,
) -> MessageShape {
    let refresh = Refresh::of(app, &message, conversation);
    let delivery_status = delivery_status(&message);
    let mut metadata = match message.metadata {
        Some(posta_store::Json(Value::Object(map))) => map,
        _ => Map::new(),
    };
    let is_true = |value: Option<Value>| value == Some(Value::Bool(true));
    let is_ours = message.direction == Direction::Outgoing;
    let our_name = || account.display_name.clone().or_else(|| Some(account.username.clone()));
    let attachments = message.attachments.0.into_iter().enumerate();
    MessageShape {
        attachments: attachments
            .map(|(index, one)| attachment(&message.id, index, one, &refresh))
            .collect(),
        delivery_status,
        delivery_error: message.error.map(|posta_store::Json(error)| delivery_error(&error)),
        sender_name: if is_ours { our_name() } else { conversation.participant_name.clone() },
        sent_at: matches!(message.status, Status::Received | Status::Sent)
            .then_some(message.sent_at),
        id: message.remote_id.map_or_else(|| message.id.to_string(), String::from),
        conversation_id: message.conversation_id,
        account_id: message.account_id,
        platform: account.platform.clone(),
        message: message.text.unwrap_or_default(),
        sender_id: message.sender_id,
        direction: message.direction,
        created_at: message.sent_at,
        subject: None,
        story_reply: metadata.remove("storyReply"),
        is_story_mention: is_true(metadata.remove("isStoryMention")),
        no_renderable_content: is_true(metadata.remove("noRenderableContent")),
        is_edited: message.edit_count > 0,
        edited_at: message.edited_at,
        edit_count: message.edit_count,
        edit_history: editions(&message.edit_history),
        is_deleted: message.deleted_at.is_some(),
        deleted_at: message.deleted_at,
        delivered_at: None,
        read_at: message.read_at,
        reactions: message.reactions.0.into_iter().filter_map(reaction).collect(),
        metadata: Value::Object(metadata),
        sent_via: message.sent_via,
        status: message.status,
    }
}

/// A reaction that was taken back leaves an empty one, which is nobody's business.
fn reaction(one: Reaction) -> Option<ReactionShape> {
    let Reaction { emoji, from_me, reacted_at } = one;
    (!emoji.is_empty()).then_some(ReactionShape { emoji, from_me, reacted_at })
}

/// Where the attachments of a message can be had at any time.
struct Refresh(Option<Url>);

impl Refresh {
    /// Only what the platform has can be had there.
    fn of(app: &App, message: &Message, conversation: &Conversation) -> Self {
        let Some(remote) = &message.remote_id else { return Self(None) };
        let mut url = app.config.public_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["v1", "inbox", "conversations", conversation.id.as_str()]);
            path.extend(["messages", remote.as_str(), "attachments"]);
        }
        url.query_pairs_mut().append_pair("accountId", message.account_id.as_str());
        Self(Some(url))
    }

    fn at(&self, index: usize) -> Option<String> {
        let mut url = self.0.clone()?;
        url.path_segments_mut().ok()?.push(&index.to_string());
        Some(url.into())
    }
}

fn attachment(
    message: &MessageId,
    index: usize,
    attachment: Attachment,
    refresh: &Refresh,
) -> AttachmentShape {
    AttachmentShape {
        id: format!("{message}-{index}"),
        kind: attachment.kind,
        original_type: attachment.original,
        refresh_url: attachment.url.as_ref().and_then(|_| refresh.at(index)),
        url: attachment.url.unwrap_or_default(),
        filename: None,
        preview_url: None,
        payload: attachment.payload,
    }
}

fn delivery_status(message: &Message) -> Option<&'static str> {
    match (message.direction, message.status) {
        (Direction::Outgoing, Status::Sent) if message.deleted_at.is_some() => Some("deleted"),
        (Direction::Outgoing, Status::Sent) if message.read_at.is_some() => Some("read"),
        (Direction::Outgoing, Status::Sent) => Some("sent"),
        (Direction::Outgoing, Status::Failed) => Some("failed"),
        _ => None,
    }
}

fn delivery_error(stored: &Value) -> DeliveryError {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    DeliveryError {
        code: stored["platformError"]["code"].as_i64(),
        title: text(&stored["code"]).unwrap_or_default(),
        message: text(&stored["message"]).unwrap_or_default(),
        details: text(&stored["platformError"]["message"]),
        asked_at: serde_json::from_value(stored["askedAt"].clone()).ok(),
        lookup: serde_json::from_value(stored["lookup"].clone()).ok(),
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
    responses((status = 200, body = MessageList)))]
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
    let messages = rows.into_iter().map(|row| shape(&app, row, &account, &conversation)).collect();
    Ok(Json(MessageList {
        status: "success",
        messages,
        pagination,
        sort_order_applied: order,
        last_updated: app.clock.now(),
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadRequest {
    /// The account it is on.
    account_id: AccountId,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadAnswer {
    success: bool,
    /// How many messages had not been read.
    marked_count: u64,
}

/// Marks what the person wrote as read, here and, where the platform shows it, there.
#[utoipa::path(post, path = "/v1/inbox/conversations/{conversationId}/read",
    operation_id = "mark_conversation_read", tag = "Inbox",
    params(("conversationId" = String, Path, description = "Our id of it, or the platform's")),
    request_body = ReadRequest,
    responses((status = 200, body = ReadAnswer)))]
pub(crate) async fn mark_read(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    body: Body<ReadRequest>,
) -> Result<Json<ReadAnswer>> {
    let mut tx = app.db.write().await?;
    let (account, conversation) = caller.conversation(&mut tx, &body.value.account_id, &id).await?;
    conversations::update_all_read(&mut tx, &conversation.id).await?;
    let marked_count = messages::update_read_by_us(&mut tx, &conversation.id).await?;
    tx.commit().await?;
    if marked_count > 0 && account.state == AccountState::Connected {
        line::show_seen(&app, &account, &conversation.participant_id).await;
    }
    Ok(Json(ReadAnswer { success: true, marked_count }))
}
