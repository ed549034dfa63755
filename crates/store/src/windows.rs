//! Which conversation's reply window is about to close, and whether the person was answered.

use posta_core::id::{ConversationId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::{Result, Tx};

/// Lists conversations of whose window it is to be told now.
pub async fn list_due(
    tx: &mut Tx,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(WorkspaceId, ConversationId)>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT workspace_id, id FROM conversations WHERE window_due_at <= $1
         ORDER BY window_due_at, id LIMIT $2"
    )
    .bind(now)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Takes it upon the caller to tell of a conversation's window. Whether nobody else had, and it is
/// still due.
pub async fn take_due(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &ConversationId,
    now: Timestamp,
) -> Result<bool> {
    sql!(tx, |c| Ok(sqlx::query(
        "UPDATE conversations SET window_due_at = NULL
         WHERE workspace_id = $1 AND id = $2 AND window_due_at <= $3"
    )
    .bind(owner)
    .bind(id)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected()
        > 0))
}

/// Finds when a window is to be told of next.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT MIN(window_due_at) FROM conversations WHERE window_due_at IS NOT NULL"
    )
    .fetch_one(c)
    .await)
}

/// Whether the account has written in a conversation at or after a time.
pub async fn is_answered(
    tx: &mut Tx,
    conversation: &ConversationId,
    since: Timestamp,
) -> Result<bool> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM messages WHERE conversation_id = $1 AND sent_at >= $2
             AND direction = 'outgoing' AND status = 'sent')"
    )
    .bind(conversation)
    .bind(since)
    .fetch_one(c)
    .await)
}
