//! The list of connected accounts: filtered, sorted, paged.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use posta_core::id::{AccountId, ProfileId};
use posta_store::accounts::{self, Account, Filter, State as AccountState};
use posta_store::profiles::{self, Profile};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::{AccountShape, shape};
use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Query;
use super::page;
use crate::app::App;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
#[expect(clippy::struct_excessive_bools, reason = "the unified API has these parameters")]
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
    /// What to sort by: `connected`, the time of connection (the default), `account`, `platform`,
    /// `profile` or `status`.
    #[param(inline)]
    sort: Option<Sort>,
    /// `asc` (the default) or `desc`.
    #[param(inline)]
    order: Option<Order>,
    /// Whether to list accounts above a plan's limit too; there are no plans.
    #[serde(default)]
    #[expect(dead_code, reason = "there is nothing to leave out")]
    include_over_limit: bool,
    /// Whether to leave out hidden accounts; none is hidden.
    #[serde(default)]
    #[expect(dead_code, reason = "there is nothing to leave out")]
    exclude_hidden: bool,
    /// Whether to list sandbox accounts too; all accounts are alike.
    #[serde(default)]
    #[expect(dead_code, reason = "there is nothing to leave out")]
    include_sandbox: bool,
    /// How many of each profile at most, up to 24; with `profileTotals` in the answer.
    per_profile: Option<i64>,
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

/// What to sort accounts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    /// The handle.
    Account,
    /// The platform's name.
    Platform,
    /// The profile's name.
    Profile,
    /// Connected ones first.
    Status,
    /// The time of connection.
    Connected,
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
    /// How many accounts each profile has; only with `perProfile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    profile_totals: Option<BTreeMap<ProfileId, i64>>,
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
    let profiles = profiles_of(&app, &caller, &rows).await?;
    sort(&query, &profiles, &mut rows);
    let status_counts = query.include_status_counts.then(|| {
        let disconnected = rows.iter().filter(|one| one.state != AccountState::Connected).count();
        StatusCounts { all: rows.len(), disconnected }
    });
    if let Some(status) = query.status {
        let is_connected = status == Status::Connected;
        rows.retain(|one| (one.state == AccountState::Connected) == is_connected);
    }
    let profile_totals = query.per_profile.map(|most| few_of_each(most, &mut rows)).transpose()?;
    let pagination = paged(&query, &mut rows)?;
    let now = app.clock.now();
    let accounts = rows.into_iter().filter_map(|account| {
        let profile = profiles.get(&account.profile_id)?.clone();
        Some(shape(account, profile.into(), now))
    });
    Ok(Json(AccountList {
        accounts: accounts.collect(),
        has_analytics_access: false,
        pagination,
        profile_totals,
        status_counts,
    }))
}

async fn profiles_of(
    app: &App,
    caller: &Caller,
    rows: &[Account],
) -> Result<BTreeMap<ProfileId, Profile>> {
    let mut tx = app.db.read().await?;
    let mut all = BTreeMap::new();
    for account in rows {
        if !all.contains_key(&account.profile_id) {
            let profile = profiles::find(&mut tx, caller.workspace(), &account.profile_id).await?;
            let profile = profile.ok_or(posta_store::Error::RowNotFound)?;
            all.insert(account.profile_id.clone(), profile);
        }
    }
    Ok(all)
}

/// Sorts the list, which comes by the time of connection; what is equal keeps that order.
fn sort(query: &ListQuery, profiles: &BTreeMap<ProfileId, Profile>, rows: &mut [Account]) {
    let profile = |one: &Account| profiles.get(&one.profile_id).map(|of| of.name.to_lowercase());
    match query.sort.unwrap_or(Sort::Connected) {
        Sort::Account => rows.sort_by_key(|one| one.username.to_lowercase()),
        Sort::Platform => rows.sort_by(|one, two| one.platform.cmp(&two.platform)),
        Sort::Profile => rows.sort_by_key(profile),
        Sort::Status => rows.sort_by_key(|one| one.state != AccountState::Connected),
        Sort::Connected => {}
    }
    if query.order == Some(Order::Desc) {
        rows.reverse();
    }
}

/// Keeps at most so many accounts of each profile, and counts all of them.
fn few_of_each(most: i64, rows: &mut Vec<Account>) -> Result<BTreeMap<ProfileId, i64>> {
    if !(1..=24).contains(&most) {
        return Err(ApiError::bad_value("perProfile", "must be from 1 to 24"));
    }
    let mut totals = BTreeMap::new();
    rows.retain(|one| {
        let count = totals.entry(one.profile_id.clone()).or_insert(0);
        *count += 1;
        *count <= most
    });
    Ok(totals)
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
