//! What came before the message it speaks of, kept until that message comes.

use posta_core::id::{AccountId, InboundId, RemoteMessage};
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::rows::padded;
use crate::sql::sql;
use crate::text::{json, text};
use crate::{Result, Tx};

/// Something that happened to a message that we do not have yet.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Early {
    /// The account the message is on.
    pub account_id: AccountId,
    /// The message.
    pub message_id: RemoteMessage,
    /// What tells this from other things that happened to the message.
    pub key: String,
    /// What happened.
    pub what: Json<Value>,
    /// When, by the platform's clock.
    pub happened_at: Timestamp,
    /// The raw webhook that told of it.
    pub inbound_id: Option<InboundId>,
    /// Which of the events in that webhook it is.
    pub inbound_position: Option<i64>,
    /// When we stored it.
    pub created_at: Timestamp,
}

/// Keeps something; `false` when the same, or something later with the same key, is kept already.
pub async fn insert(tx: &mut Tx, early: &Early) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "INSERT INTO early (account_id, message_id, key, what, happened_at, inbound_id,
             inbound_position, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (account_id, message_id, key) DO UPDATE
             SET what = excluded.what, happened_at = excluded.happened_at,
                 inbound_id = excluded.inbound_id, inbound_position = excluded.inbound_position,
                 created_at = excluded.created_at
             WHERE early.happened_at < excluded.happened_at"
    )
    .bind(&early.account_id)
    .bind(&early.message_id)
    .bind(text(&early.key))
    .bind(json(&early.what)?)
    .bind(early.happened_at)
    .bind(&early.inbound_id)
    .bind(early.inbound_position)
    .bind(early.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Takes out what is kept for messages, in the order in which it happened.
pub async fn take(tx: &mut Tx, messages: &[(&AccountId, &RemoteMessage)]) -> Result<Vec<Early>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: Vec<Early> = sql!(tx, |c| {
        let mut query =
            sqlx::QueryBuilder::new("DELETE FROM early WHERE (account_id, message_id) IN (");
        query.push_values(padded(messages), |mut row, (account, message)| {
            row.push_bind(*account).push_bind(*message);
        });
        query.push(
            ") RETURNING account_id, message_id, key, what, happened_at, inbound_id,
                 inbound_position, created_at",
        );
        query.build_query_as().fetch_all(c).await?
    });
    rows.sort_by(|a, b| (a.happened_at, &a.key).cmp(&(b.happened_at, &b.key)));
    Ok(rows)
}

/// Counts what waits for its message.
pub async fn count(tx: &mut Tx) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar("SELECT COUNT(*) FROM early").fetch_one(c).await)
}

/// Forgets what was kept before `before`: its message will not come any more.
pub async fn delete_old(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query("DELETE FROM early WHERE created_at < $1")
        .bind(before)
        .execute(c)
        .await?
        .rows_affected()))
}
