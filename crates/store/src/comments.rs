//! Comments on posts, as platforms told of them.

use posta_core::id::{
    AccountId, CommentId, ProfileId, RemoteComment, RemotePerson, RemotePost, WorkspaceId,
};
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::conversations::Place;
use crate::sql::{push_among, sql};
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

// The platforms' handles are ASCII, so both databases lower them alike.
macro_rules! mentions {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM comments c JOIN accounts a ON a.id = c.account_id
             WHERE a.state <> 'removed' AND NOT c.is_own AND c.deleted_at IS NULL
                 AND (REPLACE(LOWER(c.text), '@' || LOWER(a.username), '') <> LOWER(c.text)
                     OR (c.text IS NULL AND c.author_id IS NULL AND c.author_username IS NULL))
                 AND c.workspace_id = "
        )
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

/// Which comments that name an account to list, and from where.
#[derive(Clone, Debug, Default)]
pub struct Mentions<'a> {
    /// Only those of accounts on these profiles.
    pub profiles: Option<&'a [ProfileId]>,
    /// Only those of this account.
    pub account: Option<&'a AccountId>,
    /// Oldest first instead of newest first.
    pub is_ascending: bool,
    /// Only those after this place.
    pub after: Option<&'a Place>,
}

/// Lists comments of others that name the account which was told of them, by the time they were written.
/// Of one that only mentions it a platform may tell neither text nor author.
pub async fn list_mentions(
    tx: &mut Tx,
    owner: &WorkspaceId,
    wanted: &Mentions<'_>,
    limit: i64,
) -> Result<Vec<Comment>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(mentions!(
            "c.id, c.workspace_id, c.account_id, c.remote_id, c.post_id, c.post_kind, c.parent_id,
             c.author_id, c.author_username, c.text, c.is_own, c.is_live, c.ad_id, c.is_hidden,
             c.deleted_at, c.commented_at, c.created_at, c.raw"
        ));
        query.push_bind(owner);
        if let Some(profiles) = wanted.profiles {
            push_among!(query, "a.profile_id", profiles);
        }
        if let Some(account) = wanted.account {
            query.push(" AND c.account_id = ").push_bind(account);
        }
        if let Some(place) = wanted.after {
            let comes_after = if wanted.is_ascending { ">" } else { "<" };
            query.push(" AND (c.commented_at, c.id) ").push(comes_after).push(" (");
            query.push_bind(place.at).push(", ").push_bind(text(&place.id)).push(")");
        }
        let direction = if wanted.is_ascending { "ASC" } else { "DESC" };
        query.push(" ORDER BY c.commented_at ").push(direction).push(", c.id ").push(direction);
        query.push(" LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Counts the comments that [`list_mentions`] lists over all pages.
pub async fn count_mentions(
    tx: &mut Tx,
    owner: &WorkspaceId,
    wanted: &Mentions<'_>,
) -> Result<i64> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(mentions!("COUNT(*)"));
        query.push_bind(owner);
        if let Some(profiles) = wanted.profiles {
            push_among!(query, "a.profile_id", profiles);
        }
        if let Some(account) = wanted.account {
            query.push(" AND c.account_id = ").push_bind(account);
        }
        query.build_query_scalar().fetch_one(c).await
    })
}
