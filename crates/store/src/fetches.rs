//! Messages that a platform announced without their content, to be fetched unless they come; and
//! those that it said were changed, without their new text.

use posta_core::id::{AccountId, InboundId, RemoteMessage, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::{claim, sql};
use crate::text::text;
use crate::{Result, Tx};

/// A message to be fetched.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Fetch {
    /// The account it is on.
    pub account_id: AccountId,
    /// The platform's id of it.
    pub message_id: RemoteMessage,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// Whether another app holds the conversation.
    pub is_standby: bool,
    /// When it was announced, by the platform's clock.
    pub announced_at: Timestamp,
    /// The raw webhook that announced it.
    pub inbound_id: Option<InboundId>,
    /// Which of the events in that webhook it is.
    pub inbound_position: Option<i64>,
    /// How often fetching was tried, this time included.
    pub attempts: i64,
    /// When it may be tried; `None` once it was given up.
    pub due_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// How often the message was changed, when it is its new text that is to be fetched.
    pub edit_count: Option<i64>,
}

/// Asks for a message, or for its newer text; `false` when it is asked for already.
pub async fn insert(tx: &mut Tx, fetch: &Fetch) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "INSERT INTO fetches (account_id, message_id, workspace_id, is_standby, announced_at,
             inbound_id, inbound_position, attempts, due_at, created_at, edit_count)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (account_id, message_id) DO UPDATE SET is_standby = excluded.is_standby,
             announced_at = excluded.announced_at, inbound_id = excluded.inbound_id,
             inbound_position = excluded.inbound_position, attempts = excluded.attempts,
             due_at = excluded.due_at, edit_count = excluded.edit_count
         WHERE excluded.edit_count > COALESCE(fetches.edit_count, 0)"
    )
    .bind(&fetch.account_id)
    .bind(&fetch.message_id)
    .bind(&fetch.workspace_id)
    .bind(fetch.is_standby)
    .bind(fetch.announced_at)
    .bind(&fetch.inbound_id)
    .bind(fetch.inbound_position)
    .bind(fetch.attempts)
    .bind(fetch.due_at)
    .bind(fetch.created_at)
    .bind(fetch.edit_count)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Takes up to `limit` that are due, until `until`.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Fetch>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT account_id, message_id FROM fetches WHERE due_at IS NOT NULL AND due_at <= $1
             ORDER BY due_at, account_id, message_id LIMIT $3",
        ") UPDATE fetches SET attempts = attempts + 1, due_at = $2
         WHERE (account_id, message_id) IN (SELECT account_id, message_id FROM due)
         RETURNING account_id, message_id, workspace_id, is_standby, announced_at, inbound_id,
             inbound_position, attempts, due_at, created_at, edit_count",
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Puts it off until `due_at`, or gives it up for `None`, and says why.
pub async fn update_due(
    tx: &mut Tx,
    fetch: &Fetch,
    due_at: Option<Timestamp>,
    error: &str,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE fetches SET due_at = $3, error = $4 WHERE account_id = $1 AND message_id = $2"
    )
    .bind(&fetch.account_id)
    .bind(&fetch.message_id)
    .bind(due_at)
    .bind(text(error))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Ends it: the message is here.
pub async fn delete(tx: &mut Tx, account: &AccountId, message: &RemoteMessage) -> Result<()> {
    sql!(tx, |c| sqlx::query("DELETE FROM fetches WHERE account_id = $1 AND message_id = $2")
        .bind(account)
        .bind(message)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds when the next is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(due_at) FROM fetches WHERE due_at IS NOT NULL")
        .fetch_one(c)
        .await)
}

/// Counts those that wait and those that were given up.
pub async fn count(tx: &mut Tx) -> Result<(i64, i64)> {
    sql!(tx, |c| sqlx::query_as("SELECT COUNT(due_at), COUNT(*) - COUNT(due_at) FROM fetches")
        .fetch_one(c)
        .await)
}
