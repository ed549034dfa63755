//! The event log: everything Posta announces, in one order per workspace.

use posta_core::id::{AccountId, EventId, InboundId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::text::text;
use crate::{Result, Tx};

/// An event.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Event {
    /// Its id, the same in every delivery.
    pub id: EventId,
    /// The workspace it happened in.
    pub workspace_id: WorkspaceId,
    /// What happened, such as `message.received`.
    pub kind: String,
    /// The profile it concerns.
    pub profile_id: Option<ProfileId>,
    /// The account it concerns.
    pub account_id: Option<AccountId>,
    /// The JSON that is signed and delivered, byte for byte.
    pub body: String,
    /// When it was announced.
    pub created_at: Timestamp,
}

/// Where an event came from: one of the events in a raw webhook.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Cause {
    /// The raw webhook.
    pub inbound_id: InboundId,
    /// Which of the events in it, counted from zero.
    #[sqlx(rename = "inbound_position")]
    pub position: i64,
}

/// Adds an event and returns its place in the workspace's order.
///
/// The place is taken by writing the workspace's row, which holds other writers of the workspace
/// back until this transaction ends. So places become visible in order and without holes.
pub async fn insert(tx: &mut Tx, event: &Event, cause: Option<&Cause>) -> Result<i64> {
    let seq: i64 = sql!(tx, |c| sqlx::query_scalar(
        "UPDATE workspaces SET event_seq = event_seq + 1 WHERE id = $1 RETURNING event_seq"
    )
    .bind(&event.workspace_id)
    .fetch_one(c)
    .await?);
    sql!(tx, |c| sqlx::query(
        "INSERT INTO events (workspace_id, seq, id, kind, profile_id, account_id, body, created_at,
             inbound_id, inbound_position)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    )
    .bind(&event.workspace_id)
    .bind(seq)
    .bind(&event.id)
    .bind(&event.kind)
    .bind(&event.profile_id)
    .bind(&event.account_id)
    .bind(&event.body)
    .bind(event.created_at)
    .bind(cause.map(|cause| &cause.inbound_id))
    .bind(cause.map(|cause| cause.position))
    .execute(c)
    .await?
    .rows_affected());
    Ok(seq)
}

/// Finds an event.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &str) -> Result<Option<Event>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, kind, profile_id, account_id, body, created_at FROM events
         WHERE workspace_id = $1 AND id = $2"
    )
    .bind(owner)
    .bind(text(id))
    .fetch_optional(c)
    .await)
}

/// Finds where an event came from; `None` when no webhook of a platform told of it.
pub async fn find_cause(tx: &mut Tx, id: &EventId) -> Result<Option<Cause>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT inbound_id, inbound_position FROM events
         WHERE id = $1 AND inbound_id IS NOT NULL AND inbound_position IS NOT NULL"
    )
    .bind(id)
    .fetch_optional(c)
    .await)
}
