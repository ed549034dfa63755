//! Webhook endpoints: where customers want to hear of events.

use posta_core::id::{AccountId, EndpointId, ProfileId, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;
use sqlx::types::Json;

use crate::sql::sql;
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
    /// How many deliveries have failed since the last success.
    pub failure_count: i64,
    /// When something was last sent to it.
    pub last_fired_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, workspace_id, name, url, secret, events, is_active, custom_headers,
                 disabled_groups, profile_ids, account_ids, failure_count, last_fired_at, created_at
             FROM endpoints ",
            $rest
        )
    };
}

/// Adds an endpoint.
pub async fn insert(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO endpoints (id, workspace_id, name, url, secret, events, is_active,
             custom_headers, disabled_groups, profile_ids, account_ids, failure_count, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)"
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
    .bind(endpoint.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Writes all fields that the customer can change, and the failure count.
pub async fn update(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE endpoints SET name = $3, url = $4, secret = $5, events = $6, is_active = $7,
             custom_headers = $8, disabled_groups = $9, profile_ids = $10, account_ids = $11,
             failure_count = $12
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
    .bind(endpoint.failure_count)
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

/// Notes the end of a delivery's try: when it was, and whether failures go on or are over.
pub async fn update_fired(
    tx: &mut Tx,
    id: &EndpointId,
    at: Timestamp,
    is_success: bool,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE endpoints SET last_fired_at = $2,
             failure_count = CASE WHEN $3 THEN 0 ELSE failure_count + 1 END
         WHERE id = $1"
    )
    .bind(id)
    .bind(at)
    .bind(is_success)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
