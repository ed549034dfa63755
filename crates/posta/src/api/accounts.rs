//! Connected accounts: listed, moved, disconnected, and how they are.

use axum::Json;
use axum::extract::State;
use posta_core::id::{AccountId, OauthAppId, ProfileId};
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account, Filter, State as AccountState};
use posta_store::profiles;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Id, Query};
use super::page;
use super::profiles::{MessageAnswer, ProfileShape};
use crate::app::App;
use crate::flows::disconnect;

/// A connected account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountShape {
    /// Its id.
    #[serde(rename = "_id")]
    id: AccountId,
    /// Its platform.
    platform: String,
    /// Its profile, whole.
    profile_id: ProfileShape,
    /// Its handle.
    username: String,
    /// Its name for people.
    display_name: String,
    /// Its picture.
    profile_picture: Option<String>,
    /// Its public page.
    profile_url: Option<String>,
    /// The platform's id of it towards the app.
    platform_user_id: String,
    /// Whether it can be used.
    is_active: bool,
    /// Whether the platform no longer accepts its token.
    needs_reconnection: bool,
    /// Always true.
    enabled: bool,
    /// Always null.
    parent_account_id: Option<AccountId>,
    /// Until when the platform accepts nothing from it.
    rate_limited_until: Option<Timestamp>,
    /// Your own app that it is connected through.
    oauth_app_id: Option<OauthAppId>,
    /// Always null: see the health of the account for its permissions.
    scope_areas: Option<Vec<String>>,
    /// How many people followed it when it was connected.
    followers_count: Option<i64>,
    /// When that was.
    followers_last_updated: Option<Timestamp>,
    /// What else the platform says of it.
    #[schema(value_type = Object)]
    metadata: Value,
    /// When it was first connected.
    created_at: Timestamp,
}

fn shape(account: Account, profile: ProfileShape) -> AccountShape {
    let is_active = account.state == AccountState::Connected;
    AccountShape {
        platform_user_id: account.app_scoped_id.unwrap_or_else(|| account.remote_id.to_string()),
        id: account.id,
        platform: account.platform,
        profile_id: profile,
        display_name: account.display_name.unwrap_or_else(|| account.username.clone()),
        username: account.username,
        profile_picture: account.picture,
        profile_url: account.profile_url,
        is_active,
        needs_reconnection: !is_active,
        enabled: true,
        parent_account_id: None,
        rate_limited_until: account.rate_limited_until,
        oauth_app_id: account.oauth_app_id,
        scope_areas: None,
        followers_count: account.followers,
        followers_last_updated: account.token_issued_at,
        metadata: account.metadata.0,
        created_at: account.created_at,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only those of this profile.
    profile_id: Option<ProfileId>,
    /// Only those of these profiles, separated by commas.
    profile_ids: Option<String>,
    /// Only those on this platform.
    platform: Option<String>,
    /// `connected` or `disconnected`.
    #[param(inline)]
    status: Option<Status>,
    /// Only those whose handle or name contains this.
    search: Option<String>,
    /// `social` and `communication` have accounts so far; any other has none.
    category: Option<String>,
    /// `asc` (the default) or `desc`, by the time of connection.
    #[param(inline)]
    order: Option<Order>,
    /// Whether to count by status.
    #[serde(default)]
    include_status_counts: bool,
    /// The page, from 1, together with `limit`.
    page: Option<i64>,
    /// How many, at most 500.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It can.
    Connected,
    /// Only after a new login.
    Disconnected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    Asc,
    Desc,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountList {
    accounts: Vec<AccountShape>,
    /// Always false: there are no analytics yet.
    has_analytics_access: bool,
    /// Where this page stands; only when one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<AccountPage>,
    /// How many there are, whatever page and status were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_counts: Option<StatusCounts>,
}

/// A page of accounts, in the style it was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum AccountPage {
    /// By number.
    Numbered {
        /// The number of this page, from 1.
        page: i64,
        /// How many accounts a page has.
        limit: i64,
        /// How many accounts match.
        total: i64,
        /// How many pages they fill.
        pages: i64,
    },
    /// By cursor.
    #[serde(rename_all = "camelCase")]
    Continued {
        /// How many accounts a page has.
        limit: i64,
        /// What to send as `cursor` for more; null at the end.
        next_cursor: Option<String>,
    },
}

/// How many accounts are how.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusCounts {
    /// All of them.
    all: usize,
    /// Those that need a new login.
    disconnected: usize,
}

/// Lists accounts.
///
/// Without `page`, `limit` and `cursor` the whole list comes back.
#[utoipa::path(get, path = "/v1/accounts", operation_id = "list_accounts", tag = "Accounts",
    params(ListQuery), responses((status = 200, body = AccountList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<AccountList>> {
    let mut rows = matching(&app, &caller, &query).await?;
    let status_counts = query.include_status_counts.then(|| {
        let disconnected = rows.iter().filter(|one| one.state != AccountState::Connected).count();
        StatusCounts { all: rows.len(), disconnected }
    });
    if let Some(status) = query.status {
        let is_connected = status == Status::Connected;
        rows.retain(|one| (one.state == AccountState::Connected) == is_connected);
    }
    let pagination = paged(&query, &mut rows)?;
    let mut tx = app.db.read().await?;
    let mut accounts = Vec::with_capacity(rows.len());
    for account in rows {
        let profile = profiles::find(&mut tx, caller.workspace(), &account.profile_id).await?;
        let profile = profile.ok_or(posta_store::Error::RowNotFound)?;
        accounts.push(shape(account, profile.into()));
    }
    Ok(Json(AccountList { accounts, has_analytics_access: false, pagination, status_counts }))
}

async fn matching(app: &App, caller: &Caller, query: &ListQuery) -> Result<Vec<Account>> {
    let mut profiles = caller.narrow(query.profile_id.clone());
    if let Some(list) = query.profile_ids.as_deref().filter(|list| !list.is_empty()) {
        let wanted: Vec<ProfileId> = list
            .split(',')
            .map(|id| id.trim().parse().map_err(|error| ApiError::bad_value("profileIds", error)))
            .collect::<Result<_>>()?;
        let is_seen = |id: &ProfileId| profiles.as_ref().is_none_or(|seen| seen.contains(id));
        profiles = Some(wanted.into_iter().filter(is_seen).collect());
    }
    let filter =
        Filter { profiles: profiles.as_deref(), platform: query.platform.as_deref(), state: None };
    let mut tx = app.db.read().await?;
    let mut rows = accounts::list(&mut tx, caller.workspace(), &filter, None, i64::MAX).await?;
    if let Some(search) = query.search.as_deref().map(str::to_lowercase) {
        let has = |text: &str| text.to_lowercase().contains(&search);
        rows.retain(|one| has(&one.username) || one.display_name.as_deref().is_some_and(has));
    }
    if query.category.as_deref().is_some_and(|one| !["social", "communication"].contains(&one)) {
        rows.clear();
    }
    if query.order == Some(Order::Desc) {
        rows.reverse();
    }
    Ok(rows)
}

/// Cuts the list to the page that was asked for, in either of the two styles of this operation.
fn paged(query: &ListQuery, rows: &mut Vec<Account>) -> Result<Option<AccountPage>> {
    if query.page.is_none() && query.limit.is_none() && query.cursor.is_none() {
        return Ok(None);
    }
    let limit = page::limit(query.limit, 100, 500)?;
    if let Some(number) = query.page {
        if number < 1 {
            return Err(ApiError::bad_value("page", "must be at least 1"));
        }
        let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let skip = usize::try_from((number - 1).saturating_mul(limit)).unwrap_or(usize::MAX);
        rows.drain(..skip.min(rows.len()));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let pages = (total + limit - 1) / limit;
        return Ok(Some(AccountPage::Numbered { page: number, limit, total, pages }));
    }
    if let Some(cursor) = query.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
        let after: AccountId = cursor.parse().map_err(|_| {
            ApiError::bad_value("cursor", "is not one that a list of ours gave out")
        })?;
        let seen = rows.iter().position(|one| one.id == after).map_or(rows.len(), |at| at + 1);
        rows.drain(..seen);
    }
    let cut = page::cut(rows, limit, |one| one.id.to_string());
    Ok(Some(AccountPage::Continued { limit, next_cursor: cut.next_cursor }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Move {
    /// The profile that receives the account.
    profile_id: ProfileId,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MoveAnswer {
    message: &'static str,
    profile_id: ProfileId,
}

/// Moves an account to another profile.
#[utoipa::path(patch, path = "/v1/accounts/{accountId}", operation_id = "move_account_to_profile",
    tag = "Accounts", params(("accountId" = AccountId, Path, description = "Its id")),
    request_body = Move,
    responses((status = 200, body = MoveAnswer)))]
pub(crate) async fn move_to_profile(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
    body: Body<Move>,
) -> Result<Json<MoveAnswer>> {
    let mut tx = app.db.write().await?;
    let account = caller.account(&mut tx, &id).await?;
    let profile = caller.profile(&mut tx, &body.value.profile_id).await?;
    accounts::update_profile(&mut tx, caller.workspace(), &account.id, &profile.id).await?;
    tx.commit().await?;
    Ok(Json(MoveAnswer { message: "Account moved", profile_id: profile.id }))
}

/// Disconnects an account and forgets its token. Its conversations stay, and come back with it.
#[utoipa::path(delete, path = "/v1/accounts/{accountId}", operation_id = "delete_account",
    tag = "Accounts", params(("accountId" = AccountId, Path, description = "Its id")),
    responses((status = 200, body = MessageAnswer)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<MessageAnswer>> {
    let mut tx = app.db.write().await?;
    let account = caller.account(&mut tx, &id).await?;
    disconnect::disconnect(&app, &mut tx, &account).await?;
    tx.commit().await?;
    app.wake.deliver.notify_one();
    Ok(Json(MessageAnswer { message: "Account disconnected" }))
}
