//! API keys, of which only a hash is kept.

use posta_core::id::{KeyId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;
use sqlx::types::Json;

use crate::sql::sql;
use crate::text::{json, text};
use crate::{Result, Tx};

/// An API key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// The workspace it opens.
    pub workspace_id: WorkspaceId,
    /// Its name for people.
    pub name: String,
    /// The SHA-256 of its text, in hex.
    pub hash: String,
    /// Enough of its text to recognise it by.
    pub preview: String,
    /// The profiles it may see; all of them when `None`.
    pub profile_ids: Option<Json<Vec<ProfileId>>>,
    /// Whether it may only read.
    pub is_read_only: bool,
    /// The resource groups that are switched off for it.
    pub disabled_groups: Json<Vec<String>>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Adds a key.
pub async fn insert(tx: &mut Tx, key: &Key) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO api_keys (id, workspace_id, name, hash, preview, profile_ids, is_read_only,
             disabled_groups, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    )
    .bind(&key.id)
    .bind(&key.workspace_id)
    .bind(text(&key.name))
    .bind(&key.hash)
    .bind(&key.preview)
    .bind(&key.profile_ids)
    .bind(key.is_read_only)
    .bind(json(&key.disabled_groups)?)
    .bind(key.expires_at)
    .bind(key.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds the key with this hash, in whichever workspace.
pub async fn find_by_hash(tx: &mut Tx, hash: &str) -> Result<Option<Key>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, name, hash, preview, profile_ids, is_read_only, disabled_groups,
             expires_at, created_at
         FROM api_keys WHERE hash = $1"
    )
    .bind(hash)
    .fetch_optional(c)
    .await)
}

/// Lists all keys of a workspace, oldest first.
pub async fn list(tx: &mut Tx, owner: &WorkspaceId) -> Result<Vec<Key>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, name, hash, preview, profile_ids, is_read_only, disabled_groups,
             expires_at, created_at
         FROM api_keys WHERE workspace_id = $1 ORDER BY id"
    )
    .bind(owner)
    .fetch_all(c)
    .await)
}

/// Revokes a key; `false` when there is none.
pub async fn delete(tx: &mut Tx, owner: &WorkspaceId, id: &KeyId) -> Result<bool> {
    let done =
        sql!(tx, |c| sqlx::query("DELETE FROM api_keys WHERE workspace_id = $1 AND id = $2")
            .bind(owner)
            .bind(id)
            .execute(c)
            .await?
            .rows_affected());
    Ok(done == 1)
}
