//! Private replies to comments: at most one per comment, on record before the platform is asked.

use posta_core::id::{AccountId, MessageId, RemoteComment, RemoteMessage, WorkspaceId};
use posta_core::message::Content;
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::sql::sql;
use crate::text::json;
use crate::{Result, Tx};

/// A private reply.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PrivateReply {
    /// The id that its message has once it is sent.
    pub id: MessageId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The account that replies.
    pub account_id: AccountId,
    /// The comment it replies to.
    pub comment_id: RemoteComment,
    /// What it says.
    pub content: Json<Content>,
    /// What became of it.
    pub state: State,
    /// The platform's id of the message.
    pub remote_id: Option<RemoteMessage>,
    /// Why it was not sent, or why nobody knows.
    pub error: Option<Json<Value>>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What became of a private reply. One that certainly was not sent has no row any more, and the
/// comment can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    /// The platform is being asked. If we die now, nobody knows whether it took it.
    Sending,
    /// The platform has it.
    Sent,
    /// The platform may have it.
    Unknown,
    /// The platform says that the comment can no longer be answered.
    Spent,
}

macro_rules! columns {
    () => {
        "id, workspace_id, account_id, comment_id, content, state, remote_id, error, created_at"
    };
}

/// Puts an attempt on record; `false` when there is one for this comment.
pub async fn insert(tx: &mut Tx, reply: &PrivateReply) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "INSERT INTO private_replies (id, workspace_id, account_id, comment_id, content, state,
             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (account_id, comment_id) DO NOTHING"
    )
    .bind(&reply.id)
    .bind(&reply.workspace_id)
    .bind(&reply.account_id)
    .bind(&reply.comment_id)
    .bind(json(&reply.content)?)
    .bind(reply.state)
    .bind(reply.created_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Finds the reply to a comment.
pub async fn find(
    tx: &mut Tx,
    account: &AccountId,
    comment: &RemoteComment,
) -> Result<Option<PrivateReply>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM private_replies WHERE account_id = $1 AND comment_id = $2"
    ))
    .bind(account)
    .bind(comment)
    .fetch_optional(c)
    .await)
}

/// Notes what became of a reply; `false` when that is settled.
pub async fn update(
    tx: &mut Tx,
    id: &MessageId,
    state: State,
    remote: Option<&RemoteMessage>,
    error: Option<&Value>,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE private_replies SET state = $2, remote_id = $3, error = $4
         WHERE id = $1 AND state IN ('sending', 'unknown')"
    )
    .bind(id)
    .bind(state)
    .bind(remote)
    .bind(error.map(json).transpose()?)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Forgets an attempt that certainly did nothing.
pub async fn delete(tx: &mut Tx, id: &MessageId) -> Result<()> {
    sql!(tx, |c| sqlx::query("DELETE FROM private_replies WHERE id = $1 AND state = 'sending'")
        .bind(id)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Lists the account's replies that are being sent, or of which nobody knows, oldest first.
pub async fn list_unsettled(tx: &mut Tx, account: &AccountId) -> Result<Vec<PrivateReply>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM private_replies WHERE account_id = $1 AND state IN ('sending', 'unknown')
         ORDER BY id LIMIT 1000"
    ))
    .bind(account)
    .fetch_all(c)
    .await)
}
