//! Messages that were taken back and whose words are to go from the raw webhooks too.

use posta_core::id::{AccountId, InboundId, RemoteMessage};
use posta_core::time::Timestamp;

use crate::inbound::{Inbound, State};
use crate::sql::{claim, sql};
use crate::text::text;
use crate::{Result, Tx};

/// A message whose words are to go.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Purge {
    /// The account it was on.
    pub account_id: AccountId,
    /// The platform's id of it.
    pub message_id: RemoteMessage,
    /// The platform.
    pub platform: String,
    /// The id of the raw webhook up to which has been looked.
    pub place: String,
    /// Up to which raw webhooks are looked at, by the time they came.
    pub until: Timestamp,
    /// When to go on.
    pub due_at: Timestamp,
}

/// Asks for it. What was asked for before and is not done is begun anew, as far as both reach.
pub async fn upsert(tx: &mut Tx, purge: &Purge) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO purges (account_id, message_id, platform, place, until, due_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account_id, message_id) DO UPDATE SET
             place = CASE WHEN purges.place < excluded.place THEN purges.place
                 ELSE excluded.place END,
             until = CASE WHEN purges.until > excluded.until THEN purges.until
                 ELSE excluded.until END,
             due_at = excluded.due_at"
    )
    .bind(&purge.account_id)
    .bind(&purge.message_id)
    .bind(&purge.platform)
    .bind(text(&purge.place))
    .bind(purge.until)
    .bind(purge.due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Takes one that is due, until `until`.
pub async fn claim(tx: &mut Tx, now: Timestamp, until: Timestamp) -> Result<Option<Purge>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT account_id, message_id FROM purges WHERE due_at <= $1
             ORDER BY due_at, account_id, message_id LIMIT 1",
        ") UPDATE purges SET due_at = $2
         WHERE (account_id, message_id) IN (SELECT account_id, message_id FROM due)
         RETURNING account_id, message_id, platform, place, until, due_at",
        |text, c| sqlx::query_as(text).bind(now).bind(until).fetch_optional(c).await
    )
}

/// Notes up to where has been looked and when to go on, unless it was begun anew since `purge` was
/// taken.
pub async fn update_place(
    tx: &mut Tx,
    purge: &Purge,
    place: &str,
    due_at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE purges SET place = $3, due_at = $4
         WHERE account_id = $1 AND message_id = $2 AND due_at = $5"
    )
    .bind(&purge.account_id)
    .bind(&purge.message_id)
    .bind(text(place))
    .bind(due_at)
    .bind(purge.due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Ends it, unless it was begun anew since it was taken.
pub async fn delete(tx: &mut Tx, purge: &Purge) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "DELETE FROM purges WHERE account_id = $1 AND message_id = $2 AND due_at = $3"
    )
    .bind(&purge.account_id)
    .bind(&purge.message_id)
    .bind(purge.due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds when to go on with the next.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(due_at) FROM purges").fetch_one(c).await)
}

/// A raw webhook to be looked at, and whether it waits to be worked off.
#[derive(Debug, sqlx::FromRow)]
pub struct Looked {
    /// The webhook.
    #[sqlx(flatten)]
    pub inbound: Inbound,
    /// What became of it.
    pub state: State,
}

/// Lists raw webhooks of a platform after `place`, in their order, that came until `until`.
pub async fn list_inbound(
    tx: &mut Tx,
    platform: &str,
    place: &str,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Looked>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, platform, verified_by, body, attempts, received_at, traceparent, state
         FROM inbound WHERE id > $1 AND platform = $2 AND received_at <= $3 ORDER BY id LIMIT $4"
    )
    .bind(text(place))
    .bind(platform)
    .bind(until)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Puts another body in the place of a raw webhook's.
pub async fn update_body(tx: &mut Tx, id: &InboundId, body: &[u8]) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE inbound SET body = $2 WHERE id = $1")
        .bind(id)
        .bind(body)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}
