//! Profiles: the tenants or brands of a workspace.

use posta_core::id::{ProfileId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::rows::padded;
use crate::sql::{push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// A profile.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// Its name, unique in the workspace.
    pub name: String,
    /// A description, possibly empty.
    pub description: String,
    /// A colour as the customer wrote it.
    pub color: String,
    /// An IANA time zone.
    pub timezone: Option<String>,
    /// The customer's own id of it, unique in the workspace.
    pub external_id: Option<String>,
    /// Whether it is the one used when none is named.
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which profiles to list.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only these, when a key is restricted to some.
    pub among: Option<&'a [ProfileId]>,
    /// Only the one with this name.
    pub name: Option<&'a str>,
    /// Only the one with this external id.
    pub external_id: Option<&'a str>,
}

macro_rules! narrow {
    ($query:ident, $filter:ident) => {
        if let Some(ids) = $filter.among {
            push_among!($query, "id", ids);
        }
        if let Some(name) = $filter.name {
            $query.push(" AND name = ").push_bind(text(name));
        }
        if let Some(external_id) = $filter.external_id {
            $query.push(" AND external_id = ").push_bind(text(external_id));
        }
    };
}

/// Makes a profile; `false` when its name or external id is taken.
pub async fn insert(tx: &mut Tx, profile: &Profile) -> Result<bool> {
    let done = sql!(tx, |c| {
        sqlx::query(
        "INSERT INTO profiles (id, workspace_id, name, description, color, timezone, external_id,
             is_default, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
    )
    .bind(&profile.id)
    .bind(&profile.workspace_id)
    .bind(text(&profile.name))
    .bind(text(&profile.description))
    .bind(text(&profile.color))
    .bind(profile.timezone.as_deref().map(text))
    .bind(profile.external_id.as_deref().map(text))
    .bind(profile.is_default)
    .bind(profile.created_at)
    .execute(c)
    .await?
    .rows_affected()
    });
    Ok(done == 1)
}

/// Writes all fields that can change; `false` when the name or external id is taken, and then the
/// transaction can only be dropped.
pub async fn update(tx: &mut Tx, profile: &Profile) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE profiles SET name = $3, description = $4, color = $5, timezone = $6,
             external_id = $7, is_default = $8
         WHERE workspace_id = $1 AND id = $2"
    )
    .bind(&profile.workspace_id)
    .bind(&profile.id)
    .bind(text(&profile.name))
    .bind(text(&profile.description))
    .bind(text(&profile.color))
    .bind(profile.timezone.as_deref().map(text))
    .bind(profile.external_id.as_deref().map(text))
    .bind(profile.is_default)
    .execute(c)
    .await
    .map(|done| done.rows_affected()));
    match done {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        done => done.map(|_| true),
    }
}

/// Takes the default mark from every profile of the workspace.
pub async fn clear_default(tx: &mut Tx, owner: &WorkspaceId) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE profiles SET is_default = FALSE WHERE workspace_id = $1 AND is_default"
    )
    .bind(owner)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds a profile.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &ProfileId) -> Result<Option<Profile>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, name, description, color, timezone, external_id, is_default,
             created_at
         FROM profiles WHERE workspace_id = $1 AND id = $2"
    )
    .bind(owner)
    .bind(id)
    .fetch_optional(c)
    .await)
}

/// Lists the profiles with these ids.
pub async fn list_by_id(tx: &mut Tx, ids: &[&ProfileId]) -> Result<Vec<Profile>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, workspace_id, name, description, color, timezone, external_id, is_default,
                 created_at
             FROM profiles WHERE TRUE",
        );
        push_among!(query, "id", padded(ids));
        query.build_query_as().fetch_all(c).await
    })
}

/// Lists the profiles that match, oldest first, from `skip` on.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    limit: i64,
    skip: i64,
) -> Result<Vec<Profile>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, workspace_id, name, description, color, timezone, external_id,
                 is_default, created_at
             FROM profiles WHERE workspace_id = ",
        );
        query.push_bind(owner);
        narrow!(query, filter);
        query.push(" ORDER BY id LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
        query.build_query_as().fetch_all(c).await
    })
}

/// Counts the profiles that match.
pub async fn count(tx: &mut Tx, owner: &WorkspaceId, filter: &Filter<'_>) -> Result<i64> {
    sql!(tx, |c| {
        let mut query =
            sqlx::QueryBuilder::new("SELECT COUNT(*) FROM profiles WHERE workspace_id = ");
        query.push_bind(owner);
        narrow!(query, filter);
        query.build_query_scalar().fetch_one(c).await
    })
}

/// Deletes a profile that has no accounts.
pub async fn delete(tx: &mut Tx, owner: &WorkspaceId, id: &ProfileId) -> Result<bool> {
    let done =
        sql!(tx, |c| sqlx::query("DELETE FROM profiles WHERE workspace_id = $1 AND id = $2")
            .bind(owner)
            .bind(id)
            .execute(c)
            .await?
            .rows_affected());
    Ok(done == 1)
}
