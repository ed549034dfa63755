//! What has no row of its own and must still not be told twice, for as long as platforms repeat.

use posta_core::id::AccountId;
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::text::text;
use crate::{Result, Tx};

/// Notes that something is told; `false` when the same was told before.
pub async fn insert(
    tx: &mut Tx,
    account: &AccountId,
    key: &str,
    happened_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "INSERT INTO told (account_id, key, happened_at, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id, key, happened_at) DO NOTHING"
    )
    .bind(account)
    .bind(text(key))
    .bind(happened_at)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Whether something with this key happened in a stretch of time, both ends included.
pub async fn is_any_between(
    tx: &mut Tx,
    account: &AccountId,
    key: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<bool> {
    let count: i64 = sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM told
         WHERE account_id = $1 AND key = $2 AND happened_at >= $3 AND happened_at <= $4"
    )
    .bind(account)
    .bind(text(key))
    .bind(from)
    .bind(to)
    .fetch_one(c)
    .await?);
    Ok(count > 0)
}

/// Forgets what was told before `before`: no platform repeats it any more.
pub async fn delete_old(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query("DELETE FROM told WHERE created_at < $1")
        .bind(before)
        .execute(c)
        .await?
        .rows_affected()))
}
