//! Raw webhooks as platforms sent them: on disk before the platform hears yes, and the queue from
//! which they are worked off.

use posta_core::id::{InboundId, OauthAppId};
use posta_core::time::Timestamp;
use sqlx::types::Json;
use sqlx::{Postgres, Sqlite, Transaction};

use crate::rows::padded;
use crate::sql::{claim, push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// A raw webhook.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Inbound {
    /// Its id.
    pub id: InboundId,
    /// The platform that sent it.
    pub platform: String,
    /// The apps whose secret signed it; `None` stands for the configured one. Events reach only
    /// accounts that are connected through one of them.
    pub verified_by: Json<Vec<Option<OauthAppId>>>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// How often working it off was tried.
    pub attempts: i64,
    /// When it came.
    pub received_at: Timestamp,
    /// The place in a trace at which it came.
    pub traceparent: Option<String>,
}

/// What became of a raw webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    /// It waits to be worked off.
    Pending,
    /// Everything in it was taken in.
    Done,
    /// It is not of the platform's form; kept for a later version to read.
    Unparsed,
    /// It speaks of no account that we know.
    Unrouted,
}

/// How many rows one statement inserts on SQLite, the largest that fits first: with few different
/// texts each is prepared once.
const CHUNKS: [usize; 4] = [512, 64, 8, 1];

/// Adds webhooks, all of them pending.
pub async fn insert_all(tx: &mut Tx, rows: &[Inbound]) -> Result<()> {
    match tx {
        Tx::Sqlite(tx) => {
            let mut rest = rows;
            while let Some(size) = CHUNKS.into_iter().find(|size| *size <= rest.len()) {
                let (chunk, others) = rest.split_at(size);
                insert_chunk(tx, chunk).await?;
                rest = others;
            }
            Ok(())
        }
        Tx::Postgres(tx) => insert_arrays(tx, rows).await,
    }
}

const INSERT: &str =
    "INSERT INTO inbound (id, platform, verified_by, body, state, attempts, due_at,
     received_at, traceparent) ";

async fn insert_chunk(tx: &mut Transaction<'_, Sqlite>, chunk: &[Inbound]) -> Result<()> {
    let mut query = sqlx::QueryBuilder::new(INSERT);
    query.push_values(chunk, |mut row, inbound| {
        row.push_bind(&inbound.id)
            .push_bind(&inbound.platform)
            .push_bind(&inbound.verified_by)
            .push_bind(&inbound.body)
            .push_bind(State::Pending)
            .push_bind(inbound.attempts)
            .push_bind(inbound.received_at)
            .push_bind(inbound.received_at)
            .push_bind(&inbound.traceparent);
    });
    query.build().execute(&mut **tx).await?;
    Ok(())
}

/// One statement whatever the number of rows, prepared once.
async fn insert_arrays(tx: &mut Transaction<'_, Postgres>, rows: &[Inbound]) -> Result<()> {
    let of = |of: fn(&Inbound) -> &str| rows.iter().map(of).collect::<Vec<_>>();
    let verified: Vec<_> = rows.iter().map(|row| &row.verified_by).collect();
    let bodies: Vec<&[u8]> = rows.iter().map(|row| row.body.as_slice()).collect();
    let attempts: Vec<i64> = rows.iter().map(|row| row.attempts).collect();
    let traceparents: Vec<Option<&str>> =
        rows.iter().map(|row| row.traceparent.as_deref()).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.received_at.as_millis()).collect();
    sqlx::query(
        "INSERT INTO inbound (id, platform, verified_by, body, state, attempts, due_at,
             received_at, traceparent)
         SELECT r.id, r.platform, r.verified_by, r.body, 'pending', r.attempts, r.at, r.at, r.traceparent
         FROM UNNEST($1::TEXT[], $2::TEXT[], $3::JSONB[], $4::BYTEA[], $5::BIGINT[], $6::BIGINT[],
             $7::TEXT[]) AS r (id, platform, verified_by, body, attempts, at, traceparent)",
    )
    .bind(of(|row| row.id.as_str()))
    .bind(of(|row| &row.platform))
    .bind(verified)
    .bind(bodies)
    .bind(attempts)
    .bind(times)
    .bind(traceparents)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes up to `limit` webhooks that are due, oldest first, until `until`: whoever has not
/// finished one by then loses it to the next.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Inbound>> {
    let mut rows: Vec<Inbound> = claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT id FROM inbound WHERE state = 'pending' AND due_at <= $1
             ORDER BY due_at, id LIMIT $3",
        ") UPDATE inbound SET attempts = attempts + 1, due_at = $2
         WHERE id IN (SELECT id FROM due)
         RETURNING id, platform, verified_by, body, attempts, received_at, traceparent",
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )?;
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(rows)
}

/// Notes what became of a webhook.
pub async fn update_state(
    tx: &mut Tx,
    id: &InboundId,
    state: State,
    error: Option<&str>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE inbound SET state = $2, error = $3 WHERE id = $1")
        .bind(id)
        .bind(state)
        .bind(error.map(text))
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Notes that everything in webhooks was taken in.
pub async fn update_done(tx: &mut Tx, ids: &[&InboundId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new("UPDATE inbound SET state = ");
        query.push_bind(State::Done).push(", error = NULL WHERE TRUE");
        push_among!(query, "id", padded(ids));
        query.build().execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Puts a webhook back until `due_at`.
pub async fn update_due(
    tx: &mut Tx,
    id: &InboundId,
    due_at: Timestamp,
    error: Option<&str>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE inbound SET due_at = $2, error = $3 WHERE id = $1")
        .bind(id)
        .bind(due_at)
        .bind(error.map(text))
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Puts webhooks that came since `since` and spoke of no known account back into the queue, because
/// an account was connected that they may speak of.
pub async fn update_unrouted(
    tx: &mut Tx,
    platform: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE inbound SET state = 'pending', due_at = $3
         WHERE state = 'unrouted' AND platform = $1 AND received_at >= $2"
    )
    .bind(platform)
    .bind(since)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected()))
}

/// Makes the webhooks that wait for this reason due now. Returns how many did.
pub async fn update_due_now(tx: &mut Tx, reason: &str, now: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE inbound SET due_at = $2 WHERE state = 'pending' AND error = $1 AND due_at > $2"
    )
    .bind(reason)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected()))
}

/// Whether any webhook waits for this reason.
pub async fn is_any_waiting(tx: &mut Tx, reason: &str) -> Result<bool> {
    let count: i64 = sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM inbound WHERE state = 'pending' AND error = $1"
    )
    .bind(reason)
    .fetch_one(c)
    .await?);
    Ok(count > 0)
}

/// Finds when the next pending webhook is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(due_at) FROM inbound WHERE state = 'pending'")
        .fetch_one(c)
        .await)
}

/// Counts the webhooks of one platform in a state.
pub async fn count(tx: &mut Tx, platform: &str, state: State) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM inbound WHERE platform = $1 AND state = $2"
    )
    .bind(platform)
    .bind(state)
    .fetch_one(c)
    .await)
}

/// A raw webhook as operators see it in a list.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Listed {
    /// Its id.
    pub id: InboundId,
    /// The platform that sent it.
    pub platform: String,
    /// What became of it.
    pub state: State,
    /// Why, when that is not plain.
    pub error: Option<String>,
    /// How often working it off was tried.
    pub attempts: i64,
    /// When it came.
    pub received_at: Timestamp,
}

/// Lists the newest webhooks in a state.
pub async fn list(tx: &mut Tx, state: State, limit: i64) -> Result<Vec<Listed>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, platform, state, error, attempts, received_at FROM inbound
         WHERE state = $1 ORDER BY id DESC LIMIT $2"
    )
    .bind(state)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Finds the newest webhook of a platform, whatever became of it.
pub async fn find_newest(tx: &mut Tx, platform: &str) -> Result<Option<Inbound>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, platform, verified_by, body, attempts, received_at, traceparent FROM inbound
         WHERE platform = $1 ORDER BY id DESC LIMIT 1"
    )
    .bind(platform)
    .fetch_optional(c)
    .await)
}

/// Finds a webhook, whatever became of it.
pub async fn find(tx: &mut Tx, id: &InboundId) -> Result<Option<Inbound>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, platform, verified_by, body, attempts, received_at, traceparent FROM inbound
         WHERE id = $1"
    )
    .bind(id)
    .fetch_optional(c)
    .await)
}

/// Puts all webhooks in a state back into the queue. Returns how many there were.
pub async fn update_pending(tx: &mut Tx, state: State, now: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE inbound SET state = 'pending', due_at = $2, error = NULL WHERE state = $1"
    )
    .bind(state)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected()))
}

/// Deletes up to `limit` of the oldest webhooks that were taken in, if they came before a time.
/// Returns how many went.
pub async fn delete_old(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "DELETE FROM inbound WHERE received_at < $1
             AND id IN (SELECT id FROM inbound WHERE state = 'done' ORDER BY id LIMIT $2)"
    )
    .bind(before)
    .bind(limit)
    .execute(c)
    .await?
    .rows_affected()))
}
