//! Parts of messages whose content is to be downloaded and kept.

use posta_core::id::{AccountId, MessageId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::{claim, sql};
use crate::{Result, Tx};

/// A part of a message that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Keep {
    /// The message.
    pub message_id: MessageId,
    /// Which part of it.
    pub place: i64,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The account it is on.
    pub account_id: AccountId,
    /// How often it was tried, this time included.
    pub attempts: i64,
    /// When it may be tried.
    pub due_at: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Asks for a part to be kept, once.
pub async fn insert(tx: &mut Tx, keep: &Keep) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO keeps (message_id, place, workspace_id, account_id, attempts, due_at,
             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (message_id, place) DO NOTHING"
    )
    .bind(&keep.message_id)
    .bind(keep.place)
    .bind(&keep.workspace_id)
    .bind(&keep.account_id)
    .bind(keep.attempts)
    .bind(keep.due_at)
    .bind(keep.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Takes up to `limit` that are due, until `until`.
pub async fn claim(tx: &mut Tx, now: Timestamp, until: Timestamp, limit: i64) -> Result<Vec<Keep>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT message_id, place FROM keeps WHERE due_at <= $1
             ORDER BY due_at, message_id, place LIMIT $3",
        ") UPDATE keeps SET attempts = attempts + 1, due_at = $2
         WHERE (message_id, place) IN (SELECT message_id, place FROM due)
         RETURNING message_id, place, workspace_id, account_id, attempts, due_at, created_at",
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Puts it off until `due_at`, unless somebody else has taken it since.
pub async fn update_due(tx: &mut Tx, keep: &Keep, due_at: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE keeps SET due_at = $4 WHERE message_id = $1 AND place = $2 AND attempts = $3"
    )
    .bind(&keep.message_id)
    .bind(keep.place)
    .bind(keep.attempts)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Ends it; `false` when somebody else has taken it since, or it is no longer wanted.
pub async fn delete(tx: &mut Tx, keep: &Keep) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "DELETE FROM keeps WHERE message_id = $1 AND place = $2 AND attempts = $3"
    )
    .bind(&keep.message_id)
    .bind(keep.place)
    .bind(keep.attempts)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Ends all that a message was asked for.
pub async fn delete_all(tx: &mut Tx, message: &MessageId) -> Result<()> {
    sql!(tx, |c| sqlx::query("DELETE FROM keeps WHERE message_id = $1")
        .bind(message)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds when the next is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(due_at) FROM keeps").fetch_one(c).await)
}
