//! Work to be done in the background, in lanes: within a lane one job at a time, in order.

use posta_core::id::{AccountId, JobId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::{claim, sql};
use crate::{Result, Tx};

/// A job.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// Its lane.
    pub lane: String,
    /// The workspace it is done for.
    pub workspace_id: WorkspaceId,
    /// The id of the row it is about.
    pub subject: String,
    /// How often it was tried, this time included.
    pub attempts: i64,
    /// When it may be tried.
    pub due_at: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when it may wait for its account to be connected again; `None` when it does not.
    pub hold_until: Option<Timestamp>,
    /// The account it is done for; `None` for one that an older version added.
    pub account_id: Option<AccountId>,
    /// The class of calls it takes; `None` for one that an older version added.
    pub class: Option<String>,
    /// How much it matters; the least number comes first.
    pub priority: i64,
    /// The time it is not to be done before, if somebody chose one.
    pub send_at: Option<Timestamp>,
    /// The request that asked for it.
    pub origin: Option<String>,
}

macro_rules! columns {
    () => {
        "id, kind, lane, workspace_id, subject, attempts, due_at, created_at, hold_until, account_id,
             class, priority, send_at, origin"
    };
}

/// Adds a job.
pub async fn insert(tx: &mut Tx, job: &Job) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO jobs (id, kind, lane, workspace_id, subject, attempts, due_at, created_at,
             hold_until, account_id, class, priority, send_at, origin)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    )
    .bind(&job.id)
    .bind(&job.kind)
    .bind(&job.lane)
    .bind(&job.workspace_id)
    .bind(&job.subject)
    .bind(job.attempts)
    .bind(job.due_at)
    .bind(job.created_at)
    .bind(job.hold_until)
    .bind(&job.account_id)
    .bind(&job.class)
    .bind(job.priority)
    .bind(job.send_at)
    .bind(&job.origin)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Takes up to `limit` due jobs until `until`, each the first of its lane.
///
/// A job that was ever begun comes before one that was not, whatever their ids: the transaction
/// that adds a job may end after that of a later one, and must not make a second one run.
pub async fn claim(tx: &mut Tx, now: Timestamp, until: Timestamp, limit: i64) -> Result<Vec<Job>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT j.id FROM jobs j WHERE j.due_at <= $1
                 AND NOT EXISTS (SELECT 1 FROM jobs e WHERE e.lane = j.lane
                     AND (e.attempts = 0, e.id) < (j.attempts = 0, j.id))
             ORDER BY j.due_at, j.id LIMIT $3",
        concat!(
            ") UPDATE jobs SET attempts = attempts + 1, due_at = $2
             WHERE id IN (SELECT id FROM due) RETURNING ",
            columns!()
        ),
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Puts a job back until `due_at`; its lane waits with it.
pub async fn update_due(tx: &mut Tx, id: &JobId, due_at: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE jobs SET due_at = $2 WHERE id = $1")
        .bind(id)
        .bind(due_at)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Puts a job back until `due_at` as one that was not tried, because it did not come to that or is to
/// be tried however often it takes.
pub async fn put_back(tx: &mut Tx, id: &JobId, due_at: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE jobs SET due_at = $2, attempts = attempts - 1 WHERE id = $1 AND attempts > 0"
    )
    .bind(id)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Ends a job.
pub async fn delete(tx: &mut Tx, id: &JobId) -> Result<()> {
    sql!(tx, |c| sqlx::query("DELETE FROM jobs WHERE id = $1")
        .bind(id)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds when the next job that is the first of its lane is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT j.due_at FROM jobs j
         WHERE NOT EXISTS (SELECT 1 FROM jobs e WHERE e.lane = j.lane
             AND (e.attempts = 0, e.id) < (j.attempts = 0, j.id))
         ORDER BY j.due_at LIMIT 1"
    )
    .fetch_optional(c)
    .await)
}

/// Whether the job about this row of an account waits for a time that was chosen, or for the account to
/// be connected again.
pub async fn is_put_off(
    tx: &mut Tx,
    account: &AccountId,
    subject: &str,
    now: Timestamp,
) -> Result<bool> {
    let count: i64 = sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM jobs j JOIN accounts a ON a.id = j.account_id
         WHERE j.account_id = $1 AND j.subject = $2
             AND (j.send_at > $3 OR (j.hold_until IS NOT NULL AND a.state <> 'connected'))"
    )
    .bind(account)
    .bind(subject)
    .bind(now)
    .fetch_one(c)
    .await?);
    Ok(count > 0)
}

/// Lists the ids of the jobs of a lane, in their order.
pub async fn list_lane(tx: &mut Tx, lane: &str) -> Result<Vec<JobId>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT id FROM jobs WHERE lane = $1 ORDER BY id")
        .bind(lane)
        .fetch_all(c)
        .await)
}

/// Puts a job under a new id at the end of another lane, as one that was not tried and is due.
pub async fn update_lane(
    tx: &mut Tx,
    id: &JobId,
    new_id: &JobId,
    lane: &str,
    due_at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE jobs SET id = $2, lane = $3, due_at = $4, attempts = 0 WHERE id = $1"
    )
    .bind(id)
    .bind(new_id)
    .bind(lane)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Makes the jobs due that wait for this account to be connected again, and for no chosen time.
pub async fn update_released(tx: &mut Tx, account: &AccountId, now: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| {
        sqlx::query(
        "UPDATE jobs SET due_at = $2 WHERE hold_until IS NOT NULL AND due_at > $2
             AND (send_at IS NULL OR send_at <= $2) AND EXISTS (SELECT 1 FROM messages m WHERE m.id = jobs.subject
                 AND m.account_id = $1 AND m.status = 'queued')"
    )
    .bind(account)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected()
    }))
}
