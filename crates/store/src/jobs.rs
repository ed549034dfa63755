//! Work to be done in the background, in lanes: within a lane one job at a time, in order.
//!
//! The job of a lane whose turn it is has the mark `is_first`, so that a claim never looks at those
//! behind it, however many. Where its lane is its subject, a job waits for a chosen time, and has no
//! turn. What changes whose turn it is has locked the account's row in `budgets`.

use posta_core::capability::CallClass;
use posta_core::id::{AccountId, ConversationId, JobId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::{Result, Tx, budgets};

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
    /// The account it is done for.
    pub account_id: AccountId,
    /// The class of calls it takes.
    pub class: CallClass,
    /// How much it matters; the least number comes first.
    pub priority: i64,
    /// The time it is not to be done before, if somebody chose one.
    pub send_at: Option<Timestamp>,
    /// The request that asked for it.
    pub origin: Option<String>,
    /// The place in a trace at which it was asked for.
    pub traceparent: Option<String>,
}

macro_rules! columns {
    () => {
        "id, kind, lane, workspace_id, subject, attempts, due_at, created_at, hold_until, account_id,
             class, priority, send_at, origin, traceparent"
    };
}

/// Adds a job at the end of its lane. What is before it matters as much from now on.
pub async fn insert(tx: &mut Tx, job: &Job) -> Result<()> {
    budgets::update_due(tx, &job.workspace_id, &job.account_id, job.due_at).await?;
    sql!(tx, |c| sqlx::query(
        "INSERT INTO jobs (id, kind, lane, workspace_id, subject, attempts, due_at, created_at,
             hold_until, account_id, class, priority, send_at, origin, traceparent, is_first)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
             $3 <> $5 AND NOT EXISTS (SELECT 1 FROM jobs WHERE lane = $3))"
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
    .bind(job.class)
    .bind(job.priority)
    .bind(job.send_at)
    .bind(&job.origin)
    .bind(&job.traceparent)
    .execute(c)
    .await?
    .rows_affected());
    hurry(tx, &job.lane, job.priority).await
}

/// Has what is in a lane matter no less than what stands behind it.
async fn hurry(tx: &mut Tx, lane: &str, priority: i64) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE jobs SET priority = $2 WHERE lane = $1 AND priority > $2")
        .bind(lane)
        .bind(priority)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Takes up to `limit` due jobs of an account and class until `until`, each the first of its lane:
/// what matters most before what has waited longest.
///
/// Whoever calls has locked the account's row in `budgets`.
pub async fn claim(
    tx: &mut Tx,
    which: (&AccountId, CallClass),
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Job>> {
    let mut jobs: Vec<Job> = sql!(tx, |c| sqlx::query_as(concat!(
        "UPDATE jobs SET attempts = attempts + 1, due_at = $4
         WHERE due_at <= $3 AND id IN (SELECT id FROM (
             SELECT * FROM (SELECT id, priority, due_at FROM jobs WHERE account_id = $1
                 AND class = $2 AND priority = 0 AND due_at <= $3 AND is_first
                 ORDER BY due_at, id LIMIT $5) AS human
             UNION ALL
             SELECT * FROM (SELECT id, priority, due_at FROM jobs WHERE account_id = $1
                 AND class = $2 AND priority = 1 AND due_at <= $3 AND is_first
                 ORDER BY due_at, id LIMIT $5) AS automation
             UNION ALL
             SELECT * FROM (SELECT id, priority, due_at FROM jobs WHERE account_id = $1
                 AND class = $2 AND priority = 2 AND due_at <= $3 AND is_first
                 ORDER BY due_at, id LIMIT $5) AS bulk
             ORDER BY 2, 3, 1 LIMIT $5) AS due) RETURNING ",
        columns!()
    ))
    .bind(which.0)
    .bind(which.1)
    .bind(now)
    .bind(until)
    .bind(limit)
    .fetch_all(c)
    .await?);
    jobs.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
    Ok(jobs)
}

/// Finds when the next job of an account and class, of those that are first in their lanes, is due.
pub async fn find_due(
    tx: &mut Tx,
    account: &AccountId,
    class: CallClass,
) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT MIN(due_at) FROM (
             SELECT MIN(due_at) AS due_at FROM jobs
                 WHERE account_id = $1 AND class = $2 AND priority = 0 AND is_first
             UNION ALL SELECT MIN(due_at) FROM jobs
                 WHERE account_id = $1 AND class = $2 AND priority = 1 AND is_first
             UNION ALL SELECT MIN(due_at) FROM jobs
                 WHERE account_id = $1 AND class = $2 AND priority = 2 AND is_first) AS next"
    )
    .bind(account)
    .bind(class)
    .fetch_one(c)
    .await)
}

/// Puts a job back until `due_at`; its lane waits with it.
pub async fn update_due(tx: &mut Tx, job: &Job, due_at: Timestamp) -> Result<()> {
    budgets::update_due(tx, &job.workspace_id, &job.account_id, due_at).await?;
    update_lease(tx, &job.id, due_at).await
}

/// Takes a job that is claimed for longer.
pub async fn update_lease(tx: &mut Tx, id: &JobId, until: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE jobs SET due_at = $2 WHERE id = $1")
        .bind(id)
        .bind(until)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Puts a job back until `due_at` as one that was not tried, because it did not come to that or is to
/// be tried however often it takes.
pub async fn put_back(tx: &mut Tx, job: &Job, due_at: Timestamp) -> Result<()> {
    budgets::update_due(tx, &job.workspace_id, &job.account_id, due_at).await?;
    sql!(tx, |c| sqlx::query(
        "UPDATE jobs SET due_at = $2, attempts = attempts - 1 WHERE id = $1 AND attempts > 0"
    )
    .bind(&job.id)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Whether a job is still as it was left to whoever has taken it until `due_at`: neither ended, put back
/// nor taken by somebody else. If so, it stays that way until this transaction ends.
pub async fn is_held(tx: &mut Tx, job: &Job, due_at: Timestamp) -> Result<bool> {
    budgets::lock(tx, &job.workspace_id, &job.account_id).await?;
    let held =
        sql!(tx, |c| sqlx::query("UPDATE jobs SET due_at = due_at WHERE id = $1 AND due_at = $2")
            .bind(&job.id)
            .bind(due_at)
            .execute(c)
            .await?
            .rows_affected());
    Ok(held == 1)
}

/// Ends a job. It is the turn of the one behind it.
pub async fn delete(tx: &mut Tx, job: &Job) -> Result<()> {
    budgets::lock(tx, &job.workspace_id, &job.account_id).await?;
    sql!(tx, |c| sqlx::query("DELETE FROM jobs WHERE id = $1")
        .bind(&job.id)
        .execute(c)
        .await?
        .rows_affected());
    turn(tx, &job.workspace_id, &job.account_id, &job.lane).await
}

/// Ends the job about this row of an account. It is the turn of the one behind it.
pub async fn delete_about(tx: &mut Tx, account: &AccountId, subject: &str) -> Result<()> {
    let job: Option<Job> = sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM jobs WHERE account_id = $1 AND subject = $2"
    ))
    .bind(account)
    .bind(subject)
    .fetch_optional(c)
    .await?);
    match job {
        Some(job) => delete(tx, &job).await,
        None => Ok(()),
    }
}

/// Marks the first job of a lane.
///
/// A job that was ever begun comes before one that was not, whatever their ids: the transaction
/// that adds a job may end after that of a later one, and must not make a second one run.
async fn turn(tx: &mut Tx, owner: &WorkspaceId, account: &AccountId, lane: &str) -> Result<()> {
    let due: Option<Timestamp> = sql!(tx, |c| sqlx::query_scalar(
        "UPDATE jobs SET is_first = TRUE WHERE lane <> subject AND id = (
             SELECT id FROM jobs WHERE lane = $1 ORDER BY attempts = 0, id LIMIT 1)
         RETURNING due_at"
    )
    .bind(lane)
    .fetch_optional(c)
    .await?);
    match due {
        Some(due) => budgets::update_due(tx, owner, account, due).await,
        None => Ok(()),
    }
}

/// Marks the first job of every lane that has none, as one that a process of an older version wrote
/// to. Returns how many lanes.
pub async fn update_turns(tx: &mut Tx, limit: i64) -> Result<u64> {
    let lost: Vec<(WorkspaceId, AccountId, String)> = sql!(tx, |c| sqlx::query_as(
        "SELECT DISTINCT workspace_id, account_id, lane FROM jobs j
         WHERE NOT is_first AND account_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM jobs e WHERE e.lane = j.lane
                 AND (e.is_first OR e.lane = e.subject))
         ORDER BY account_id, lane LIMIT $1"
    )
    .bind(limit)
    .fetch_all(c)
    .await?);
    for (owner, account, lane) in &lost {
        budgets::lock(tx, owner, account).await?;
        sql!(tx, |c| sqlx::query(
            "UPDATE jobs SET class = 'text' WHERE lane = $1 AND class IS NULL"
        )
        .bind(lane)
        .execute(c)
        .await?
        .rows_affected());
        turn(tx, owner, account, lane).await?;
    }
    Ok(u64::try_from(lost.len()).unwrap_or(u64::MAX))
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

/// A request whose chosen time has come.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Timed {
    /// Its lane.
    pub lane: String,
    /// The conversation it is for; `None` when that is gone.
    pub conversation_id: Option<ConversationId>,
}

/// Lists the requests of an account whose chosen time has come: the earliest first, and those of one
/// time as they were asked for.
pub async fn list_timed(
    tx: &mut Tx,
    account: &AccountId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Timed>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT j.lane, m.conversation_id FROM jobs j LEFT JOIN messages m ON m.id = j.subject
         WHERE j.account_id = $1 AND j.send_at <= $2 AND j.lane = j.subject
         ORDER BY j.send_at, j.id LIMIT $3"
    )
    .bind(account)
    .bind(now)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Finds the next time that was chosen for a message of an account.
pub async fn find_timed(tx: &mut Tx, account: &AccountId) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT MIN(send_at) FROM jobs WHERE account_id = $1 AND lane = subject"
    )
    .bind(account)
    .fetch_one(c)
    .await)
}

/// Lists the jobs of a lane, in their order.
pub async fn list_lane(tx: &mut Tx, lane: &str) -> Result<Vec<Job>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM jobs WHERE lane = $1 ORDER BY id"
    ))
    .bind(lane)
    .fetch_all(c)
    .await)
}

/// Puts a job under a new id at the end of another lane, as one that was not tried and is due.
///
/// Whoever calls has locked the account's row in `budgets`.
pub async fn update_lane(
    tx: &mut Tx,
    job: &Job,
    new_id: &JobId,
    lane: &str,
    due_at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE jobs SET id = $2, lane = $3, due_at = $4, attempts = 0,
             is_first = NOT EXISTS (SELECT 1 FROM jobs e WHERE e.lane = $3) WHERE id = $1"
    )
    .bind(&job.id)
    .bind(new_id)
    .bind(lane)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    hurry(tx, lane, job.priority).await
}

/// Makes the jobs due that wait for this account to be connected again, and for no chosen time.
pub async fn update_released(
    tx: &mut Tx,
    owner: &WorkspaceId,
    account: &AccountId,
    now: Timestamp,
) -> Result<u64> {
    budgets::update_due(tx, owner, account, now).await?;
    Ok(sql!(tx, |c| {
        sqlx::query(
            "UPDATE jobs SET due_at = $2 WHERE hold_until IS NOT NULL AND due_at > $2
             AND (send_at IS NULL OR send_at <= $2) AND EXISTS (SELECT 1 FROM messages m
                 WHERE m.id = jobs.subject AND m.account_id = $1 AND m.status = 'queued')",
        )
        .bind(account)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    }))
}
