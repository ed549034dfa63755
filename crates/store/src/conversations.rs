//! Conversations: one per account and person.

use posta_core::id::{
    AccountId, ConversationId, ProfileId, RemotePerson, RemoteThread, WorkspaceId,
};
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::rows::chunks;
use crate::sql::{push_among, sql};
use crate::text::{Written, json, text};
use crate::{Result, Tx};

/// A conversation.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The account it is on.
    pub account_id: AccountId,
    /// The platform's id of it.
    pub remote_id: RemoteThread,
    /// The platform's id of the person.
    pub participant_id: RemotePerson,
    /// The person's name.
    pub participant_name: Option<String>,
    /// The person's handle.
    pub participant_username: Option<String>,
    /// The person's picture.
    pub participant_picture: Option<String>,
    /// Whether it is in the inbox or put away.
    pub status: Status,
    /// The text of the newest message.
    pub last_message: Option<String>,
    /// When the newest message was written.
    pub last_message_at: Option<Timestamp>,
    /// When the person last did something that opens the reply window.
    pub window_opened_at: Option<Timestamp>,
    /// How many messages of the person nobody has read.
    pub unread_count: i64,
    /// What brought the person here.
    pub metadata: Option<Json<Value>>,
    /// When we first heard of it.
    pub created_at: Timestamp,
    /// When something last happened in it.
    pub updated_at: Timestamp,
    /// Who the person is, as the platform said it last.
    pub profile: Option<Json<Value>>,
    /// When the person's profile is to be read; `None` when not.
    pub profile_due_at: Option<Timestamp>,
    /// What opened the reply window: the event's id and its type.
    pub window_opened_by: Option<Json<Value>>,
    /// When it is to be told that the reply window closes; `None` when not, or when it was.
    pub window_due_at: Option<Timestamp>,
    /// Which app holds it, where the platform said so.
    pub control: Option<Json<Value>>,
}

/// Whether a conversation is in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Status {
    /// In the inbox.
    Active,
    /// Put away; a new message brings it back.
    Archived,
}

/// A place in a list ordered by time and id, from which the next page goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The time of the last row seen.
    pub at: Timestamp,
    /// The id of the last row seen.
    pub id: String,
}

/// Which conversations to list, and from where.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only those of accounts on these profiles.
    pub profiles: Option<&'a [ProfileId]>,
    /// Only those on this platform.
    pub platform: Option<&'a str>,
    /// Only those of this account.
    pub account: Option<&'a AccountId>,
    /// Only those in this state.
    pub status: Option<Status>,
    /// Oldest first instead of newest first.
    pub is_ascending: bool,
    /// Only those after this place.
    pub after: Option<&'a Place>,
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.workspace_id, c.account_id, c.remote_id, c.participant_id,
                 c.participant_name, c.participant_username, c.participant_picture, c.status,
                 c.last_message, c.last_message_at, c.window_opened_at, c.unread_count, c.metadata,
                 c.created_at, c.updated_at, c.profile, c.profile_due_at, c.window_opened_by,
                 c.window_due_at, c.control
             FROM conversations c ",
            $rest
        )
    };
}

/// Adds conversations, or gets and locks those that the account has with this remote id. No two of
/// them may be of one account and remote id.
pub async fn insert_or_get(tx: &mut Tx, new: &[Conversation]) -> Result<Vec<Conversation>> {
    let mut all = Vec::with_capacity(new.len());
    for chunk in chunks(new) {
        let metadata = |one: &Conversation| one.metadata.as_ref().map(json).transpose();
        let rows: Vec<_> =
            chunk.iter().map(|one| Ok((one, metadata(one)?))).collect::<Result<_>>()?;
        let found: Vec<Conversation> = sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new(
                "INSERT INTO conversations (id, workspace_id, account_id, remote_id,
                     participant_id, participant_name, participant_username, participant_picture,
                     status, unread_count, metadata, created_at, updated_at) ",
            );
            query.push_values(&rows, |mut row, (new, metadata)| {
                row.push_bind(&new.id)
                    .push_bind(&new.workspace_id)
                    .push_bind(&new.account_id)
                    .push_bind(&new.remote_id)
                    .push_bind(&new.participant_id)
                    .push_bind(new.participant_name.as_deref().map(text))
                    .push_bind(new.participant_username.as_deref().map(text))
                    .push_bind(new.participant_picture.as_deref().map(text))
                    .push_bind(new.status)
                    .push_bind(new.unread_count)
                    .push_bind(metadata)
                    .push_bind(new.created_at)
                    .push_bind(new.updated_at);
            });
            query.push(
                " ON CONFLICT (account_id, remote_id) DO UPDATE SET remote_id = excluded.remote_id
                 RETURNING id, workspace_id, account_id, remote_id, participant_id,
                     participant_name, participant_username, participant_picture, status,
                     last_message, last_message_at, window_opened_at, unread_count, metadata,
                     created_at, updated_at, profile, profile_due_at, window_opened_by,
                     window_due_at, control",
            );
            query.build_query_as().fetch_all(c).await?
        });
        all.extend(found);
    }
    Ok(all)
}

/// Writes what activity changes, for whoever read the rows under their lock: status, newest message, window, unread count, who holds it, time.
pub async fn update_activity(tx: &mut Tx, conversations: &[&Conversation]) -> Result<()> {
    for chunk in chunks(conversations) {
        let rows: Vec<_> = chunk.iter().map(|one| activity(one)).collect::<Result<_>>()?;
        sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new(
                "WITH new (workspace, conversation, status, last_message, last_message_at,
                     window_opened_at, unread_count, metadata, updated_at, profile_due_at,
                     window_opened_by, window_due_at, control) AS (",
            );
            query.push_values(&rows, |mut row, (one, json)| {
                row.push_bind(&one.workspace_id)
                    .push_bind(&one.id)
                    .push_bind(one.status)
                    .push_bind(one.last_message.as_deref().map(text))
                    .push_bind(one.last_message_at)
                    .push_bind(one.window_opened_at)
                    .push_bind(one.unread_count)
                    .push_bind(&json[0])
                    .push_bind(one.updated_at)
                    .push_bind(one.profile_due_at)
                    .push_bind(&json[1])
                    .push_bind(one.window_due_at)
                    .push_bind(&json[2]);
            });
            query.push(
                ") UPDATE conversations SET status = new.status, last_message = new.last_message,
                     last_message_at = new.last_message_at,
                     window_opened_at = new.window_opened_at, unread_count = new.unread_count,
                     metadata = new.metadata, updated_at = new.updated_at,
                     profile_due_at = new.profile_due_at,
                     window_opened_by = new.window_opened_by, window_due_at = new.window_due_at,
                     control = new.control
                 FROM new WHERE workspace_id = new.workspace AND id = new.conversation",
            );
            query.build().execute(c).await?.rows_affected()
        });
    }
    Ok(())
}

/// What of a conversation's activity is kept as JSON.
fn activity<'a>(one: &&'a Conversation) -> Result<(&'a Conversation, [Option<Written>; 3])> {
    let json = |value: &Option<Json<Value>>| value.as_ref().map(json).transpose();
    Ok((*one, [json(&one.metadata)?, json(&one.window_opened_by)?, json(&one.control)?]))
}

/// Puts a conversation away or back, and nothing else: what a webhook changes meanwhile stays.
/// Returns when it was last changed.
pub async fn update_status(
    tx: &mut Tx,
    id: &ConversationId,
    status: Status,
    now: Timestamp,
) -> Result<Timestamp> {
    sql!(tx, |c| sqlx::query_scalar(
        "UPDATE conversations SET status = $2,
             updated_at = CASE WHEN updated_at < $3 THEN $3 ELSE updated_at END
         WHERE id = $1 RETURNING updated_at"
    )
    .bind(id)
    .bind(status)
    .bind(now)
    .fetch_one(c)
    .await)
}

/// Notes that everything was read, and nothing else. It locks the conversation, so that a message
/// which comes meanwhile is either counted before or stays unread.
pub async fn update_all_read(tx: &mut Tx, id: &ConversationId) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE conversations SET unread_count = 0 WHERE id = $1")
        .bind(id)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds a conversation of an account by our id or by the platform's.
pub async fn find(
    tx: &mut Tx,
    owner: &WorkspaceId,
    account: &AccountId,
    either_id: &str,
) -> Result<Option<Conversation>> {
    sql!(tx, |c| sqlx::query_as(columns!(
        "WHERE c.workspace_id = $1 AND c.account_id = $2 AND (c.id = $3 OR c.remote_id = $3)"
    ))
    .bind(owner)
    .bind(account)
    .bind(text(either_id))
    .fetch_optional(c)
    .await)
}

/// Finds a conversation that may have been deleted meanwhile.
pub async fn find_by_id(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &ConversationId,
) -> Result<Option<Conversation>> {
    sql!(tx, |c| sqlx::query_as(columns!("WHERE c.workspace_id = $1 AND c.id = $2"))
        .bind(owner)
        .bind(id)
        .fetch_optional(c)
        .await)
}

/// Gets a conversation that a row of ours names.
pub async fn get(tx: &mut Tx, owner: &WorkspaceId, id: &ConversationId) -> Result<Conversation> {
    sql!(tx, |c| sqlx::query_as(columns!("WHERE c.workspace_id = $1 AND c.id = $2"))
        .bind(owner)
        .bind(id)
        .fetch_one(c)
        .await)
}

/// Notes the person's handle, unless one is known.
pub async fn update_username(
    tx: &mut Tx,
    account: &AccountId,
    thread: &RemoteThread,
    username: &str,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE conversations SET participant_username = $3
         WHERE account_id = $1 AND remote_id = $2 AND participant_username IS NULL"
    )
    .bind(account)
    .bind(thread)
    .bind(text(username))
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Gets a conversation and locks it, for whoever is going to write the whole row.
pub async fn get_locked(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &ConversationId,
) -> Result<Conversation> {
    lock(tx, id).await?;
    get(tx, owner, id).await
}

/// Locks a conversation. Whoever changes it and its messages locks it first, so that nobody waits in
/// a circle.
pub async fn lock(tx: &mut Tx, id: &ConversationId) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE conversations SET unread_count = unread_count WHERE id = $1")
        .bind(id)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Lists the conversations that match, by the time of the last change.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Conversation>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(columns!(
            "JOIN accounts a ON a.id = c.account_id
             WHERE a.state <> 'removed' AND c.workspace_id = "
        ));
        query.push_bind(owner);
        if let Some(profiles) = filter.profiles {
            push_among!(query, "a.profile_id", profiles);
        }
        if let Some(platform) = filter.platform {
            query.push(" AND a.platform = ").push_bind(text(platform));
        }
        if let Some(account) = filter.account {
            query.push(" AND c.account_id = ").push_bind(account);
        }
        if let Some(status) = filter.status {
            query.push(" AND c.status = ").push_bind(status);
        }
        if let Some(place) = filter.after {
            let comes_after = if filter.is_ascending { ">" } else { "<" };
            query.push(" AND (c.updated_at, c.id) ").push(comes_after).push(" (");
            query.push_bind(place.at).push(", ").push_bind(text(&place.id)).push(")");
        }
        let direction = if filter.is_ascending { "ASC" } else { "DESC" };
        query.push(" ORDER BY c.updated_at ").push(direction).push(", c.id ").push(direction);
        query.push(" LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Deletes a conversation and everything in it. Returns the number of messages deleted.
pub async fn delete(tx: &mut Tx, owner: &WorkspaceId, id: &ConversationId) -> Result<u64> {
    // Locked before its messages, as everywhere.
    lock(tx, id).await?;
    let messages = sql!(tx, |c| sqlx::query(
        "DELETE FROM messages WHERE workspace_id = $1 AND conversation_id = $2"
    )
    .bind(owner)
    .bind(id)
    .execute(c)
    .await?
    .rows_affected());
    sql!(tx, |c| sqlx::query("DELETE FROM conversations WHERE workspace_id = $1 AND id = $2")
        .bind(owner)
        .bind(id)
        .execute(c)
        .await?
        .rows_affected());
    Ok(messages)
}

/// Counts the conversations of an account that are silent since before a time and in which the
/// account never wrote.
pub async fn count_unanswered(tx: &mut Tx, account: &AccountId, before: Timestamp) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM conversations c WHERE c.account_id = $1 AND c.updated_at < $2
             AND NOT EXISTS (SELECT 1 FROM messages m
                             WHERE m.conversation_id = c.id AND m.direction = 'outgoing')"
    )
    .bind(account)
    .bind(before)
    .fetch_one(c)
    .await)
}
