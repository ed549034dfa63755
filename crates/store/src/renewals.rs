//! Which account's token is to be renewed when, and the new token in the place of the old.

use posta_core::id::AccountId;
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;

use crate::accounts::{Account, row};
use crate::sql::{claim, sql};
use crate::{Result, Tx};

/// Notes when the account's token is to be renewed; `None` when it lives for ever.
pub async fn update_due(tx: &mut Tx, id: &AccountId, at: Option<Timestamp>) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE accounts SET renew_at = $2 WHERE id = $1")
        .bind(id)
        .bind(at)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Takes up to `limit` connected accounts whose token is to be renewed, until `until`.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Account>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT id FROM accounts WHERE state = 'connected' AND renew_at <= $1
             ORDER BY renew_at, id LIMIT $3",
        concat!(
            ") UPDATE accounts SET renew_at = $2 WHERE id IN (SELECT id FROM due) RETURNING ",
            row!()
        ),
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Finds when the next token is to be renewed.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(renew_at) FROM accounts WHERE state = 'connected'")
        .fetch_one(c)
        .await)
}

/// A token that takes another's place.
#[derive(Clone, Debug)]
pub struct Renewal<'a> {
    /// The account with the token that was renewed.
    pub account: &'a Account,
    /// The new token.
    pub token: &'a Sealed,
    /// When it dies.
    pub expires_at: Option<Timestamp>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it is to be renewed in turn.
    pub renew_at: Option<Timestamp>,
}

/// Puts a new token in the place of the one it was made from; `false` when the account has another
/// one by now, because somebody connected it again or disconnected it.
pub async fn update_token(tx: &mut Tx, renewal: &Renewal<'_>) -> Result<bool> {
    let done = sql!(tx, |c| {
        sqlx::query(
        "UPDATE accounts SET token = $3, token_expires_at = $4, token_issued_at = $5, renew_at = $6
         WHERE id = $1 AND token = $2"
    )
    .bind(&renewal.account.id)
    .bind(&renewal.account.token)
    .bind(renewal.token)
    .bind(renewal.expires_at)
    .bind(renewal.issued_at)
    .bind(renewal.renew_at)
    .execute(c)
    .await?
    .rows_affected()
    });
    Ok(done == 1)
}

/// Notes that its owner was told how few days a token has left; `false` when they had been told of
/// so few before.
pub async fn update_warned(tx: &mut Tx, id: &AccountId, days: i64) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET warned_days = $2
         WHERE id = $1 AND (warned_days IS NULL OR warned_days > $2)"
    )
    .bind(id)
    .bind(days)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Forgets such a warning; `false` when there was none.
pub async fn clear_warned(tx: &mut Tx, id: &AccountId) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET warned_days = NULL WHERE id = $1 AND warned_days IS NOT NULL"
    )
    .bind(id)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}
