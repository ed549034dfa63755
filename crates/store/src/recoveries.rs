//! Accounts that are lost and may come back by themselves: their token is kept, to be tried again.

use posta_core::id::{AccountId, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;

use crate::accounts::{Account, Reason, row};
use crate::sql::{claim, sql};
use crate::text::text;
use crate::{Result, Tx};

/// Takes an account out of use whose token may work again, and notes when to try it; `false` when it
/// was not in use.
pub async fn update_lost(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &AccountId,
    reason: Reason<'_>,
    now: Timestamp,
    due_at: Timestamp,
) -> Result<bool> {
    let done = sql!(tx, |c| {
        sqlx::query(
        "UPDATE accounts SET state = 'dead', state_reason = $3, state_code = $4, state_since = $5,
             renew_at = $6, subscribed_fields = NULL
         WHERE workspace_id = $1 AND id = $2 AND state = 'connected'"
    )
    .bind(owner)
    .bind(id)
    .bind(text(reason.text))
    .bind(text(reason.code))
    .bind(now)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected()
    });
    Ok(done == 1)
}

/// Takes up to `limit` lost accounts whose token is to be tried, until `until`.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Account>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT id FROM accounts WHERE state = 'dead' AND renew_at <= $1
             ORDER BY renew_at, id LIMIT $3",
        concat!(
            ") UPDATE accounts SET renew_at = $2 WHERE id IN (SELECT id FROM due) RETURNING ",
            row!()
        ),
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Finds when the next token is to be tried.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(renew_at) FROM accounts WHERE state = 'dead'")
        .fetch_one(c)
        .await)
}

/// Notes when a lost account's token is to be tried again, if it still has this one.
pub async fn update_due(
    tx: &mut Tx,
    id: &AccountId,
    token: Option<&Sealed>,
    at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET renew_at = $3 WHERE id = $1 AND token = $2 AND state = 'dead'"
    )
    .bind(id)
    .bind(token)
    .bind(at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Puts a lost account back into use with the token it has, which is to be renewed at `renew_at`;
/// `false` when it has another one by now, or none.
pub async fn update_recovered(
    tx: &mut Tx,
    id: &AccountId,
    token: Option<&Sealed>,
    now: Timestamp,
    renew_at: Option<Timestamp>,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET state = 'connected', state_reason = NULL, state_code = NULL,
             state_since = $3, renew_at = $4, subscription_due_at = $3
         WHERE id = $1 AND token = $2 AND state = 'dead'"
    )
    .bind(id)
    .bind(token)
    .bind(now)
    .bind(renew_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Forgets the token of a lost account, if it still has this one: it will not work again, for this
/// reason.
pub async fn forget(
    tx: &mut Tx,
    id: &AccountId,
    token: Option<&Sealed>,
    reason: Reason<'_>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET token = NULL, token_expires_at = NULL, renew_at = NULL,
             state_reason = $3, state_code = $4
         WHERE id = $1 AND token = $2 AND state = 'dead'"
    )
    .bind(id)
    .bind(token)
    .bind(text(reason.text))
    .bind(text(reason.code))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
