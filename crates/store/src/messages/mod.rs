//! Messages, incoming and outgoing, and what became of them.

use posta_core::event::{Attachment, Direction};
use posta_core::id::{
    AccountId, ConversationId, MessageId, RemoteComment, RemoteMessage, WorkspaceId,
};
use posta_core::message::Content;
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

mod insert;

pub use self::insert::{insert, insert_all};
use crate::conversations::Place;
use crate::rows::padded;
use crate::sql::sql;
use crate::text::{json, text};
use crate::{Result, Tx};

/// A message.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The account it was written on.
    pub account_id: AccountId,
    /// The conversation it stands in.
    pub conversation_id: ConversationId,
    /// The platform's id of it, once the platform has it.
    pub remote_id: Option<RemoteMessage>,
    /// Which way it went.
    pub direction: Direction,
    /// What became of it.
    pub status: Status,
    /// Its text.
    pub text: Option<String>,
    /// Its attachments.
    pub attachments: Json<Vec<Attachment>>,
    /// Who wrote it: the platform's id of the person, or our id of the account.
    pub sender_id: String,
    /// What made us send it.
    pub sent_via: Option<String>,
    /// The permission it was sent under.
    pub tag: Option<String>,
    /// What else belongs to it, in the words of the unified API.
    pub metadata: Option<Json<Value>>,
    /// Why it was not sent.
    pub error: Option<Json<Value>>,
    /// Whether somebody on our side has read it.
    pub is_read: bool,
    /// When the person read it.
    pub read_at: Option<Timestamp>,
    /// When it was written, by the platform's clock; for one on its way, when it was asked for.
    pub sent_at: Timestamp,
    /// When we stored it.
    pub created_at: Timestamp,
    /// What the platform is asked to send; `None` for one that we did not send.
    pub content: Option<Json<Content>>,
    /// How it came to us.
    pub origin: Origin,
    /// The first message of the request that it is a further part of.
    pub part_of: Option<MessageId>,
    /// The comment that it replies to privately.
    pub comment_id: Option<RemoteComment>,
    /// When it was taken back.
    pub deleted_at: Option<Timestamp>,
    /// When it was last changed.
    pub edited_at: Option<Timestamp>,
    /// How often it was changed, as the platform counts.
    pub edit_count: i64,
    /// What it said before, oldest first.
    pub edit_history: Json<Vec<Edition>>,
    /// The reactions on it, at most one of each side.
    pub reactions: Json<Vec<Reaction>>,
}

/// How a message came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Origin {
    /// The platform told us.
    Webhook,
    /// We were asked to send it.
    Api,
    /// It was there when the account was connected.
    Import,
    /// The platform had it and never told us.
    Reconcile,
}

/// What a message said before it was changed.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edition {
    /// Its text.
    pub text: Option<String>,
    /// Its attachments.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// When it ceased to say that.
    pub edited_at: Timestamp,
}

/// A reaction on a message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// The emoji, or the platform's word for it.
    pub emoji: String,
    /// Whether the account reacted, and not the person.
    pub from_me: bool,
    /// When.
    pub reacted_at: Timestamp,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Status {
    /// The person wrote it.
    Received,
    /// It waits to be sent.
    Queued,
    /// The platform is being asked to take it. If we die now, nobody knows whether it did.
    Sending,
    /// The platform has it.
    Sent,
    /// The platform certainly does not have it.
    Failed,
    /// The platform may have it. Never sent again without looking.
    Unknown,
    /// It was called off before the platform was asked.
    Cancelled,
}

macro_rules! columns {
    () => {
        "id, workspace_id, account_id, conversation_id, remote_id, direction, status, text,
             attachments, sender_id, sent_via, tag, metadata, error, is_read, read_at, sent_at,
             created_at, content, origin, part_of, comment_id, deleted_at, edited_at, edit_count,
             edit_history, reactions"
    };
}
pub(crate) use columns;

/// Finds a message by our id.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &MessageId) -> Result<Option<Message>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE workspace_id = $1 AND id = $2"
    ))
    .bind(owner)
    .bind(id)
    .fetch_optional(c)
    .await)
}

/// Finds a message by the platform's id.
pub async fn find_remote(
    tx: &mut Tx,
    account: &AccountId,
    remote: &RemoteMessage,
) -> Result<Option<Message>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE account_id = $1 AND remote_id = $2"
    ))
    .bind(account)
    .bind(remote)
    .fetch_optional(c)
    .await)
}

/// Lists those of an account's messages with a platform's id that are here.
pub async fn list_remote(
    tx: &mut Tx,
    wanted: &[(&AccountId, &RemoteMessage)],
) -> Result<Vec<Message>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE (account_id, remote_id) IN ("
        ));
        query.push_values(padded(wanted), |mut row, (account, remote)| {
            row.push_bind(*account).push_bind(*remote);
        });
        query.push(")").build_query_as().fetch_all(c).await
    })
}

/// Lists the messages of a conversation by the time they were written.
pub async fn list(
    tx: &mut Tx,
    conversation: &ConversationId,
    is_ascending: bool,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Message>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE conversation_id = "
        ));
        query.push_bind(conversation);
        if let Some(place) = after {
            query.push(" AND (sent_at, id) ").push(if is_ascending { ">" } else { "<" });
            query.push(" (").push_bind(place.at).push(", ").push_bind(text(&place.id)).push(")");
        }
        let direction = if is_ascending { "ASC" } else { "DESC" };
        query.push(" ORDER BY sent_at ").push(direction).push(", id ").push(direction);
        query.push(" LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Notes that the platform is about to be asked to take the message; `false` when it is no longer
/// waiting, so that nobody asks twice.
pub async fn update_sending(tx: &mut Tx, id: &MessageId) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE messages SET status = 'sending' WHERE id = $1 AND status = 'queued'"
    )
    .bind(id)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Puts a message back in the queue after a try that certainly did nothing.
pub async fn update_queued(tx: &mut Tx, id: &MessageId) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE messages SET status = 'queued' WHERE id = $1 AND status = 'sending'"
    )
    .bind(id)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes that the platform has the message; `false` when that was known or it is not unsettled.
pub async fn update_sent(
    tx: &mut Tx,
    id: &MessageId,
    remote: &RemoteMessage,
    at: Timestamp,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE messages SET status = 'sent', remote_id = $2, sent_at = $3, error = NULL
         WHERE id = $1 AND status IN ('sending', 'unknown')"
    )
    .bind(id)
    .bind(remote)
    .bind(at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Notes why a message was not sent, or why nobody knows; `false` when it is already settled.
pub async fn update_unsent(
    tx: &mut Tx,
    id: &MessageId,
    status: Status,
    error: &Value,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE messages SET status = $2, error = $3
         WHERE id = $1 AND status IN ('queued', 'sending')"
    )
    .bind(id)
    .bind(status)
    .bind(json(error)?)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

// The query repeats the condition of the partial index, because SQLite uses it only then.

/// Whether the platform is being asked right now to take a message in this conversation.
pub async fn is_any_sending(tx: &mut Tx, conversation: &ConversationId) -> Result<bool> {
    let count: i64 = sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM messages WHERE conversation_id = $1 AND status = 'sending'
             AND status IN ('queued', 'sending', 'unknown')"
    )
    .bind(conversation)
    .fetch_one(c)
    .await?);
    Ok(count > 0)
}

/// Deletes another row that took this remote id before `keep` could.
pub async fn delete_twin(
    tx: &mut Tx,
    account: &AccountId,
    remote: &RemoteMessage,
    keep: &MessageId,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "DELETE FROM messages WHERE account_id = $1 AND remote_id = $2 AND id <> $3"
    )
    .bind(account)
    .bind(remote)
    .bind(keep)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Marks the person's messages in a conversation as read by us. Returns how many were not.
pub async fn update_read_by_us(tx: &mut Tx, conversation: &ConversationId) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE messages SET is_read = TRUE
         WHERE conversation_id = $1 AND direction = 'incoming' AND NOT is_read"
    )
    .bind(conversation)
    .execute(c)
    .await?
    .rows_affected()))
}

/// Marks our messages up to `up_to` as read by the person.
pub async fn update_read_by_person(
    tx: &mut Tx,
    conversation: &ConversationId,
    up_to: Timestamp,
    at: Timestamp,
) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE messages SET read_at = $3
         WHERE conversation_id = $1 AND direction = 'outgoing' AND status = 'sent'
             AND read_at IS NULL AND sent_at <= $2"
    )
    .bind(conversation)
    .bind(up_to)
    .bind(at)
    .execute(c)
    .await?
    .rows_affected()))
}
