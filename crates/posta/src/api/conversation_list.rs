//! Conversations, listed.

use axum::Json;
use axum::extract::State;
use posta_core::failure::Code;
use posta_core::id::{AccountId, ProfileId};
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account};
use posta_store::conversations::{self, Filter, Status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::conversation_acts::not_supported;
use super::conversations::{ConversationShape, shape, status};
use super::error::{ApiError, Result};
use super::extract::Query;
use super::meta::{FailedAccount, Meta};
use super::page::{self, CursorPage};
use crate::app::App;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only those of this profile.
    profile_id: Option<ProfileId>,
    /// Only those on this platform.
    platform: Option<String>,
    #[param(schema_with = status)]
    status: Option<Status>,
    /// `inbox` (the default) or `requests`, which no platform of this version lets apps list.
    folder: Option<Folder>,
    /// `desc` (the default) or `asc`, by the time of the last change.
    sort_order: Option<SortOrder>,
    /// How many, at most 100.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
    /// Only those of this account.
    account_id: Option<AccountId>,
    /// Only those whose contact has these tags; no contact has any yet.
    tags: Option<String>,
}

/// Where a platform keeps a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Folder {
    /// Among those that the account answers.
    Inbox,
    /// Among those of strangers that were not answered yet.
    Requests,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortOrder {
    /// The oldest.
    Asc,
    /// The newest.
    Desc,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversationList {
    data: Vec<ConversationShape>,
    pagination: CursorPage,
    meta: Meta,
}

/// Lists conversations of all accounts, newest first.
#[utoipa::path(get, path = "/v1/inbox/conversations", operation_id = "list_inbox_conversations",
    tag = "Inbox", params(ListQuery),
    responses((status = 200, body = ConversationList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<ConversationList>> {
    let limit = page::limit(query.limit, 50, 100)?;
    let place = page::place(query.cursor.as_deref())?;
    let profiles = caller.narrow(query.profile_id.clone());
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    if let Some(id) = &query.account_id {
        caller.account(&mut tx, id).await?;
    }
    let account_filter = accounts::Filter {
        profiles: profiles.as_deref(),
        platform: query.platform.as_deref(),
        state: None,
    };
    let all = accounts::list(&mut tx, caller.workspace(), &account_filter, None, i64::MAX).await?;
    if query.folder == Some(Folder::Requests) {
        return requests(&all, &query, now);
    }
    let filter = Filter {
        profiles: profiles.as_deref(),
        platform: query.platform.as_deref(),
        account: query.account_id.as_ref(),
        status: query.status,
        is_ascending: query.sort_order == Some(SortOrder::Asc),
        after: place.as_ref(),
    };
    let has_tags = query.tags.as_deref().is_some_and(|tags| !tags.trim().is_empty());
    let mut rows = if has_tags {
        Vec::new()
    } else {
        conversations::list(&mut tx, caller.workspace(), &filter, limit + 1).await?
    };
    let pagination =
        page::cut(&mut rows, limit, |one| page::cursor(one.updated_at, one.id.as_str()));
    let data = rows
        .into_iter()
        .filter_map(|row| {
            let account = all.iter().find(|account| account.id == row.account_id)?;
            Some(shape(row, account, now))
        })
        .collect();
    let meta = Meta::of(queried(&all, &query).count(), now);
    Ok(Json(ConversationList { data, pagination, meta }))
}

fn queried<'a>(all: &'a [Account], query: &'a ListQuery) -> impl Iterator<Item = &'a Account> {
    all.iter().filter(|one| query.account_id.as_ref().is_none_or(|id| *id == one.id))
}

/// Answers for the folder of requests: one account is refused, of several each is named with why.
fn requests(all: &[Account], query: &ListQuery, now: Timestamp) -> Result<Json<ConversationList>> {
    if query.cursor.as_deref().is_some_and(|cursor| !cursor.is_empty()) {
        return Err(ApiError::bad_value("cursor", "goes with no folder but inbox"));
    }
    let refusal = |account: &Account| {
        let problem = "apps cannot tell requests from other conversations, so all are in inbox";
        not_supported(Code::PlatformLimitation, account, problem).param("folder")
    };
    let failed: Vec<_> = queried(all, query)
        .map(|account| FailedAccount::refused(account, &refusal(account)))
        .collect();
    if let (Some(_), Some(account)) = (&query.account_id, queried(all, query).next()) {
        return Err(refusal(account));
    }
    let meta = Meta::of(failed.len(), now).without(failed);
    let pagination = CursorPage { has_more: false, next_cursor: None };
    Ok(Json(ConversationList { data: Vec::new(), pagination, meta }))
}
