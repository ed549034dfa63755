//! Replays: a part of the log, or all that was parked, on its way to an endpoint once more.

use posta_core::id::{AccountId, EndpointId, ReplayId, WorkspaceId};
use posta_core::time::Timestamp;
use sqlx::types::Json;

use crate::sql::{claim, sql};
use crate::text::{json, text};
use crate::{Result, Tx};

/// A replay.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// Whether it is of the parked deliveries, and not of the log.
    pub is_of_parked: bool,
    /// Only these kinds of events; empty for all.
    pub kinds: Json<Vec<String>>,
    /// Only events of this account.
    pub account_id: Option<AccountId>,
    /// Up to which place of the log it has come.
    pub after_seq: i64,
    /// At which place it ends.
    pub up_to_seq: i64,
    /// How it stands.
    pub state: State,
    /// How many deliveries it has made.
    pub queued: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it had made all of them, or was cancelled.
    pub finished_at: Option<Timestamp>,
}

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    /// It still makes deliveries.
    Running,
    /// All of its deliveries are made; they may still be on their way.
    Done,
    /// Somebody ended it.
    Cancelled,
}

/// What became of a replay's deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Progress {
    /// How many the endpoint took.
    pub delivered: i64,
    /// How many are on their way.
    pub pending: i64,
    /// How many were given up.
    pub parked: i64,
}

macro_rules! columns {
    () => {
        "id, workspace_id, endpoint_id, is_of_parked, kinds, account_id, after_seq, up_to_seq,
         state, queued, created_at, finished_at"
    };
}

/// Adds a replay, due at once.
pub async fn insert(tx: &mut Tx, replay: &Replay) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO replays (id, workspace_id, endpoint_id, is_of_parked, kinds, account_id,
             after_seq, up_to_seq, state, queued, due_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"
    )
    .bind(&replay.id)
    .bind(&replay.workspace_id)
    .bind(&replay.endpoint_id)
    .bind(replay.is_of_parked)
    .bind(json(&replay.kinds)?)
    .bind(&replay.account_id)
    .bind(replay.after_seq)
    .bind(replay.up_to_seq)
    .bind(replay.state)
    .bind(replay.queued)
    .bind(replay.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds a replay.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &str) -> Result<Option<Replay>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM replays WHERE workspace_id = $1 AND id = $2"
    ))
    .bind(owner)
    .bind(text(id))
    .fetch_optional(c)
    .await)
}

/// Lists the newest replays of a workspace.
pub async fn list(tx: &mut Tx, owner: &WorkspaceId, limit: i64) -> Result<Vec<Replay>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM replays WHERE workspace_id = $1 ORDER BY id DESC LIMIT $2"
    ))
    .bind(owner)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Takes the running replay that has been due longest, until a time.
pub async fn claim(tx: &mut Tx, now: Timestamp, until: Timestamp) -> Result<Option<Replay>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT id FROM replays WHERE state = 'running' AND due_at <= $1
             ORDER BY due_at, id LIMIT 1",
        concat!(
            ") UPDATE replays SET due_at = $2 WHERE id IN (SELECT id FROM due) RETURNING ",
            columns!()
        ),
        |text, c| sqlx::query_as(text).bind(now).bind(until).fetch_optional(c).await
    )
}

/// Notes how far a replay has come and when it goes on; `false` when somebody has ended it.
pub async fn update(tx: &mut Tx, replay: &Replay, due_at: Timestamp) -> Result<bool> {
    let done = sql!(tx, |c| {
        sqlx::query(
        "UPDATE replays SET after_seq = $2, state = $3, queued = $4, finished_at = $5, due_at = $6
         WHERE id = $1 AND state = 'running'"
    )
    .bind(&replay.id)
    .bind(replay.after_seq)
    .bind(replay.state)
    .bind(replay.queued)
    .bind(replay.finished_at)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected()
    });
    Ok(done == 1)
}

/// Counts what became of a replay's deliveries.
pub async fn progress(tx: &mut Tx, id: &ReplayId) -> Result<Progress> {
    let rows: Vec<(String, i64)> = sql!(tx, |c| sqlx::query_as(
        "SELECT state, COUNT(*) FROM deliveries WHERE replay_id = $1 GROUP BY state"
    )
    .bind(id)
    .fetch_all(c)
    .await?);
    let of = |state: &str| rows.iter().find(|row| row.0 == state).map_or(0, |row| row.1);
    Ok(Progress { delivered: of("delivered"), pending: of("pending"), parked: of("parked") })
}

/// Puts up to `limit` parked deliveries of a replay's endpoint on their way again. Returns how many.
pub async fn take_parked(tx: &mut Tx, replay: &Replay, now: Timestamp, limit: i64) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE deliveries SET state = 'pending', class = 2, attempts = 0, due_at = $3,
             replay_id = $2
         WHERE id IN (SELECT id FROM deliveries WHERE endpoint_id = $1 AND state = 'parked'
                          AND seq > $5 AND seq <= $6 ORDER BY id LIMIT $4)"
    )
    .bind(&replay.endpoint_id)
    .bind(&replay.id)
    .bind(now)
    .bind(limit)
    .bind(replay.after_seq)
    .bind(replay.up_to_seq)
    .execute(c)
    .await?
    .rows_affected()))
}

/// Takes a replay's deliveries off their way: those that were parked are so again, the others go.
/// Returns how many.
pub async fn take_back(tx: &mut Tx, replay: &Replay) -> Result<u64> {
    let text = if replay.is_of_parked {
        "UPDATE deliveries SET state = 'parked' WHERE replay_id = $1 AND state = 'pending'"
    } else {
        "DELETE FROM deliveries WHERE replay_id = $1 AND state = 'pending'"
    };
    Ok(sql!(tx, |c| sqlx::query(text).bind(&replay.id).execute(c).await?.rows_affected()))
}

/// Finds when the next running replay goes on.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(due_at) FROM replays WHERE state = 'running'")
        .fetch_one(c)
        .await)
}
