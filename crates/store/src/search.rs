//! Searching for words in messages, and for people by their names.
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
    /// Only messages that went this way; nobody is then found by name.
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
    /// In how many of its messages; 0 when only the person's name fits.
    pub matches: i64,
    /// When the newest of them was written, or anything in a conversation whose person fits.
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

/// Narrows a search, by the workspace and the account of `$table`.
macro_rules! push_narrowed {
    ($query:ident, $owner:expr, $filter:expr, $table:literal) => {
        $query.push(concat!(" AND a.state <> 'removed' AND ", $table, ".workspace_id = "));
        $query.push_bind($owner);
        if let Some(profiles) = $filter.profiles {
            push_among!($query, "a.profile_id", profiles);
        }
        if let Some(platform) = $filter.platform {
            $query.push(" AND a.platform = ").push_bind(text(platform));
        }
        if let Some(account) = $filter.account {
            $query.push(concat!(" AND ", $table, ".account_id = ")).push_bind(account);
        }
    };
}

/// Lists the conversations in which the words are found, or in the person's name or handle, the newest
/// match first. Names are found in any case of the letters A to Z, others as they are written.
pub async fn conversations(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Hit>> {
    let finds = tx.finds();
    let folded = folded(filter.words);
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT conversation_id, CAST(SUM(matches) AS BIGINT) AS matches, MAX(newest) AS newest
             FROM (SELECT m.conversation_id, COUNT(*) AS matches, MAX(m.sent_at) AS newest
                 FROM messages m JOIN accounts a ON a.id = m.account_id WHERE ",
        );
        query.push(finds).push("(m.folded, ").push_bind(folded.as_str()).push(") > 0");
        if let Some(direction) = filter.direction {
            query.push(" AND m.direction = ").push_bind(direction);
        }
        push_narrowed!(query, owner, filter, "m");
        query.push(" GROUP BY m.conversation_id");
        if filter.direction.is_none() {
            query.push(
                " UNION ALL SELECT c.id, 0, COALESCE(c.last_message_at, c.updated_at)
                 FROM conversations c JOIN accounts a ON a.id = c.account_id WHERE (",
            );
            for name in ["c.participant_name", "c.participant_username"] {
                query.push(finds).push("(LOWER(").push(name).push("), ");
                query.push_bind(folded.as_str()).push(") > 0 OR ");
                query.push(finds).push("(").push(name).push(", ");
                query.push_bind(text(filter.words)).push(") > 0 OR ");
            }
            query.push("1 = 0)");
            push_narrowed!(query, owner, filter, "c");
        }
        query.push(") found GROUP BY conversation_id");
        if let Some(place) = filter.after {
            query.push(" HAVING MAX(newest) < ").push_bind(place.at);
            query.push(" OR (MAX(newest) = ").push_bind(place.at);
            query.push(" AND conversation_id < ").push_bind(text(&place.id)).push(")");
        }
        query.push(" ORDER BY MAX(newest) DESC, conversation_id DESC LIMIT ").push_bind(limit);
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
