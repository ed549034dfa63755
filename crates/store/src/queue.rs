//! What waits to be sent for an account, or is being sent, as people look at it and call it off.

use posta_core::capability::CallClass;
use posta_core::id::{AccountId, ConversationId, MessageId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::messages::Status;
use crate::sql::sql;
use crate::{Result, Tx, jobs};

/// A message in the queue.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Queued {
    /// The message.
    pub message_id: MessageId,
    /// The conversation it is for.
    pub conversation_id: ConversationId,
    /// Whether it waits or is being sent.
    pub status: Status,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// What made us send it.
    pub sent_via: Option<String>,
    /// The class of calls it takes, where that is on record.
    pub class: Option<CallClass>,
    /// How much it matters; the least number comes first.
    pub priority: i64,
    /// How often it was tried.
    pub attempts: i64,
    /// When it may be tried; while it is, when somebody else may.
    pub due_at: Timestamp,
    /// The time it is not to be sent before, if somebody chose one.
    pub send_at: Option<Timestamp>,
    /// Until when it may wait for its account to be connected again.
    pub hold_until: Option<Timestamp>,
    /// The message that goes first in its lane: another, or itself.
    pub first: String,
}

/// Lists what is in the queue of an account, in the order it was asked for, after a message.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    account: &AccountId,
    after: Option<&MessageId>,
    limit: i64,
) -> Result<Vec<Queued>> {
    let after = after.map_or("", MessageId::as_str);
    sql!(tx, |c| sqlx::query_as(
        "SELECT m.id AS message_id, m.conversation_id, m.status, m.created_at, m.sent_via, j.class,
             j.priority, j.attempts, j.due_at, j.send_at, j.hold_until,
             (SELECT e.subject FROM jobs e WHERE e.lane = j.lane
                 ORDER BY e.attempts = 0, e.id LIMIT 1) AS first
         FROM jobs j JOIN messages m ON m.id = j.subject
         WHERE j.account_id = $1 AND j.subject > $2 AND j.workspace_id = $3
             AND m.status IN ('queued', 'sending')
         ORDER BY j.subject LIMIT $4"
    )
    .bind(account)
    .bind(after)
    .bind(owner)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Calls off a message that the platform was not asked to take, and the later parts of its request,
/// whose first message is given. Returns those that are called off, in their order.
///
/// Whoever sends begins by the same change of the same row, so only one of the two succeeds.
pub async fn cancel(
    tx: &mut Tx,
    account: &AccountId,
    message: &MessageId,
    first: &MessageId,
) -> Result<Vec<MessageId>> {
    let is_first = sql!(tx, |c| sqlx::query(
        "UPDATE messages SET status = 'cancelled'
         WHERE id = $1 AND account_id = $2 AND status = 'queued'"
    )
    .bind(message)
    .bind(account)
    .execute(c)
    .await?
    .rows_affected());
    if is_first == 0 {
        return Ok(Vec::new());
    }
    let mut all: Vec<MessageId> = sql!(tx, |c| sqlx::query_scalar(
        "UPDATE messages SET status = 'cancelled'
         WHERE part_of = $1 AND id > $2 AND status = 'queued' RETURNING id"
    )
    .bind(first)
    .bind(message)
    .fetch_all(c)
    .await?);
    all.push(message.clone());
    all.sort();
    for one in &all {
        jobs::delete_about(tx, account, one.as_str()).await?;
    }
    Ok(all)
}
