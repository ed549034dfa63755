//! What each account has spent of what its platform allows, and when its queue is looked at next.
//!
//! One row per account, and so no hot spot among accounts. Whoever changes which job of a lane is
//! first, or makes one due earlier, has locked it: a job can then not be overlooked.

use std::collections::BTreeMap;

use posta_core::capability::CallClass;
use posta_core::id::{AccountId, WorkspaceId};
use posta_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::deliveries::Behind;
use crate::sql::{claim, sql};
use crate::text::json;
use crate::{Result, Tx};

/// What is spent, by class of calls.
pub type Spent = BTreeMap<CallClass, Class>;

/// What is spent of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// How many calls were made from about which time on, in milliseconds, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<(i64, u32)>,
    /// Until when the platform said it takes none, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_until: Option<i64>,
}

/// An account whose queue is due.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Due {
    /// The account.
    pub account_id: AccountId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// What it has spent.
    pub spent: Json<Spent>,
}

/// Locks the row of an account until the transaction ends, and returns what is spent.
pub async fn lock(tx: &mut Tx, owner: &WorkspaceId, account: &AccountId) -> Result<Spent> {
    let spent: Json<Spent> = sql!(tx, |c| sqlx::query_scalar(
        "INSERT INTO budgets (account_id, workspace_id, spent) VALUES ($1, $2, $3)
         ON CONFLICT (account_id) DO UPDATE SET workspace_id = excluded.workspace_id
         RETURNING spent"
    )
    .bind(account)
    .bind(owner)
    .bind(Json(Spent::new()))
    .fetch_one(c)
    .await?);
    Ok(spent.0)
}

/// Reads what an account has spent.
pub async fn find(tx: &mut Tx, account: &AccountId) -> Result<Spent> {
    let spent: Option<Json<Spent>> =
        sql!(tx, |c| sqlx::query_scalar("SELECT spent FROM budgets WHERE account_id = $1")
            .bind(account)
            .fetch_optional(c)
            .await?);
    Ok(spent.map(|spent| spent.0).unwrap_or_default())
}

/// Has an account's queue looked at no later than `at`, and locks its row.
pub async fn update_due(
    tx: &mut Tx,
    owner: &WorkspaceId,
    account: &AccountId,
    at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO budgets (account_id, workspace_id, due_at, spent) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id) DO UPDATE SET due_at = CASE
             WHEN budgets.due_at < excluded.due_at THEN budgets.due_at ELSE excluded.due_at END"
    )
    .bind(account)
    .bind(owner)
    .bind(at)
    .bind(Json(Spent::new()))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Writes what an account has spent. Whoever does has locked its row.
pub async fn update_spent(tx: &mut Tx, account: &AccountId, spent: &Spent) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE budgets SET spent = $2 WHERE account_id = $1")
        .bind(account)
        .bind(json(spent)?)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Locks the rows of up to `limit` accounts whose queues are due: of every workspace one before a
/// second of any, and within one those first that have waited longest.
pub async fn claim(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Due>> {
    claim!(
        tx,
        "WITH waiting AS (
             SELECT account_id, due_at,
                 ROW_NUMBER() OVER (PARTITION BY workspace_id ORDER BY due_at, account_id) AS turn
             FROM budgets WHERE due_at <= $1),
         due AS MATERIALIZED (
             SELECT b.account_id FROM waiting w JOIN budgets b ON b.account_id = w.account_id
             WHERE b.due_at <= $1 ORDER BY w.turn, w.due_at, b.account_id LIMIT $2",
        ") UPDATE budgets SET due_at = $1 WHERE account_id IN (SELECT account_id FROM due)
             RETURNING account_id, workspace_id, spent",
        |text, c| sqlx::query_as(text).bind(now).bind(limit).fetch_all(c).await
    )
}

/// Ends a look at an account's queue: what is spent by now, and when to look again.
pub async fn update_seen(
    tx: &mut Tx,
    account: &AccountId,
    spent: &Spent,
    due_at: Option<Timestamp>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE budgets SET spent = $2, due_at = $3 WHERE account_id = $1")
        .bind(account)
        .bind(json(spent)?)
        .bind(due_at)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds when the next queue is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(due_at) FROM budgets WHERE due_at IS NOT NULL")
        .fetch_one(c)
        .await)
}

/// Lists the accounts whose oldest job, of those that are first in their lanes, has been due for longest,
/// whatever holds it up.
pub async fn list_behind(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Behind>> {
    sql!(tx, |c| {
        sqlx::query_as(
        "SELECT u.account_id AS lane, MIN(u.job_due_at) AS due_at FROM (
             SELECT b.account_id, (SELECT MIN(j.due_at) FROM jobs j WHERE j.account_id = b.account_id
                 AND j.class = k.class AND j.priority = k.priority AND j.is_first) AS job_due_at
             FROM budgets b CROSS JOIN (
                 SELECT 'text' AS class, 0 AS priority UNION ALL SELECT 'media', 0
                 UNION ALL SELECT 'text', 1 UNION ALL SELECT 'media', 1
                 UNION ALL SELECT 'text', 2 UNION ALL SELECT 'media', 2) k
             WHERE b.due_at IS NOT NULL) u
         WHERE u.job_due_at <= $1 GROUP BY u.account_id ORDER BY 2, 1 LIMIT $2"
    )
    .bind(now)
    .bind(limit)
    .fetch_all(c)
    .await
    })
}
