//! The customers' own apps on platforms, with their secrets sealed.

use posta_core::id::{OauthAppId, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;
use sqlx::types::Json;

use crate::sql::sql;
use crate::text::{json, text};
use crate::{Result, Tx};

/// An app that a customer registered at a platform.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OauthApp {
    /// Its id.
    pub id: OauthAppId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The platform it is registered at.
    pub platform: String,
    /// Its name for people.
    pub label: String,
    /// Its public id at the platform, unique in workspace and platform.
    pub client_id: String,
    /// Its secret at the platform.
    pub client_secret: Sealed,
    /// The id of the app that signs webhooks, where that is another.
    pub signing_app_id: Option<String>,
    /// The secret of that app.
    pub signing_secret: Option<Sealed>,
    /// What the platform must say when it asks whether our webhook URL is ours.
    pub verify_token: Sealed,
    /// The permission areas asked for; all of them when `None`.
    pub scope_areas: Option<Json<Vec<String>>>,
    /// When the platform was last asked whether it accepts id and secret.
    pub checked_at: Option<Timestamp>,
    /// Why it did not.
    pub check_error: Option<String>,
    /// When it was registered here.
    pub created_at: Timestamp,
}

/// Registers an app; `false` when the workspace has one with this client id.
pub async fn insert(tx: &mut Tx, app: &OauthApp) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "INSERT INTO oauth_apps (id, workspace_id, platform, label, client_id, client_secret,
             signing_app_id, signing_secret, verify_token, scope_areas, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
    )
    .bind(&app.id)
    .bind(&app.workspace_id)
    .bind(&app.platform)
    .bind(text(&app.label))
    .bind(text(&app.client_id))
    .bind(&app.client_secret)
    .bind(app.signing_app_id.as_deref().map(text))
    .bind(&app.signing_secret)
    .bind(&app.verify_token)
    .bind(app.scope_areas.as_ref().map(json).transpose()?)
    .bind(app.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Writes all fields that can change.
pub async fn update(tx: &mut Tx, app: &OauthApp) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE oauth_apps SET label = $3, client_secret = $4, signing_app_id = $5,
             signing_secret = $6, scope_areas = $7,
             checked_at = CASE WHEN client_secret = $4 THEN checked_at END,
             check_error = CASE WHEN client_secret = $4 THEN check_error END
         WHERE workspace_id = $1 AND id = $2"
    )
    .bind(&app.workspace_id)
    .bind(&app.id)
    .bind(text(&app.label))
    .bind(&app.client_secret)
    .bind(app.signing_app_id.as_deref().map(text))
    .bind(&app.signing_secret)
    .bind(app.scope_areas.as_ref().map(json).transpose()?)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes what the platform said of id and secret; no error when it accepts them.
pub async fn update_checked(
    tx: &mut Tx,
    id: &OauthAppId,
    at: Timestamp,
    error: Option<&str>,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE oauth_apps SET checked_at = $2, check_error = $3 WHERE id = $1"
    )
    .bind(id)
    .bind(at)
    .bind(error.map(text))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds an app.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &OauthAppId) -> Result<Option<OauthApp>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, platform, label, client_id, client_secret, signing_app_id,
             signing_secret, verify_token, scope_areas, checked_at, check_error, created_at
         FROM oauth_apps WHERE workspace_id = $1 AND id = $2"
    )
    .bind(owner)
    .bind(id)
    .fetch_optional(c)
    .await)
}

/// Lists the apps of a workspace, oldest first, after `after`.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    after: Option<&OauthAppId>,
    limit: i64,
) -> Result<Vec<OauthApp>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, platform, label, client_id, client_secret, signing_app_id,
             signing_secret, verify_token, scope_areas, checked_at, check_error, created_at
         FROM oauth_apps WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3"
    )
    .bind(owner)
    .bind(after.map_or("", OauthAppId::as_str))
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Lists every app of a platform in all workspaces, because a webhook does not say whose it is.
pub async fn list_for_platform(tx: &mut Tx, platform: &str) -> Result<Vec<OauthApp>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, platform, label, client_id, client_secret, signing_app_id,
             signing_secret, verify_token, scope_areas, checked_at, check_error, created_at
         FROM oauth_apps WHERE platform = $1 ORDER BY id"
    )
    .bind(text(platform))
    .fetch_all(c)
    .await)
}

/// Deletes an app; its accounts are then those of no app.
pub async fn delete(tx: &mut Tx, owner: &WorkspaceId, id: &OauthAppId) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET oauth_app_id = NULL WHERE workspace_id = $1 AND oauth_app_id = $2"
    )
    .bind(owner)
    .bind(id)
    .execute(c)
    .await?
    .rows_affected());
    sql!(tx, |c| sqlx::query("DELETE FROM oauth_apps WHERE workspace_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}
