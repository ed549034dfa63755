//! Adding messages, one or many.

use super::Message;
use crate::rows::chunks;
use crate::search::folded;
use crate::sql::sql;
use crate::text::{Written, json, text};
use crate::{Result, Tx};

/// Adds a message; `false` when the account has one with this remote id.
pub async fn insert(tx: &mut Tx, message: &Message) -> Result<bool> {
    Ok(insert_all(tx, std::slice::from_ref(message)).await? == 1)
}

/// Adds messages, but for those of which the account has one with their remote id. Returns how many.
pub async fn insert_all(tx: &mut Tx, messages: &[Message]) -> Result<u64> {
    let mut added = 0;
    for chunk in chunks(messages) {
        let rows: Vec<_> = chunk.iter().map(encoded).collect::<Result<_>>()?;
        added += sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new(
                "INSERT INTO messages (id, workspace_id, account_id, conversation_id, remote_id,
                     direction, status, text, attachments, sender_id, sent_via, tag, metadata,
                     is_read, sent_at, created_at, content, origin, part_of, comment_id, deleted_at,
                     edited_at, edit_count, edit_history, reactions, folded) ",
            );
            query.push_values(&rows, |mut row, (message, json)| {
                row.push_bind(&message.id)
                    .push_bind(&message.workspace_id)
                    .push_bind(&message.account_id)
                    .push_bind(&message.conversation_id)
                    .push_bind(&message.remote_id)
                    .push_bind(message.direction)
                    .push_bind(message.status)
                    .push_bind(message.text.as_deref().map(text))
                    .push_bind(&json.attachments)
                    .push_bind(text(&message.sender_id))
                    .push_bind(&message.sent_via)
                    .push_bind(&message.tag)
                    .push_bind(&json.metadata)
                    .push_bind(message.is_read)
                    .push_bind(message.sent_at)
                    .push_bind(message.created_at)
                    .push_bind(&json.content)
                    .push_bind(message.origin)
                    .push_bind(&message.part_of)
                    .push_bind(&message.comment_id)
                    .push_bind(message.deleted_at)
                    .push_bind(message.edited_at)
                    .push_bind(message.edit_count)
                    .push_bind(&json.edit_history)
                    .push_bind(&json.reactions)
                    .push_bind(message.text.as_deref().map(folded));
            });
            query.push(" ON CONFLICT (account_id, remote_id) DO NOTHING");
            query.build().execute(c).await?.rows_affected()
        });
    }
    Ok(added)
}

/// What of a message is kept as JSON.
struct Encoded {
    attachments: Written,
    metadata: Option<Written>,
    content: Option<Written>,
    edit_history: Written,
    reactions: Written,
}

fn encoded(message: &Message) -> Result<(&Message, Encoded)> {
    let encoded = Encoded {
        attachments: json(&message.attachments)?,
        metadata: message.metadata.as_ref().map(json).transpose()?,
        content: message.content.as_ref().map(json).transpose()?,
        edit_history: json(&message.edit_history)?,
        reactions: json(&message.reactions)?,
    };
    Ok((message, encoded))
}
