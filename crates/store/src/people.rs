//! Who the people in conversations are, and whose profile is to be read when.

use posta_core::id::{AccountId, ConversationId, WorkspaceId};
use posta_core::time::Timestamp;
use serde_json::Value;

use crate::sql::{claim, sql};
use crate::text::{json, text};
use crate::{Result, Tx};

/// Takes up to `limit` conversations whose person's profile is to be read, until `until`.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<(WorkspaceId, ConversationId)>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT id FROM conversations WHERE profile_due_at <= $1
             ORDER BY profile_due_at, id LIMIT $3",
        ") UPDATE conversations SET profile_due_at = $2 WHERE id IN (SELECT id FROM due)
         RETURNING workspace_id, id",
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Finds when the next profile is to be read.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT MIN(profile_due_at) FROM conversations WHERE profile_due_at IS NOT NULL"
    )
    .fetch_one(c)
    .await)
}

/// Puts off all that is to be read for an account before this time.
pub async fn update_due_of_account(
    tx: &mut Tx,
    account: &AccountId,
    until: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE conversations SET profile_due_at = $2 WHERE account_id = $1 AND profile_due_at < $2"
    )
    .bind(account)
    .bind(until)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// What is known of a person, to be noted in their conversation.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// Everything, as the flow that reads profiles writes it.
    pub profile: &'a Value,
    /// Their name.
    pub name: Option<&'a str>,
    /// Their handle.
    pub username: Option<&'a str>,
    /// Their picture.
    pub picture: Option<&'a str>,
    /// When to read it next without being asked.
    pub due_at: Option<Timestamp>,
}

/// Notes what is known of the person in a conversation.
pub async fn update_profile(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &ConversationId,
    known: &Known<'_>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE conversations SET profile = $3, participant_name = $4, participant_username = $5,
             participant_picture = $6, profile_due_at = $7
         WHERE workspace_id = $1 AND id = $2"
    )
    .bind(owner)
    .bind(id)
    .bind(json(known.profile)?)
    .bind(known.name.map(text))
    .bind(known.username.map(text))
    .bind(known.picture.map(text))
    .bind(known.due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
