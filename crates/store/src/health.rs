//! What is noted of an account's health: names, calls to spare, restrictions.

use posta_core::id::{AccountId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::text::{json, text};
use crate::{Result, Tx};

/// Why a platform takes no messages from an account, and when it said so.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Restriction {
    /// The platform's code.
    pub code: Option<i64>,
    /// The finer code below it.
    pub subcode: Option<i64>,
    /// What the platform said.
    pub message: Option<String>,
    /// When it first said so.
    pub first_seen_at: Timestamp,
    /// When it last said so.
    pub last_seen_at: Timestamp,
    /// Until when nothing is sent; `None` when somebody has to act first.
    pub paused_until: Option<Timestamp>,
}

/// Calls an account what the customer calls it; `None` leaves a name as it is.
pub async fn update_names(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &AccountId,
    username: Option<&str>,
    display_name: Option<&str>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET local_username = COALESCE($3, local_username),
             local_display_name = COALESCE($4, local_display_name)
         WHERE workspace_id = $1 AND id = $2"
    )
    .bind(owner)
    .bind(id)
    .bind(username.map(text))
    .bind(display_name.map(text))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes until when the account is spared calls that can wait.
pub async fn update_paused(tx: &mut Tx, id: &AccountId, until: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE accounts SET paused_until = $2 WHERE id = $1")
        .bind(id)
        .bind(until)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Notes why the platform takes no messages from the account; `None` when it takes them.
pub async fn update_restriction(
    tx: &mut Tx,
    id: &AccountId,
    restriction: Option<&Restriction>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE accounts SET restriction = $2 WHERE id = $1")
        .bind(id)
        .bind(restriction.map(json).transpose()?)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}
