//! Searching for words in messages.
//!
//! Each message keeps its text in a folded form, since the databases disagree on which letters are
//! the same in another case.

use posta_core::event::Direction;
use posta_core::id::{AccountId, ConversationId, MessageId, ProfileId, RemoteMessage, WorkspaceId};
use posta_core::time::Timestamp;

use crate::conversations::Place;
use crate::sql::{push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// Brings a text into the form in which it is searched: without differences of case.
pub(crate) fn folded(words: &str) -> String {
    text(words).to_lowercase()
}

/// What to look for, and where.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// The words, as they stand next to each other, in any case.
    pub words: &'a str,
    /// Only messages that went this way.
    pub direction: Option<Direction>,
    /// Only those of accounts on these profiles.
    pub profiles: Option<&'a [ProfileId]>,
    /// Only those on this platform.
    pub platform: Option<&'a str>,
    /// Only those of this account.
    pub account: Option<&'a AccountId>,
    /// Only conversations after this place: by the newest match, then by id.
    pub after: Option<&'a Place>,
}

/// A conversation in which something was found.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Hit {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// In how many of its messages.
    pub matches: i64,
    /// When the newest of them was written.
    pub newest: Timestamp,
}

/// A message in which something was found.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Match {
    /// Our id of it.
    pub id: MessageId,
    /// The platform's.
    pub remote_id: Option<RemoteMessage>,
    /// Its text.
    pub text: Option<String>,
    /// Which way it went.
    pub direction: Direction,
    /// When it was written.
    pub sent_at: Timestamp,
}

/// Lists the conversations in which the words are found, the newest match first.
pub async fn conversations(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Hit>> {
    let finds = tx.finds();
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT m.conversation_id, COUNT(*) AS matches, MAX(m.sent_at) AS newest
             FROM messages m JOIN accounts a ON a.id = m.account_id
             WHERE a.state <> 'removed' AND m.workspace_id = ",
        );
        query.push_bind(owner);
        query.push(" AND ").push(finds).push("(m.folded, ");
        query.push_bind(folded(filter.words)).push(") > 0");
        if let Some(direction) = filter.direction {
            query.push(" AND m.direction = ").push_bind(direction);
        }
        if let Some(profiles) = filter.profiles {
            push_among!(query, "a.profile_id", profiles);
        }
        if let Some(platform) = filter.platform {
            query.push(" AND a.platform = ").push_bind(text(platform));
        }
        if let Some(account) = filter.account {
            query.push(" AND m.account_id = ").push_bind(account);
        }
        query.push(" GROUP BY m.conversation_id");
        if let Some(place) = filter.after {
            query.push(" HAVING MAX(m.sent_at) < ").push_bind(place.at);
            query.push(" OR (MAX(m.sent_at) = ").push_bind(place.at);
            query.push(" AND m.conversation_id < ").push_bind(text(&place.id)).push(")");
        }
        query.push(" ORDER BY newest DESC, m.conversation_id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Lists the newest messages of a conversation in which the words are found.
pub async fn messages(
    tx: &mut Tx,
    conversation: &ConversationId,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Match>> {
    let finds = tx.finds();
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, remote_id, text, direction, sent_at FROM messages WHERE conversation_id = ",
        );
        query.push_bind(conversation);
        query.push(" AND ").push(finds).push("(folded, ");
        query.push_bind(folded(filter.words)).push(") > 0");
        if let Some(direction) = filter.direction {
            query.push(" AND direction = ").push_bind(direction);
        }
        query.push(" ORDER BY sent_at DESC, id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}
