//! How often in a row a machine was answered by what seems to be another one, in a conversation.

use posta_core::event::Direction;
use posta_core::id::ConversationId;
use posta_core::time::Timestamp;

use crate::rows::padded;
use crate::sql::{push_among, sql};
use crate::{Result, Tx};

/// What was written last in a conversation.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Last {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Who wrote it.
    pub direction: Direction,
    /// What made us send it, if it is ours.
    pub sent_via: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// Lists what was written last in conversations, for each in which something was.
pub async fn list_last(tx: &mut Tx, conversations: &[&ConversationId]) -> Result<Vec<Last>> {
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    match tx {
        Tx::Sqlite(tx) => {
            let mut query = sqlx::QueryBuilder::new(
                "SELECT conversation_id, direction, sent_via, sent_at FROM messages WHERE id IN (
                     SELECT (SELECT m.id FROM messages m WHERE m.conversation_id = c.id
                                 AND m.status IN ('sending', 'sent', 'received')
                             ORDER BY m.sent_at DESC, m.id DESC LIMIT 1)
                     FROM conversations c WHERE TRUE",
            );
            push_among!(query, "c.id", padded(conversations));
            query.push(")").build_query_as().fetch_all(&mut **tx).await
        }
        // It would rather read all messages than those that it has looked up.
        Tx::Postgres(tx) => {
            sqlx::query_as(
                "SELECT m.conversation_id, m.direction, m.sent_via, m.sent_at
                 FROM UNNEST($1::TEXT[]) c (id) CROSS JOIN LATERAL (
                     SELECT conversation_id, direction, sent_via, sent_at FROM messages
                     WHERE conversation_id = c.id AND status IN ('sending', 'sent', 'received')
                     ORDER BY sent_at DESC, id DESC LIMIT 1) m",
            )
            .bind(conversations)
            .fetch_all(&mut **tx)
            .await
        }
    }
}

/// Returns how many turns a conversation has had.
pub async fn get(tx: &mut Tx, conversation: &ConversationId) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar("SELECT automated_turns FROM conversations WHERE id = $1")
        .bind(conversation)
        .fetch_one(c)
        .await)
}

/// Notes how many turns a conversation has had.
pub async fn update(tx: &mut Tx, conversation: &ConversationId, turns: i64) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE conversations SET automated_turns = $2 WHERE id = $1 AND automated_turns <> $2"
    )
    .bind(conversation)
    .bind(turns)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
