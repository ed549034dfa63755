//! Messages that we send: the parts of one request, and what is written to them afterwards.

use posta_core::id::{AccountId, MessageId, RemoteComment, RemoteMessage, WorkspaceId};
use serde_json::Value;

use crate::messages::{Message, columns};
use crate::sql::sql;
use crate::text::json;
use crate::{Result, Tx};

/// Lists the messages that one request asked for, by the id of the first, in their order.
pub async fn list(tx: &mut Tx, owner: &WorkspaceId, first: &MessageId) -> Result<Vec<Message>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE workspace_id = $1 AND (id = $2 OR part_of = $2) ORDER BY id"
    ))
    .bind(owner)
    .bind(first)
    .fetch_all(c)
    .await)
}

/// Gives up the parts of a request that are still waiting, because one before them was not sent, and
/// returns them in their order.
pub async fn update_rest_failed(
    tx: &mut Tx,
    first: &MessageId,
    error: &Value,
) -> Result<Vec<Message>> {
    let mut rest: Vec<Message> = sql!(tx, |c| sqlx::query_as(concat!(
        "UPDATE messages SET status = 'failed', error = $2
         WHERE part_of = $1 AND status = 'queued' RETURNING ",
        columns!()
    ))
    .bind(first)
    .bind(json(error)?)
    .fetch_all(c)
    .await?);
    rest.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(rest)
}

/// Notes that a message, which came by its echo, is our private reply to a comment.
pub async fn update_private_reply(
    tx: &mut Tx,
    account: &AccountId,
    remote: &RemoteMessage,
    comment: &RemoteComment,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE messages SET comment_id = $3, sent_via = 'api'
         WHERE account_id = $1 AND remote_id = $2"
    )
    .bind(account)
    .bind(remote)
    .bind(comment)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Makes the outcome of whatever waits to be sent unknown, for this reason, so that it is never begun.
/// Returns how many messages.
pub async fn give_up_queued(tx: &mut Tx, error: &Value) -> Result<u64> {
    let error = json(error)?;
    Ok(sql!(tx, |c| {
        sqlx::query("UPDATE messages SET status = 'unknown', error = $1 WHERE status = 'queued'")
            .bind(error)
            .execute(c)
            .await?
            .rows_affected()
    }))
}
