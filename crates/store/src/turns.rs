//! How often in a row a machine was answered by what seems to be another one, in a conversation.

use posta_core::event::Direction;
use posta_core::id::{ConversationId, MessageId};
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::{Result, Tx};

/// What was written last in a conversation.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Last {
    /// Who wrote it.
    pub direction: Direction,
    /// What made us send it, if it is ours.
    pub sent_via: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// Finds what was written last in a conversation before a message came.
pub async fn find_last(
    tx: &mut Tx,
    conversation: &ConversationId,
    but: &MessageId,
) -> Result<Option<Last>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT direction, sent_via, sent_at FROM messages WHERE conversation_id = $1 AND id <> $2
             AND status IN ('sending', 'sent', 'received') ORDER BY sent_at DESC, id DESC LIMIT 1"
    )
    .bind(conversation)
    .bind(but)
    .fetch_optional(c)
    .await)
}

/// Returns how many turns a conversation has had.
pub async fn get(tx: &mut Tx, conversation: &ConversationId) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar("SELECT automated_turns FROM conversations WHERE id = $1")
        .bind(conversation)
        .fetch_one(c)
        .await)
}

/// Notes how many turns a conversation has had.
pub async fn update(tx: &mut Tx, conversation: &ConversationId, turns: i64) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE conversations SET automated_turns = $2 WHERE id = $1 AND automated_turns <> $2"
    )
    .bind(conversation)
    .bind(turns)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
