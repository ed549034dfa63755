//! What happens to messages after they were written: edits, deletions, reactions.

use posta_core::event::Attachment;
use posta_core::id::{AccountId, ConversationId, MessageId, RemoteMessage};
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::messages::{Message, Reaction, columns};
use crate::search::folded;
use crate::sql::sql;
use crate::text::{json, text};
use crate::{Result, Tx};

/// Writes what an edit changes: the text, when and how often it was changed, and what it was.
pub async fn update_edited(tx: &mut Tx, message: &Message) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE messages SET text = $2, edited_at = $3, edit_count = $4, edit_history = $5,
             folded = $6
         WHERE id = $1"
    )
    .bind(&message.id)
    .bind(message.text.as_deref().map(text))
    .bind(message.edited_at)
    .bind(message.edit_count)
    .bind(json(&message.edit_history)?)
    .bind(message.text.as_deref().map(folded))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Writes what taking a message back changes: when, and whatever of its content is left.
pub async fn update_deleted(tx: &mut Tx, message: &Message) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE messages SET deleted_at = $2, text = $3, attachments = $4, metadata = $5,
             edit_history = $6, folded = $7, content = $8
         WHERE id = $1"
    )
    .bind(&message.id)
    .bind(message.deleted_at)
    .bind(message.text.as_deref().map(text))
    .bind(json(&message.attachments)?)
    .bind(message.metadata.as_ref().map(json).transpose()?)
    .bind(json(&message.edit_history)?)
    .bind(message.text.as_deref().map(folded))
    .bind(message.content.as_ref().map(json).transpose()?)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Writes the links of what came with a message, now that copies are kept of it.
pub async fn update_kept(tx: &mut Tx, message: &Message) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE messages SET attachments = $2, metadata = $3, edit_history = $4 WHERE id = $1"
    )
    .bind(&message.id)
    .bind(json(&message.attachments)?)
    .bind(message.metadata.as_ref().map(json).transpose()?)
    .bind(json(&message.edit_history)?)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Writes the platform's id of a message that was stored without it.
pub async fn update_remote(tx: &mut Tx, id: &MessageId, remote: &RemoteMessage) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE messages SET remote_id = $2 WHERE id = $1")
        .bind(id)
        .bind(remote)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Lists the messages of a conversation that were written in a stretch of time, both ends included,
/// oldest first.
pub async fn list_between(
    tx: &mut Tx,
    conversation: &ConversationId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Message>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE conversation_id = $1 AND sent_at >= $2 AND sent_at <= $3
         ORDER BY sent_at, id"
    ))
    .bind(conversation)
    .bind(from)
    .bind(to)
    .fetch_all(c)
    .await)
}

/// Writes the reactions on a message.
pub async fn update_reactions(tx: &mut Tx, id: &MessageId, reactions: &[Reaction]) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE messages SET reactions = $2 WHERE id = $1")
        .bind(id)
        .bind(json(&reactions)?)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds when the URLs of a message's attachments were last given out by the platform, if that was
/// after the message came.
pub async fn find_media_minted(tx: &mut Tx, id: &MessageId) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT media_minted_at FROM messages WHERE id = $1")
        .bind(id)
        .fetch_one(c)
        .await)
}

/// Writes the attachments of a message with the URLs that the platform gave out at `at`; not those
/// of one that was taken back meanwhile.
pub async fn update_media(
    tx: &mut Tx,
    id: &MessageId,
    attachments: &Json<Vec<Attachment>>,
    at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE messages SET attachments = $2, media_minted_at = $3
         WHERE id = $1 AND deleted_at IS NULL"
    )
    .bind(id)
    .bind(json(attachments)?)
    .bind(at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Lists the messages of unknown outcome in a conversation, oldest first, to find which of them an
/// echo is of. The condition is that of the partial index, because SQLite uses it only then.
pub async fn list_unknown(tx: &mut Tx, conversation: &ConversationId) -> Result<Vec<Message>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE conversation_id = $1 AND status = 'unknown'
             AND status IN ('queued', 'sending', 'unknown')
         ORDER BY id"
    ))
    .bind(conversation)
    .fetch_all(c)
    .await)
}

/// Lists an account's messages of unknown outcome that were asked for before a time, newest first.
pub async fn list_unknown_before(
    tx: &mut Tx,
    account: &AccountId,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Message>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE account_id = $1 AND status = 'unknown' AND sent_at < $2
         ORDER BY sent_at DESC LIMIT $3"
    ))
    .bind(account)
    .bind(before)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Writes more of why nobody knows what became of a message.
pub async fn update_unknown(tx: &mut Tx, id: &MessageId, error: &Value) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE messages SET error = $2 WHERE id = $1 AND status = 'unknown'"
    )
    .bind(id)
    .bind(json(error)?)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
