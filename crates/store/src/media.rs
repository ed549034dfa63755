//! Files: those handed in to be sent, with what platforms that keep them call them, and copies of
//! what people sent.

use posta_core::id::{AccountId, MessageId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::sql::{push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// A file. Its row is there before the file is, and goes after it, so no file is ever without one.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Media {
    /// The name of it on disk, which cannot be guessed.
    pub id: String,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// What its owner calls it.
    pub filename: String,
    /// What it is; `None` until it is whole.
    pub content_type: Option<String>,
    /// How many bytes it has.
    pub size: i64,
    /// The SHA-256 of them, in hex; `None` until it is whole.
    pub sha256: Option<String>,
    /// When it began to come in.
    pub created_at: Timestamp,
    /// When it is deleted.
    pub expires_at: Timestamp,
    /// The message that it is a copy out of; `None` for one that was handed in to be sent, and once
    /// the message is gone.
    pub message_id: Option<MessageId>,
    /// Which part of the message; `None` for one that was handed in to be sent.
    pub place: Option<i64>,
}

macro_rules! columns {
    () => {
        "id, workspace_id, filename, content_type, size, sha256, created_at, expires_at, message_id,
             place"
    };
}

/// Adds a file that is about to come in.
pub async fn insert(tx: &mut Tx, media: &Media) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO media (id, workspace_id, filename, content_type, size, sha256, created_at,
             expires_at, message_id, place)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    )
    .bind(&media.id)
    .bind(&media.workspace_id)
    .bind(text(&media.filename))
    .bind(&media.content_type)
    .bind(media.size)
    .bind(&media.sha256)
    .bind(media.created_at)
    .bind(media.expires_at)
    .bind(&media.message_id)
    .bind(media.place)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes that a file is whole, and what it turned out to be; `false` when it is no longer wanted.
pub async fn update_whole(tx: &mut Tx, media: &Media) -> Result<bool> {
    let done = sql!(tx, |c| {
        sqlx::query(
        "UPDATE media SET filename = $2, content_type = $3, size = $4, sha256 = $5, expires_at = $6
         WHERE id = $1 AND (place IS NULL OR message_id IS NOT NULL)"
    )
    .bind(&media.id)
    .bind(text(&media.filename))
    .bind(&media.content_type)
    .bind(media.size)
    .bind(&media.sha256)
    .bind(media.expires_at)
    .execute(c)
    .await?
    .rows_affected()
    });
    Ok(done == 1)
}

/// Lets a file be deleted at another time.
pub async fn update_expiry(tx: &mut Tx, id: &str, expires_at: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE media SET expires_at = $2 WHERE id = $1")
        .bind(id)
        .bind(expires_at)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Lets go of the copies out of a message. They are no longer found, and will be deleted.
pub async fn update_released(tx: &mut Tx, message: &MessageId) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query("UPDATE media SET message_id = NULL WHERE message_id = $1")
        .bind(message)
        .execute(c)
        .await?
        .rows_affected()))
}

/// Lets go of the copy of one part of a message, to make room for another.
pub async fn update_replaced(tx: &mut Tx, message: &MessageId, place: i64) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE media SET message_id = NULL WHERE message_id = $1 AND place = $2"
    )
    .bind(message)
    .bind(place)
    .execute(c)
    .await?
    .rows_affected()))
}

/// Returns how many bytes the files of a workspace have.
pub async fn sum(tx: &mut Tx, owner: &WorkspaceId) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM media WHERE workspace_id = $1"
    )
    .bind(owner)
    .fetch_one(c)
    .await)
}

/// Notes that an account sends a file.
pub async fn insert_use(tx: &mut Tx, account: &AccountId, media: &str) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO media_uses (account_id, media_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    )
    .bind(account)
    .bind(media)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds a file by its name, whosever it is: whoever knows the name may have it. A copy out of a
/// message that is gone is none.
pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Media>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM media WHERE id = $1 AND (place IS NULL OR message_id IS NOT NULL)"
    ))
    .bind(text(id))
    .fetch_optional(c)
    .await)
}

/// Finds a whole file of the workspace that was handed in with this content that is kept until after `now`.
pub async fn find_by_content(
    tx: &mut Tx,
    owner: &WorkspaceId,
    sha256: &str,
    now: Timestamp,
) -> Result<Option<Media>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM media WHERE workspace_id = $1 AND sha256 = $2 AND expires_at > $3 AND place IS NULL
         ORDER BY id LIMIT 1"
    ))
    .bind(owner)
    .bind(sha256)
    .bind(now)
    .fetch_optional(c)
    .await)
}

/// Ends the time of copies whose message is gone.
pub async fn update_left_over(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "UPDATE media SET content_type = NULL, place = NULL, expires_at = $1
         WHERE place IS NOT NULL AND message_id IS NULL"
    )
    .bind(now)
    .execute(c)
    .await?
    .rows_affected()))
}

/// Lists files that have had their time.
pub async fn list_expired(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<String>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT id FROM media WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2"
    )
    .bind(now)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Puts off the end of a file that cannot be deleted now. Nobody finds it any more.
pub async fn update_stuck(tx: &mut Tx, id: &str, due_at: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE media SET content_type = NULL, sha256 = NULL, expires_at = $2 WHERE id = $1"
    )
    .bind(id)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Finds when the next file is to be deleted; at once for copies whose message is gone.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT MIN(due) FROM (SELECT MIN(expires_at) AS due FROM media
             UNION ALL SELECT MIN(0) AS due FROM media
             WHERE place IS NOT NULL AND message_id IS NULL) AS both_kinds"
    )
    .fetch_one(c)
    .await)
}

/// Returns which of these files have a row.
pub async fn list_known(tx: &mut Tx, ids: &[String]) -> Result<Vec<String>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new("SELECT id FROM media WHERE TRUE");
        push_among!(query, "id", ids);
        query.build_query_scalar().fetch_all(c).await
    })
}

/// Forgets a file, and what platforms call it.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql!(tx, |c| sqlx::query("DELETE FROM media WHERE id = $1")
        .bind(id)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds what the platform calls a file that the account handed in there.
pub async fn find_upload(
    tx: &mut Tx,
    account: &AccountId,
    media: &str,
    kind: &str,
) -> Result<Option<String>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT remote_id FROM media_uploads
         WHERE account_id = $1 AND media_id = $2 AND kind = $3"
    )
    .bind(account)
    .bind(media)
    .bind(kind)
    .fetch_optional(c)
    .await)
}

/// Notes what the platform calls a file.
pub async fn insert_upload(
    tx: &mut Tx,
    account: &AccountId,
    media: &str,
    kind: &str,
    remote: &str,
    now: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO media_uploads (account_id, media_id, kind, remote_id, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id, media_id, kind) DO UPDATE SET remote_id = excluded.remote_id"
    )
    .bind(account)
    .bind(media)
    .bind(kind)
    .bind(text(remote))
    .bind(now)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Forgets what the platform called a file, because it no longer knows it.
pub async fn delete_upload(tx: &mut Tx, account: &AccountId, remote: &str) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "DELETE FROM media_uploads WHERE account_id = $1 AND remote_id = $2"
    )
    .bind(account)
    .bind(text(remote))
    .execute(c)
    .await?
    .rows_affected()))
}
