//! Which account's subscription is to be looked at when, and what was found.

use posta_core::id::AccountId;
use posta_core::time::Timestamp;

use crate::accounts::{Account, row};
use crate::sql::{claim, sql};
use crate::text::json;
use crate::{Result, Tx};

/// Takes up to `limit` connected accounts whose subscription is to be looked at, until `until`.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Account>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT id FROM accounts WHERE state = 'connected' AND subscription_due_at <= $1
             ORDER BY subscription_due_at, id LIMIT $3",
        concat!(
            ") UPDATE accounts SET subscription_due_at = $2 WHERE id IN (SELECT id FROM due)
             RETURNING ",
            row!()
        ),
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Finds when the next subscription is to be looked at.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT MIN(subscription_due_at) FROM accounts WHERE state = 'connected'"
    )
    .fetch_one(c)
    .await)
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The fields it is subscribed to.
    pub fields: &'a [String],
    /// When that was seen.
    pub checked_at: Timestamp,
    /// When to look again.
    pub due_at: Timestamp,
}

/// Notes what was found.
pub async fn update_found(tx: &mut Tx, found: Found<'_>) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET subscribed_fields = $2, subscription_checked_at = $3,
             subscription_due_at = $4, subscription_failures = 0
         WHERE id = $1"
    )
    .bind(found.account)
    .bind(json(&found.fields)?)
    .bind(found.checked_at)
    .bind(found.due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Counts a look that failed. Returns how many in a row have.
pub async fn count_failure(tx: &mut Tx, id: &AccountId) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar(
        "UPDATE accounts SET subscription_failures = subscription_failures + 1 WHERE id = $1
         RETURNING subscription_failures"
    )
    .bind(id)
    .fetch_one(c)
    .await)
}

/// Notes when to look again.
pub async fn update_due(tx: &mut Tx, id: &AccountId, at: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE accounts SET subscription_due_at = $2 WHERE id = $1")
        .bind(id)
        .bind(at)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}
