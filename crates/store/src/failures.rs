//! Messages that were not sent, for whoever looks for what they have in common.

use posta_core::id::{AccountId, ConversationId, RemotePerson};
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::sql::sql;
use crate::{Result, Tx};

/// A message that was not sent.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Failure {
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The person it was for.
    pub participant_id: RemotePerson,
    /// Why it was not sent.
    pub error: Option<Json<Value>>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the person last opened the reply window, which may have been later.
    pub window_opened_at: Option<Timestamp>,
}

/// Lists an account's messages since `since` that were not sent, newest first.
pub async fn list(
    tx: &mut Tx,
    account: &AccountId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Failure>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT m.conversation_id, c.participant_id, m.error, m.created_at, c.window_opened_at
         FROM messages m JOIN conversations c ON c.id = m.conversation_id
         WHERE m.account_id = $1 AND m.status = 'failed' AND m.created_at >= $2
         ORDER BY m.created_at DESC LIMIT $3"
    )
    .bind(account)
    .bind(since)
    .bind(limit)
    .fetch_all(c)
    .await)
}
