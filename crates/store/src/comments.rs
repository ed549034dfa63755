//! Comments on posts, as platforms told of them.

use posta_core::id::{AccountId, CommentId, RemoteComment, RemotePerson, RemotePost, WorkspaceId};
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::sql::sql;
use crate::text::{json, text};
use crate::{Result, Tx};

/// A comment.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The account that was told of it.
    pub account_id: AccountId,
    /// The platform's id of it.
    pub remote_id: RemoteComment,
    /// The platform's id of the post it stands under.
    pub post_id: Option<RemotePost>,
    /// The kind of post, in the platform's words.
    pub post_kind: Option<String>,
    /// The comment it answers.
    pub parent_id: Option<RemoteComment>,
    /// Who wrote it.
    pub author_id: Option<RemotePerson>,
    /// Their handle.
    pub author_username: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// Whether the account itself wrote it.
    pub is_own: bool,
    /// Whether it was written under a live broadcast.
    pub is_live: bool,
    /// The ad it stands under.
    pub ad_id: Option<String>,
    /// Whether it is hidden from others.
    pub is_hidden: bool,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When it was written, by the platform's clock.
    pub commented_at: Timestamp,
    /// When we stored it.
    pub created_at: Timestamp,
    /// The platform's own words for it.
    pub raw: Option<Json<Value>>,
}

macro_rules! columns {
    () => {
        "id, workspace_id, account_id, remote_id, post_id, post_kind, parent_id, author_id,
             author_username, text, is_own, is_live, ad_id, is_hidden, deleted_at, commented_at,
             created_at, raw"
    };
}

/// Adds a comment; `false` when the account has one with this remote id.
pub async fn insert(tx: &mut Tx, comment: &Comment) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(concat!(
        "INSERT INTO comments (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (account_id, remote_id) DO NOTHING"
    ))
    .bind(&comment.id)
    .bind(&comment.workspace_id)
    .bind(&comment.account_id)
    .bind(&comment.remote_id)
    .bind(&comment.post_id)
    .bind(comment.post_kind.as_deref().map(text))
    .bind(&comment.parent_id)
    .bind(&comment.author_id)
    .bind(comment.author_username.as_deref().map(text))
    .bind(comment.text.as_deref().map(text))
    .bind(comment.is_own)
    .bind(comment.is_live)
    .bind(comment.ad_id.as_deref().map(text))
    .bind(comment.is_hidden)
    .bind(comment.deleted_at)
    .bind(comment.commented_at)
    .bind(comment.created_at)
    .bind(comment.raw.as_ref().map(json).transpose()?)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Finds a comment by the platform's id.
pub async fn find_remote(
    tx: &mut Tx,
    account: &AccountId,
    remote: &RemoteComment,
) -> Result<Option<Comment>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM comments WHERE account_id = $1 AND remote_id = $2"
    ))
    .bind(account)
    .bind(remote)
    .fetch_optional(c)
    .await)
}
