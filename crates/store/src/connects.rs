//! Connect attempts under way, from authorize URL to callback.

use posta_core::id::{AccountId, ConnectId, OauthAppId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::text::text;
use crate::{Result, Tx};

/// A connect attempt.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Connect {
    /// Its id.
    pub id: ConnectId,
    /// The workspace that receives the account.
    pub workspace_id: WorkspaceId,
    /// The profile that receives the account.
    pub profile_id: ProfileId,
    /// The platform.
    pub platform: String,
    /// The customer's own app, when it is not the configured one.
    pub oauth_app_id: Option<OauthAppId>,
    /// Where the browser ends.
    pub redirect_url: Option<String>,
    /// The account that must come of it.
    pub reconnect_account_id: Option<AccountId>,
    /// The platform's account that must come of it.
    pub expected_remote_id: Option<String>,
    /// The handle that must come of it.
    pub expected_username: Option<String>,
    /// When it can no longer be finished.
    pub expires_at: Timestamp,
    /// When it was finished; it can be only once.
    pub used_at: Option<Timestamp>,
}

/// Adds an attempt.
pub async fn insert(tx: &mut Tx, connect: &Connect) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO connects (id, workspace_id, profile_id, platform, oauth_app_id, redirect_url,
             reconnect_account_id, expected_remote_id, expected_username, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    )
    .bind(&connect.id)
    .bind(&connect.workspace_id)
    .bind(&connect.profile_id)
    .bind(&connect.platform)
    .bind(&connect.oauth_app_id)
    .bind(connect.redirect_url.as_deref().map(text))
    .bind(&connect.reconnect_account_id)
    .bind(connect.expected_remote_id.as_deref().map(text))
    .bind(connect.expected_username.as_deref().map(text))
    .bind(connect.expires_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds an attempt in whichever workspace: the browser that returns carries no credential.
pub async fn find(tx: &mut Tx, id: &ConnectId) -> Result<Option<Connect>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, profile_id, platform, oauth_app_id, redirect_url,
             reconnect_account_id, expected_remote_id, expected_username, expires_at, used_at
         FROM connects WHERE id = $1"
    )
    .bind(id)
    .fetch_optional(c)
    .await)
}

/// Uses an attempt up; `false` when somebody did so before.
pub async fn claim(tx: &mut Tx, id: &ConnectId, now: Timestamp) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE connects SET used_at = $2 WHERE id = $1 AND used_at IS NULL"
    )
    .bind(id)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Deletes attempts that expired before `before`.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query("DELETE FROM connects WHERE expires_at < $1")
        .bind(before)
        .execute(c)
        .await?
        .rows_affected()))
}
