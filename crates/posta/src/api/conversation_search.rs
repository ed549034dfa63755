//! Finding conversations by what was said in them, and by whom they are with.

use axum::Json;
use axum::extract::State;
use posta_core::event::Direction;
use posta_core::id::{AccountId, ProfileId};
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account};
use posta_store::conversations::{self, Conversation, Status};
use posta_store::search::{self, Filter, Match};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::conversations::status;
use super::describe::one_of;
use super::error::{ApiError, Result};
use super::extract::Query;
use super::meta::Meta;
use super::page::{self, CursorPage};
use crate::app::App;
use crate::flows::events::participant_name;

/// The longest that is searched for, in characters.
const LONGEST: usize = 200;

/// How many of its matches are shown with a conversation.
const SHOWN: i64 = 3;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// The words, as they stand next to each other, in any case; at most 200 characters.
    query: String,
    #[param(schema_with = direction)]
    direction: Option<Direction>,
    /// Only those of this profile.
    profile_id: Option<ProfileId>,
    /// Only those on this platform.
    platform: Option<String>,
    /// Only those of this account.
    account_id: Option<AccountId>,
    /// How many, at most 50.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
}

fn direction() -> Object {
    one_of("Only messages that went this way.", &["incoming", "outgoing"])
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    data: Vec<Found>,
    pagination: CursorPage,
    meta: Meta,
}

/// A conversation in which the words were said, or whose person is called so.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    conversation: FoundConversation,
    /// In how many of its messages; 0 when only the person's name or handle fits.
    match_count: i64,
    /// The newest of them, at most three.
    matches: Vec<FoundMessage>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundConversation {
    /// The platform's id of it.
    id: String,
    /// Its platform.
    platform: String,
    /// The account it is on.
    account_id: AccountId,
    /// The person's name; while none is known, their handle or id.
    participant_name: String,
    /// The person's handle, where it is known.
    participant_username: Option<String>,
    /// The person's picture, where it is known.
    participant_picture: Option<String>,
    #[schema(schema_with = status)]
    status: Status,
    /// The text of the newest message; empty when it has none.
    last_message: String,
    /// When that was written.
    last_message_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundMessage {
    /// The platform's id of it; ours while the platform has not answered.
    id: String,
    /// Its text.
    text: String,
    /// Which way it went.
    direction: Direction,
    /// When it was written.
    timestamp: Timestamp,
}

impl From<Match> for FoundMessage {
    fn from(found: Match) -> Self {
        let remote = found.remote_id.map(|id| id.to_string());
        Self {
            id: remote.unwrap_or_else(|| found.id.to_string()),
            text: found.text.unwrap_or_default(),
            direction: found.direction,
            timestamp: found.sent_at,
        }
    }
}

fn shape(conversation: Conversation, account: &Account) -> FoundConversation {
    FoundConversation {
        id: conversation.remote_id.to_string(),
        platform: account.platform.clone(),
        account_id: account.id.clone(),
        participant_name: participant_name(&conversation),
        participant_username: conversation.participant_username,
        participant_picture: conversation.participant_picture,
        status: conversation.status,
        last_message: conversation.last_message.unwrap_or_default(),
        last_message_at: conversation.last_message_at,
    }
}

/// Searches the messages of all conversations, and the names and handles of the people in them, the
/// newest match first. With `direction` only messages are searched.
#[utoipa::path(get, path = "/v1/inbox/conversations/search",
    operation_id = "search_inbox_conversations", tag = "Inbox", params(SearchQuery),
    responses((status = 200, body = SearchAnswer)))]
pub(crate) async fn search(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<SearchQuery>,
) -> Result<Json<SearchAnswer>> {
    let limit = page::limit(query.limit, 20, 50)?;
    let place = page::place(query.cursor.as_deref())?;
    let words = query.query.trim();
    if words.is_empty() {
        return Err(ApiError::missing("query"));
    }
    if words.chars().count() > LONGEST {
        return Err(ApiError::bad_value("query", format!("has more than {LONGEST} characters")));
    }
    let profiles = caller.narrow(query.profile_id);
    let mut tx = app.db.read().await?;
    if let Some(id) = &query.account_id {
        caller.account(&mut tx, id).await?;
    }
    let account_filter = accounts::Filter {
        profiles: profiles.as_deref(),
        platform: query.platform.as_deref(),
        state: None,
    };
    let mut all =
        accounts::list(&mut tx, caller.workspace(), &account_filter, None, i64::MAX).await?;
    all.retain(|one| query.account_id.as_ref().is_none_or(|id| *id == one.id));
    let filter = Filter {
        words,
        direction: query.direction,
        profiles: profiles.as_deref(),
        platform: query.platform.as_deref(),
        account: query.account_id.as_ref(),
        after: place.as_ref(),
    };
    let mut hits = search::conversations(&mut tx, caller.workspace(), &filter, limit + 1).await?;
    let pagination =
        page::cut(&mut hits, limit, |one| page::cursor(one.newest, one.conversation_id.as_str()));
    let mut data = Vec::with_capacity(hits.len());
    for hit in hits {
        let conversation =
            conversations::get(&mut tx, caller.workspace(), &hit.conversation_id).await?;
        let Some(account) = all.iter().find(|one| one.id == conversation.account_id) else {
            continue;
        };
        let matches = search::messages(&mut tx, &conversation.id, &filter, SHOWN).await?;
        data.push(Found {
            conversation: shape(conversation, account),
            match_count: hit.matches,
            matches: matches.into_iter().map(Into::into).collect(),
        });
    }
    let meta = Meta::of(all.len(), app.clock.now());
    Ok(Json(SearchAnswer { data, pagination, meta }))
}
