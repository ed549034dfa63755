//! Webhook endpoints: where customers want to hear of events.

use posta_core::id::{AccountId, EndpointId, ProfileId, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;
use sqlx::types::Json;

use crate::rows::padded;
use crate::sql::{push_among, sql};
use crate::text::{json, text};
use crate::{Result, Tx};

/// A webhook endpoint.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// Its name for people.
    pub name: String,
    /// Where deliveries go.
    pub url: String,
    /// The secret that signs them.
    pub secret: Sealed,
    /// What signed them before, while it still does.
    pub previous_secret: Option<Sealed>,
    /// Until when.
    pub previous_secret_until: Option<Timestamp>,
    /// The events it wants.
    pub events: Json<Vec<String>>,
    /// Whether it gets anything.
    pub is_active: bool,
    /// Headers the customer adds, sealed as JSON because they often carry credentials.
    pub custom_headers: Option<Sealed>,
    /// Resource groups whose events it does not get.
    pub disabled_groups: Json<Vec<String>>,
    /// Only events of these profiles, unless empty.
    pub profile_ids: Json<Vec<ProfileId>>,
    /// Only events of these accounts, unless empty.
    pub account_ids: Json<Vec<AccountId>>,
    /// Whether what belongs to one conversation comes in its order.
    pub keeps_order: bool,
    /// How many deliveries it wants in a second at most.
    pub max_per_second: Option<i64>,
    /// How many tries have failed since the last success.
    pub failure_count: i64,
    /// Since when tries fail without a success in between.
    pub failing_since: Option<Timestamp>,
    /// Until when nothing is tried, because too many tries failed.
    pub held_until: Option<Timestamp>,
    /// Up to how many percent of the time to its end as an active endpoint it was warned of.
    pub warned_percent: i64,
    /// Why Posta switched it off.
    pub disabled_reason: Option<String>,
    /// When something was last sent to it.
    pub last_fired_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, workspace_id, name, url, secret, previous_secret, previous_secret_until, events, is_active, custom_headers,
                 disabled_groups, profile_ids, account_ids, keeps_order, max_per_second,
                 failure_count, failing_since, held_until, warned_percent, disabled_reason,
                 last_fired_at, created_at
             FROM endpoints ",
            $rest
        )
    };
}

/// Adds an endpoint.
pub async fn insert(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO endpoints (id, workspace_id, name, url, secret, events, is_active,
             custom_headers, disabled_groups, profile_ids, account_ids, keeps_order, max_per_second,
             failure_count, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, $14)"
    )
    .bind(&endpoint.id)
    .bind(&endpoint.workspace_id)
    .bind(text(&endpoint.name))
    .bind(text(&endpoint.url))
    .bind(&endpoint.secret)
    .bind(json(&endpoint.events)?)
    .bind(endpoint.is_active)
    .bind(&endpoint.custom_headers)
    .bind(json(&endpoint.disabled_groups)?)
    .bind(&endpoint.profile_ids)
    .bind(&endpoint.account_ids)
    .bind(endpoint.keeps_order)
    .bind(endpoint.max_per_second)
    .bind(endpoint.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Writes all fields that the customer can change, and nothing that deliveries write.
pub async fn update(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE endpoints SET name = $3, url = $4, secret = $5, events = $6, is_active = $7,
             custom_headers = $8, disabled_groups = $9, profile_ids = $10, account_ids = $11,
             keeps_order = $12, max_per_second = $13, previous_secret = $14,
             previous_secret_until = $15
         WHERE workspace_id = $1 AND id = $2"
    )
    .bind(&endpoint.workspace_id)
    .bind(&endpoint.id)
    .bind(text(&endpoint.name))
    .bind(text(&endpoint.url))
    .bind(&endpoint.secret)
    .bind(json(&endpoint.events)?)
    .bind(endpoint.is_active)
    .bind(&endpoint.custom_headers)
    .bind(json(&endpoint.disabled_groups)?)
    .bind(&endpoint.profile_ids)
    .bind(&endpoint.account_ids)
    .bind(endpoint.keeps_order)
    .bind(endpoint.max_per_second)
    .bind(&endpoint.previous_secret)
    .bind(endpoint.previous_secret_until)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Forgets what went wrong with an endpoint, because somebody has switched it on again.
pub async fn update_forgiven(tx: &mut Tx, id: &EndpointId) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE endpoints SET failure_count = 0, failing_since = NULL, held_until = NULL,
             warned_percent = 0, disabled_reason = NULL
         WHERE id = $1"
    )
    .bind(id)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Writes up to how many percent an endpoint was warned of, whether it is active, and why not.
pub async fn update_fate(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE endpoints SET is_active = $2, warned_percent = $3, disabled_reason = $4
         WHERE id = $1"
    )
    .bind(&endpoint.id)
    .bind(endpoint.is_active)
    .bind(endpoint.warned_percent)
    .bind(endpoint.disabled_reason.as_deref().map(text))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds an endpoint.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &EndpointId) -> Result<Option<Endpoint>> {
    sql!(tx, |c| sqlx::query_as(columns!("WHERE workspace_id = $1 AND id = $2"))
        .bind(owner)
        .bind(id)
        .fetch_optional(c)
        .await)
}

/// Lists all endpoints of a workspace, oldest first; there are at most fifty.
pub async fn list(tx: &mut Tx, owner: &WorkspaceId) -> Result<Vec<Endpoint>> {
    sql!(tx, |c| sqlx::query_as(columns!("WHERE workspace_id = $1 ORDER BY id"))
        .bind(owner)
        .fetch_all(c)
        .await)
}

/// Lists the endpoints of several workspaces.
pub async fn list_of(tx: &mut Tx, owners: &[&WorkspaceId]) -> Result<Vec<Endpoint>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(columns!("WHERE TRUE"));
        push_among!(query, "workspace_id", padded(owners));
        query.push(" ORDER BY id").build_query_as().fetch_all(c).await
    })
}

/// Deletes an endpoint with its deliveries and log; `false` when there is none.
pub async fn delete(tx: &mut Tx, owner: &WorkspaceId, id: &EndpointId) -> Result<bool> {
    let done =
        sql!(tx, |c| sqlx::query("DELETE FROM endpoints WHERE workspace_id = $1 AND id = $2")
            .bind(owner)
            .bind(id)
            .execute(c)
            .await?
            .rows_affected());
    Ok(done == 1)
}

/// What came of the tries of one endpoint.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The endpoint.
    pub id: EndpointId,
    /// Whether it took something: whatever was wrong before is over then.
    pub is_success: bool,
    /// How many tries have failed since.
    pub failures: i64,
}

/// How an endpoint stands that was tried.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Standing {
    /// The endpoint.
    pub id: EndpointId,
    /// Up to how many percent of the time to its end it was warned of.
    pub warned_percent: i64,
    /// How many tries have failed since the last success.
    pub failure_count: i64,
    /// Since when.
    pub failing_since: Option<Timestamp>,
}

/// Notes what came of tries: `$rows` says it as `t`, and `$lock` locks those rows of endpoints. One
/// that goes on taking everything is noted once a second, which is near enough.
macro_rules! update_tried {
    ($rows:literal, $lock:literal) => {
        concat!(
            "WITH r AS MATERIALIZED (
                 SELECT p.id AS endpoint_id, t.is_success, t.failures FROM ",
            $rows,
            " CROSS JOIN endpoints p WHERE p.id = t.id AND (t.failures > 0 OR p.failure_count > 0
                      OR p.warned_percent > 0 OR p.last_fired_at IS NULL
                      OR p.last_fired_at NOT BETWEEN CAST($1 AS BIGINT) - 1000 AND $1)",
            $lock,
            ") UPDATE endpoints SET last_fired_at = $1,
                 failure_count = r.failures + CASE WHEN r.is_success THEN 0 ELSE failure_count END,
                 failing_since = CASE WHEN r.failures = 0 THEN NULL
                     WHEN r.is_success OR failing_since IS NULL THEN $1 ELSE failing_since END,
                 held_until =
                     CASE WHEN NOT r.is_success OR failure_count = 0 THEN held_until END
             FROM r WHERE id = r.endpoint_id
             RETURNING id, warned_percent, failure_count, failing_since"
        )
    };
}

/// Notes what came of the tries of endpoints, each of which is there once. Returns how those stand of
/// which there was something to note.
pub async fn update_tried(tx: &mut Tx, tried: &[Tried], at: Timestamp) -> Result<Vec<Standing>> {
    match tx {
        Tx::Sqlite(tx) => {
            let row = |one: &Tried| (one.id.clone(), one.is_success, one.failures);
            sqlx::query_as(update_tried!(
                "(SELECT value->>0 AS id, value->>1 AS is_success, value->>2 AS failures
                      FROM json_each($2)) t",
                ""
            ))
            .bind(at)
            .bind(Json(tried.iter().map(row).collect::<Vec<_>>()))
            .fetch_all(&mut **tx)
            .await
        }
        // In one order everywhere, so that two nodes never wait for each other in a circle.
        Tx::Postgres(tx) => {
            let ids: Vec<_> = tried.iter().map(|one| one.id.as_str()).collect();
            let successes: Vec<_> = tried.iter().map(|one| one.is_success).collect();
            let failures: Vec<_> = tried.iter().map(|one| one.failures).collect();
            sqlx::query_as(update_tried!(
                "UNNEST($2::TEXT[], $3::BOOLEAN[], $4::BIGINT[]) AS t (id, is_success, failures)",
                " ORDER BY p.id FOR NO KEY UPDATE OF p"
            ))
            .bind(at)
            .bind(ids)
            .bind(successes)
            .bind(failures)
            .fetch_all(&mut **tx)
            .await
        }
    }
}

/// Holds an endpoint until a time, unless somebody else holds it or its row at this moment; `false`
/// then. It waits for nobody: the caller may have other endpoints' rows, in whatever order.
pub async fn hold(tx: &mut Tx, id: &EndpointId, now: Timestamp, until: Timestamp) -> Result<bool> {
    let done = match tx {
        Tx::Sqlite(t) => sqlx::query(
            "UPDATE endpoints SET held_until = $3
             WHERE id = $1 AND (held_until IS NULL OR held_until <= $2)",
        )
        .bind(id)
        .bind(now)
        .bind(until)
        .execute(&mut **t)
        .await?
        .rows_affected(),
        Tx::Postgres(t) => sqlx::query(
            "WITH free AS MATERIALIZED (SELECT id FROM endpoints
                 WHERE id = $1 AND (held_until IS NULL OR held_until <= $2)
                 FOR NO KEY UPDATE SKIP LOCKED)
             UPDATE endpoints SET held_until = $3 WHERE id IN (SELECT id FROM free)",
        )
        .bind(id)
        .bind(now)
        .bind(until)
        .execute(&mut **t)
        .await?
        .rows_affected(),
    };
    Ok(done == 1)
}

/// Moves the time until which an endpoint is held.
pub async fn update_held(tx: &mut Tx, id: &EndpointId, until: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE endpoints SET held_until = $2 WHERE id = $1")
        .bind(id)
        .bind(until)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}
