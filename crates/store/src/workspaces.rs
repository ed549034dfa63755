//! Workspaces: one customer's world each.

use posta_core::id::WorkspaceId;
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::text::text;
use crate::{Result, Tx};

/// A workspace.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name, unique on this server.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Makes a workspace; `false` when the name is taken.
pub async fn insert(tx: &mut Tx, workspace: &Workspace) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING"
    )
    .bind(&workspace.id)
    .bind(text(&workspace.name))
    .bind(workspace.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Finds a workspace by name.
pub async fn find_by_name(tx: &mut Tx, name: &str) -> Result<Option<Workspace>> {
    sql!(tx, |c| sqlx::query_as("SELECT id, name, created_at FROM workspaces WHERE name = $1")
        .bind(text(name))
        .fetch_optional(c)
        .await)
}

/// Lists the ids of all workspaces.
pub async fn list_ids(tx: &mut Tx) -> Result<Vec<WorkspaceId>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT id FROM workspaces ORDER BY id").fetch_all(c).await)
}

/// Gets a workspace.
pub async fn get(tx: &mut Tx, id: &WorkspaceId) -> Result<Workspace> {
    sql!(tx, |c| sqlx::query_as("SELECT id, name, created_at FROM workspaces WHERE id = $1")
        .bind(id)
        .fetch_one(c)
        .await)
}

/// Holds back everybody else who writes events of this workspace until the transaction ends.
///
/// Writing an event takes this row anyway. Whoever also writes accounts, conversations or messages
/// takes it first, so that two transactions never wait for each other in a circle.
pub async fn lock(tx: &mut Tx, id: &WorkspaceId) -> Result<()> {
    lock_all(tx, std::slice::from_ref(id)).await
}

/// The same for several, in one order, so that two who lock many never wait for each other.
pub async fn lock_all(tx: &mut Tx, ids: &[WorkspaceId]) -> Result<()> {
    match tx {
        // Whoever writes at all is alone.
        Tx::Sqlite(_) => {}
        Tx::Postgres(tx) => {
            // What refers to a workspace may be written meanwhile, which takes a lesser lock.
            let locked =
                "SELECT 1 FROM workspaces WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
            sqlx::query(locked).bind(ids).execute(&mut **tx).await?;
        }
    }
    Ok(())
}
