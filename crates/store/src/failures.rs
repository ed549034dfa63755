//! Messages that were not sent, for whoever looks for what they have in common.

use posta_core::id::AccountId;
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::sql::sql;
use crate::{Result, Tx};

/// A message that was not sent.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Failure {
    /// Why it was not sent.
    pub error: Option<Json<Value>>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Lists an account's messages since `since` that were not sent, newest first.
pub async fn list(
    tx: &mut Tx,
    account: &AccountId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Failure>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT error, created_at FROM messages
         WHERE account_id = $1 AND status = 'failed' AND created_at >= $2
         ORDER BY created_at DESC LIMIT $3"
    )
    .bind(account)
    .bind(since)
    .bind(limit)
    .fetch_all(c)
    .await)
}
