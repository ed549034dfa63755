//! Requests that must not happen twice, by the key the client gave them.

use posta_core::id::MessageId;
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::text::text;
use crate::{Result, Tx};

/// Which request: the credential, the exact path and the client's key.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// The id of the credential.
    pub credential: &'a str,
    /// The path.
    pub path: &'a str,
    /// The client's key.
    pub key: &'a str,
}

/// What is known of a request.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Known {
    /// The SHA-256 of its body, in hex.
    pub body_hash: String,
    /// The message it made, whose state then tells the answer.
    pub message_id: Option<MessageId>,
    /// The status it was answered with, once it was.
    pub status: Option<i64>,
    /// The body it was answered with.
    pub answer: Option<String>,
    /// When it came.
    pub created_at: Timestamp,
}

/// Notes a request that begins; `false` when it is known.
pub async fn insert(
    tx: &mut Tx,
    which: Which<'_>,
    body_hash: &str,
    now: Timestamp,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "INSERT INTO idempotency (credential, path, key, body_hash, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
    )
    .bind(which.credential)
    .bind(text(which.path))
    .bind(text(which.key))
    .bind(body_hash)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Gets what is known of a request.
pub async fn find(tx: &mut Tx, which: Which<'_>) -> Result<Option<Known>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT body_hash, message_id, status, answer, created_at FROM idempotency
         WHERE credential = $1 AND path = $2 AND key = $3"
    )
    .bind(which.credential)
    .bind(text(which.path))
    .bind(text(which.key))
    .fetch_optional(c)
    .await)
}

/// Notes the message that a request made.
pub async fn update_message(tx: &mut Tx, which: Which<'_>, message: &MessageId) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE idempotency SET message_id = $4
         WHERE credential = $1 AND path = $2 AND key = $3"
    )
    .bind(which.credential)
    .bind(text(which.path))
    .bind(text(which.key))
    .bind(message)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes the answer to a request.
pub async fn update_answer(tx: &mut Tx, which: Which<'_>, status: u16, answer: &str) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE idempotency SET status = $4, answer = $5
         WHERE credential = $1 AND path = $2 AND key = $3"
    )
    .bind(which.credential)
    .bind(text(which.path))
    .bind(text(which.key))
    .bind(i64::from(status))
    .bind(text(answer))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Forgets a request, so that it may run again.
pub async fn delete(tx: &mut Tx, which: Which<'_>) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "DELETE FROM idempotency WHERE credential = $1 AND path = $2 AND key = $3"
    )
    .bind(which.credential)
    .bind(text(which.path))
    .bind(text(which.key))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Forgets all requests that came before `before`.
pub async fn delete_old(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query("DELETE FROM idempotency WHERE created_at < $1")
        .bind(before)
        .execute(c)
        .await?
        .rows_affected()))
}
