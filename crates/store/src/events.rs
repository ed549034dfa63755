//! The event log: everything Posta announces, in one order per workspace.

use posta_core::id::{AccountId, EventId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::sql;
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

/// Adds an event and returns its place in the workspace's order.
///
/// The place is taken by writing the workspace's row, which holds other writers of the workspace
/// back until this transaction ends. So places become visible in order and without holes.
pub async fn insert(tx: &mut Tx, event: &Event) -> Result<i64> {
    let seq: i64 = sql!(tx, |c| sqlx::query_scalar(
        "UPDATE workspaces SET event_seq = event_seq + 1 WHERE id = $1 RETURNING event_seq"
    )
    .bind(&event.workspace_id)
    .fetch_one(c)
    .await?);
    sql!(tx, |c| sqlx::query(
        "INSERT INTO events (workspace_id, seq, id, kind, profile_id, account_id, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    )
    .bind(&event.workspace_id)
    .bind(seq)
    .bind(&event.id)
    .bind(&event.kind)
    .bind(&event.profile_id)
    .bind(&event.account_id)
    .bind(&event.body)
    .bind(event.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(seq)
}
