//! Walks through an account's conversations at its platform, a step at a time.

use posta_core::id::{AccountId, WorkspaceId};
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::sql::{claim, sql};
use crate::text::{json, text};
use crate::{Result, Tx};

/// A walk: how far it is, and what it has met.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Walk {
    /// The account.
    pub account_id: AccountId,
    /// What it is for.
    pub kind: Kind,
    /// The workspace of the account.
    pub workspace_id: WorkspaceId,
    /// How it stands.
    pub state: State,
    /// Where the next page of conversations begins.
    pub cursor: Option<String>,
    /// The conversations of this page that are still to be read.
    pub todo: Json<Vec<Step>>,
    /// Whether there is no page after this one.
    pub is_last: bool,
    /// How many conversations it is to read; all when `None`.
    pub wanted: Option<i64>,
    /// Only messages from this time on matter.
    pub span_from: Option<Timestamp>,
    /// Only messages before this time matter.
    pub span_to: Option<Timestamp>,
    /// How many conversations were listed so far.
    pub threads_known: i64,
    /// How many of them were read.
    pub threads_done: i64,
    /// How many messages it met that we had.
    pub received: i64,
    /// How many messages it met that we had not.
    pub found: i64,
    /// The same of all earlier walks of this kind together with this one.
    pub total_received: i64,
    /// The same of all earlier walks of this kind together with this one.
    pub total_found: i64,
    /// How many walks in a row met nothing that we had not.
    pub calm: i64,
    /// How many steps in a row failed.
    pub attempts: i64,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended, or the one before it.
    pub finished_at: Option<Timestamp>,
    /// Why its last step failed.
    pub last_error: Option<Json<Value>>,
    /// When the next step may be made; `None` when there is none.
    pub due_at: Option<Timestamp>,
}

/// What a walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Kind {
    /// To take in what was written before the account was connected.
    Import,
    /// To find what the platform never told us.
    Reconcile,
}

/// How a walk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    /// It has not begun.
    Queued,
    /// It is under way.
    Running,
    /// It came to its end.
    Done,
    /// It was given up.
    Failed,
}

/// A conversation to be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// What the platform calls it in its lists.
    pub handle: String,
    /// Where to go on in it.
    pub after: Option<String>,
}

impl Walk {
    /// Makes a walk that has not begun.
    #[must_use]
    pub fn new(account: &AccountId, owner: &WorkspaceId, kind: Kind, due_at: Timestamp) -> Self {
        Self {
            account_id: account.clone(),
            kind,
            workspace_id: owner.clone(),
            state: State::Queued,
            cursor: None,
            todo: Json(Vec::new()),
            is_last: false,
            wanted: None,
            span_from: None,
            span_to: None,
            threads_known: 0,
            threads_done: 0,
            received: 0,
            found: 0,
            total_received: 0,
            total_found: 0,
            calm: 0,
            attempts: 0,
            started_at: None,
            finished_at: None,
            last_error: None,
            due_at: Some(due_at),
        }
    }
}

/// Adds a walk; `false` when the account has one of this kind.
pub async fn insert(tx: &mut Tx, walk: &Walk) -> Result<bool> {
    let done = sql!(tx, |c| {
        sqlx::query(
        "INSERT INTO walks (account_id, kind, workspace_id, state, todo, is_last, wanted, span_from,
             span_to, threads_known, threads_done, received, found, total_received, total_found,
             calm, attempts, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, 0, 0, 0, 0, $10)
         ON CONFLICT (account_id, kind) DO NOTHING"
    )
    .bind(&walk.account_id)
    .bind(walk.kind)
    .bind(&walk.workspace_id)
    .bind(walk.state)
    .bind(json(&walk.todo)?)
    .bind(walk.is_last)
    .bind(walk.wanted)
    .bind(walk.span_from)
    .bind(walk.span_to)
    .bind(walk.due_at)
    .execute(c)
    .await?
    .rows_affected()
    });
    Ok(done == 1)
}

/// Finds the walk of a kind of an account.
pub async fn find(
    tx: &mut Tx,
    owner: &WorkspaceId,
    account: &AccountId,
    kind: Kind,
) -> Result<Option<Walk>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT account_id, kind, workspace_id, state, cursor, todo, is_last, wanted, span_from,
             span_to, threads_known, threads_done, received, found, total_received, total_found,
             calm, attempts, started_at, finished_at, last_error, due_at
         FROM walks WHERE workspace_id = $1 AND account_id = $2 AND kind = $3"
    )
    .bind(owner)
    .bind(account)
    .bind(kind)
    .fetch_optional(c)
    .await)
}

/// Lists the walks of one kind of all accounts of a workspace.
pub async fn list(tx: &mut Tx, owner: &WorkspaceId, kind: Kind) -> Result<Vec<Walk>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT account_id, kind, workspace_id, state, cursor, todo, is_last, wanted, span_from,
             span_to, threads_known, threads_done, received, found, total_received, total_found,
             calm, attempts, started_at, finished_at, last_error, due_at
         FROM walks WHERE workspace_id = $1 AND kind = $2 ORDER BY account_id"
    )
    .bind(owner)
    .bind(kind)
    .fetch_all(c)
    .await)
}

/// Takes up to `limit` walks of connected accounts whose next step is due, until `until`, which
/// [`update`] then asks for.
pub async fn claim(tx: &mut Tx, now: Timestamp, until: Timestamp, limit: i64) -> Result<Vec<Walk>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT w.account_id, w.kind FROM walks w WHERE w.due_at <= $1
                 AND EXISTS (SELECT 1 FROM accounts a
                     WHERE a.id = w.account_id AND a.state = 'connected')
             ORDER BY w.due_at, w.account_id LIMIT $3",
        ") UPDATE walks SET due_at = $2, state = 'running'
         WHERE (account_id, kind) IN (SELECT account_id, kind FROM due)
         RETURNING account_id, kind, workspace_id, state, cursor, todo, is_last, wanted, span_from,
             span_to, threads_known, threads_done, received, found, total_received, total_found,
             calm, attempts, started_at, finished_at, last_error, due_at",
        |text, c| sqlx::query_as(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )
}

/// Finds when the next step of a connected account's walk is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT w.due_at FROM walks w WHERE w.due_at IS NOT NULL
             AND EXISTS (SELECT 1 FROM accounts a
                 WHERE a.id = w.account_id AND a.state = 'connected')
         ORDER BY w.due_at LIMIT 1"
    )
    .fetch_optional(c)
    .await)
}

/// Writes where a walk stands; `false` when somebody else has taken it since `lease` was given out,
/// or it was begun anew.
pub async fn update(tx: &mut Tx, walk: &Walk, lease: Timestamp) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE walks SET state = $4, cursor = $5, todo = $6, is_last = $7, wanted = $8,
             span_from = $9, span_to = $10, threads_known = $11, threads_done = $12, received = $13,
             found = $14, total_received = $15, total_found = $16, calm = $17, attempts = $18,
             started_at = $19, finished_at = $20, last_error = $21, due_at = $22
         WHERE account_id = $1 AND kind = $2 AND due_at = $3"
    )
    .bind(&walk.account_id)
    .bind(walk.kind)
    .bind(lease)
    .bind(walk.state)
    .bind(walk.cursor.as_deref().map(text))
    .bind(json(&walk.todo)?)
    .bind(walk.is_last)
    .bind(walk.wanted)
    .bind(walk.span_from)
    .bind(walk.span_to)
    .bind(walk.threads_known)
    .bind(walk.threads_done)
    .bind(walk.received)
    .bind(walk.found)
    .bind(walk.total_received)
    .bind(walk.total_found)
    .bind(walk.calm)
    .bind(walk.attempts)
    .bind(walk.started_at)
    .bind(walk.finished_at)
    .bind(walk.last_error.as_ref().map(json).transpose()?)
    .bind(walk.due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Begins a walk anew from its first conversation, or begins it at all. What it met before counts on.
pub async fn upsert(tx: &mut Tx, walk: &Walk) -> Result<()> {
    if insert(tx, walk).await? {
        return Ok(());
    }
    sql!(tx, |c| sqlx::query(
        "UPDATE walks SET state = $3, cursor = NULL, todo = $4, is_last = FALSE, wanted = $5,
             span_from = $6, span_to = $7, threads_known = 0, threads_done = 0, received = 0,
             found = 0, calm = 0, attempts = 0, started_at = NULL, last_error = NULL, due_at = $8
         WHERE account_id = $1 AND kind = $2"
    )
    .bind(&walk.account_id)
    .bind(walk.kind)
    .bind(walk.state)
    .bind(json(&walk.todo)?)
    .bind(walk.wanted)
    .bind(walk.span_from)
    .bind(walk.span_to)
    .bind(walk.due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Lets the walk of a kind begin no later than `at`, unless it is under way.
pub async fn update_due(tx: &mut Tx, account: &AccountId, kind: Kind, at: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE walks SET due_at = $3
         WHERE account_id = $1 AND kind = $2 AND state <> 'running' AND due_at > $3"
    )
    .bind(account)
    .bind(kind)
    .bind(at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
